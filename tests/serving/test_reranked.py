"""A recommender that learns from what came of its answers, by every way to its lists."""

from typing import Any, Dict, List

import numpy as np
import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.serving import rankers as module
from recbole_poem.serving.query import Outcome, Query
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.quick_start import run_recbole_poem

KEYS = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "ranking_source.n_candidates": 8,
    "topk": [5],
    "epochs": 1,
    "valid_metric": "NDCG@5",
    "rerankers": {"reloop2": {"weight": 1.0, "n_bits": 20, "n_arrays": 3, "pool": 12}},
}
HISTORY = ["i1", "i2", "i3"]


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **KEYS}


@pytest.fixture
def path(keys: Dict[str, Any]) -> str:
    return str(run_recbole_poem(config_dict={**keys, "model": "POEM"})["model_file"])


def items(recommender: Recommender, query: Query) -> List[str]:
    return recommender.answer([query])[0].items


@pytest.mark.parametrize("way", ["exact", "shortlist", "index"])
def test_what_is_taken_comes_first_the_next_time(
    path: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MANY", 1 if way == "shortlist" else 2**14)
    if way == "index":
        pytest.importorskip("faiss")
    recommender = Recommender.load(path, approximate=way == "index")
    plain = Recommender.load(path, {"rerankers": "none"})
    query = Query(HISTORY, k=20)
    before = items(recommender, query)
    assert recommender.observes and before == items(plain, query)
    recommender.observe([query], [Outcome([before[7]])])
    after = items(recommender, query)
    assert after[0] == before[7]
    assert after[12:] == before[12:]  # beyond the pool
    assert set(after[1:3]) == {before[10], before[11]}  # what was shown and not taken is behind
    stranger = Query(["i20", "i9"], k=20)
    assert sorted(items(recommender, stranger)) == sorted(items(plain, stranger))


def test_the_scores_of_a_list_are_in_the_order_of_the_list(path: str) -> None:
    recommender, plain = (Recommender.load(path, more) for more in (None, {"rerankers": "none"}))
    before = plain.recommend([HISTORY], k=20)
    recommender.observe([Query(HISTORY)], [Outcome([before["item"][7]])])
    found = recommender.recommend([HISTORY], k=20)
    assert found["item"].tolist() != before["item"].tolist()
    np.testing.assert_array_equal(found["score"], before["score"])  # the same, handed out anew
    asked = Query(HISTORY, k=20, time=float("nan"))
    np.testing.assert_allclose(recommender.answer([asked])[0].scores, before["score"], rtol=1e-5)


def test_what_was_shown_may_be_said(path: str) -> None:
    recommender = Recommender.load(path)
    query = Query(HISTORY, k=20)
    before = items(recommender, query)
    recommender.observe([query], [Outcome([before[2], "unknown"], [before[0], before[2]])])
    after = items(recommender, query)
    assert after[0] == before[2] and after[11] == before[0]
    assert after[1:11] == [before[1], *before[3:12]]  # not shown, not judged


def test_what_may_not_be_recommended_was_not_shown(path: str) -> None:
    recommender = Recommender.load(path)
    query = Query(HISTORY, k=20)
    before = items(recommender, query)
    allowed = [before[5], before[6]]
    recommender.observe([query._replace(allow=allowed)], [Outcome(allowed[:1])])
    after = items(recommender, query)
    assert after[0] == allowed[0] and after[11] == allowed[1]
    assert after[1:11] == [item for item in before[:12] if item not in allowed]  # not judged


def test_items_that_the_model_does_not_know_were_shown_in_place_of_the_head(path: str) -> None:
    query, found = Query(HISTORY, k=20), []
    for shown in (["new", "newer"], ["i9"], []):
        recommender = Recommender.load(path)
        recommender.observe([query], [Outcome(["i9"], shown)])
        found.append(items(recommender, query))
    assert found[0] == found[1] != found[2]  # of the head nothing is learned, unless it was shown


def test_nothing_that_came_of_nothing_teaches_nothing(path: str) -> None:
    recommender = Recommender.load(path)
    before = items(recommender, Query(HISTORY))
    recommender.observe([], [])
    assert items(recommender, Query(HISTORY)) == before


def test_an_empty_history_teaches_nothing(path: str) -> None:
    recommender = Recommender.load(path)
    queries = [Query([], k=9), Query(HISTORY, k=9)]
    before = [one.items for one in recommender.answer(queries)]
    recommender.observe(queries[:1], [Outcome(["i5"])])
    assert [one.items for one in recommender.answer(queries)] == before
    recommender.observe(queries, [Outcome(["i5"]), Outcome([before[1][3]])])
    after = [one.items for one in recommender.answer(queries)]
    assert after[0] == before[0] and after[1][0] == before[1][3]


def test_a_successor_begins_with_an_empty_memory(path: str) -> None:
    recommender = Recommender.load(path)
    query = Query(HISTORY)
    before = items(recommender, query)
    recommender.observe([query], [Outcome([before[5]])])
    assert items(recommender, query) != before
    assert items(recommender.successor(path), query) == before


def test_outcomes_that_cannot_be_are_refused(path: str) -> None:
    recommender = Recommender.load(path)
    plain = Recommender.load(path, {"rerankers": "none"})
    assert not plain.observes
    for one, queries, outcomes, words in (
        (plain, [Query(HISTORY)], [Outcome(["i1"])], "rerankers: none of them learns from what"),
        (recommender, [Query(HISTORY)], [], "outcomes: 0 for 1 queries"),
        (recommender, [Query(HISTORY)], [Outcome("i1")], "taken: query 0: expected a list of item"),
        (recommender, [Query(HISTORY)], [Outcome(["i1"], np.ones((2, 2)))], "shown: query 0: exp"),
    ):
        with pytest.raises(InputError, match=words):
            one.observe(queries, outcomes)  # type: ignore[arg-type]

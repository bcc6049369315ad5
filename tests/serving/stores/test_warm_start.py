"""What the log says of its users is in the stores before the first question."""

from typing import Any, Dict

import numpy as np
import pytest
from conftest import random_log

from recbole_poem.serving.history import History
from recbole_poem.serving.query import Query
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.stores import warm_start as module
from recbole_poem.serving.stores.store import MemoryHistories, MemoryStore
from recbole_poem.serving.stores.warm_start import warm_start
from recbole_poem.training.quick_start import run_recbole_poem

SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "ranking_source.n_candidates": 8,
    "topk": [5],
    "epochs": 1,
    "train_batch_size": 60,
    "valid_metric": "NDCG@5",
}


@pytest.fixture
def recommender(write_dataset: Any) -> Recommender:
    keys: Dict[str, Any] = write_dataset(random_log(1, n_users=40, n_items=25, longest=20))
    return Recommender.load(str(run_recbole_poem(config_dict={**keys, **SMALL})["model_file"]))


def test_a_warm_store_answers_as_the_users_of_the_data_set_are_answered(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    known = recommender.known_users
    histories, rankings = MemoryHistories(), MemoryStore()
    histories.append("u7", History(["i3"], [5.0]))  # of a former time
    done = warm_start(known, recommender.item_tokens, histories, rankings, 7)
    assert (done.users, done.histories) == (40, 39)
    assert 30 < done.rankings <= 40
    assert histories.read("u7") == History(["i3"], [5.0])
    users = [user for user in known.tokens if user != "u7"]
    expected = recommender.recommend(users=users, k=4, filter_seen=False)
    kept = zip(histories.read_many(users), rankings.read_many(users))
    queries = [
        Query(
            history.items,
            next(iter(of_one), None),
            4,
            False,
            times=history.times,
            time=float("nan"),
        )
        for history, of_one in kept
    ]
    answers = recommender.answer(queries)
    assert [item for answer in answers for item in answer.items] == expected["item"].tolist()
    scores = [score for answer in answers for score in answer.scores]
    np.testing.assert_allclose(scores, expected["score"], rtol=1e-4, atol=1e-6)


def test_a_warm_store_has_as_many_rankings_as_the_model_reads(write_dataset: Any) -> None:
    keys: Dict[str, Any] = write_dataset(random_log(1, n_users=40, n_items=25, longest=20))
    keys = {**keys, **SMALL, "n_rankings": 3}
    recommender = Recommender.load(str(run_recbole_poem(config_dict=keys)["model_file"]))
    histories, rankings = MemoryHistories(), MemoryStore(n_rankings=3)
    warm_start(recommender.known_users, recommender.item_tokens, histories, rankings, 7)
    users = [str(user) for user in recommender.known_users.tokens]
    kept = rankings.read_many(users)
    assert {len(of_one) for of_one in kept} <= {0, 3}
    queries = [
        Query(
            history.items,
            next(iter(of_one), None),
            4,
            False,
            times=history.times,
            time=float("nan"),
            older=of_one[1:],
        )
        for history, of_one in zip(histories.read_many(users), kept)
    ]
    expected = recommender.recommend(users=users, k=4, filter_seen=False)
    items = [item for answer in recommender.answer(queries) for item in answer.items]
    assert items == expected["item"].tolist()


def test_only_the_latest_users_are_given_where_there_is_a_bound(recommender: Recommender) -> None:
    known = recommender.known_users
    latest = known.tokens[known.latest_first[:5]].tolist()
    histories, rankings = MemoryHistories(max_users=5), MemoryStore(max_rankings=5)
    done = warm_start(known, recommender.item_tokens, histories, rankings, 3, most=5)
    assert done.histories == len(histories) == 5
    assert all(0 < len(histories.read(user).items) <= 3 for user in latest)

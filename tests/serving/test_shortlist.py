"""Ranking by a shortlist: what all items would give, wherever the shortlist is right."""

import copy
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.serving.coded_items import CodedItems
from recbole_poem.serving.exact import ExactRanker
from recbole_poem.serving.interest import Interests
from recbole_poem.serving.query import Answer, Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.shortlist import MixedRanker, ShortlistRanker, Vectors
from recbole_poem.training.quick_start import run_recbole_poem

N_ITEMS = 40
SMALL = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "topk": [1, 5],
    "epochs": 1,
    "train_batch_size": 60,
    "valid_metric": "NDCG@5",
    # the log has half a minute
    "logit_terms.popularity_trend": {"hours": [0.004, 0.002], "step": 0.001},
    "logit_terms.hour_of_day": {"hours": 1, "weight": 0.7, "days": 1},
}
#: of one interest, of three, and with a number for each item
MODELS: Dict[str, Dict[str, Any]] = {
    "mixture": {"ranking_reader.group_samples": 2},
    "comirec": {
        "history_encoder": {"name": "comirec", "n_interests": 3},
        "ranking_reader.group_samples": 2,
    },
    "ridge": {"ranking_reader": "ridge", "logit_terms": ["candidate_head", "repeat", "item_bias"]},
}
TIMES = st.none() | st.floats(1.6e9 - 9, 1.6e9 + 99)


class Exact:
    """A shortlist that looks at every item."""

    def __init__(self, items: np.ndarray) -> None:
        self.items = items

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        products = self.items @ state
        others = np.setdiff1d(np.arange(len(products)), without)
        others = others[np.argsort(-products[others])]
        limit = products[others[m]] if m < len(others) else -np.inf
        return others[:m], float(limit)


class Hesitant(Exact):
    """A shortlist whose first answers are the worst items; it says so."""

    def __init__(self, items: np.ndarray) -> None:
        super().__init__(items)
        self.asked: List[int] = []

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        self.asked.append(m)
        order, _ = super().find(state, len(self.items), without)
        if m < len(order):
            return order[-m:], float(self.items[order[0]] @ state)
        return order, -np.inf


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    folder = tmp_path_factory.mktemp("shortlist")
    (folder / "toy").mkdir()
    log = random_log(1, n_users=40, n_items=N_ITEMS, longest=20)
    header = ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
    log.to_csv(folder / "toy" / "toy.inter", sep="\t", index=False, header=header)
    return {
        "dataset": "toy",
        "data_path": str(folder),
        "load_col": {"inter": list(log.columns)},
        "checkpoint_dir": str(folder / "saved"),
        "request_cache_dir": str(folder / "cache"),
        "show_progress": False,
        "state": "WARNING",
        "use_gpu": False,
        "threads": 1,
    }


@pytest.fixture(scope="module", params=list(MODELS))
def checkpoint(keys: Dict[str, Any], request: pytest.FixtureRequest) -> str:
    """Train a model whose additional logits are of the size of the products."""
    given = {**keys, **SMALL, "model": "POEM", **MODELS[request.param]}
    path = str(run_recbole_poem(config_dict=given)["model_file"])
    state = torch.load(path, weights_only=True)
    torch.manual_seed(0)
    for name, value in state["state_dict"].items():
        if name.startswith(("logit_terms", "ranking_side.state_fusion")) or not value.any():
            state["state_dict"][name] = 0.2 * torch.randn_like(value)
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def recommender(checkpoint: str) -> Recommender:
    return Recommender.load(checkpoint)


def by(
    recommender: Recommender, kind: Any, at_most: Optional[int] = None
) -> Tuple[Recommender, Any]:
    """Return a recommender that asks a shortlist wherever it can, and the shortlist."""
    vectors = Vectors.of(recommender.model.scoring_items().detach())
    batches, shortlist = recommender._batches, kind(vectors.items)
    interests = Interests(recommender.model, batches(recommender._reader.example()))
    other = copy.copy(recommender)
    ranker = ShortlistRanker(batches, interests, vectors, shortlist)
    other._ranker = MixedRanker(recommender._ranker, ranker, at_most)
    return other, shortlist


@pytest.fixture(scope="module", params=[Exact, CodedItems])
def by_exact(recommender: Recommender, request: pytest.FixtureRequest) -> Recommender:
    return by(recommender, request.param)[0]


TOKEN = st.integers(0, N_ITEMS - 1).map("i{}".format)


@st.composite
def queries(draw: Any, objectives: List[str]) -> List[Query]:
    """Draw a few queries with all that a query may have."""
    n = len(objectives)
    found = []
    for _ in range(draw(st.integers(1, 4))):
        candidates = draw(st.none() | st.lists(TOKEN, max_size=8, unique=True))
        ranking = None
        if candidates is not None:
            row = st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n)
            scores = [draw(row) for _ in candidates]
            ranking = Ranking.of(candidates, objectives, scores)
        found.append(
            Query(
                draw(st.lists(TOKEN, max_size=9)),
                ranking,
                k=draw(st.sampled_from([1, 5, N_ITEMS + 9])),
                filter_seen=draw(st.booleans()),
                allow=draw(st.none() | st.none() | st.lists(TOKEN, max_size=4)),
                deny=draw(st.lists(TOKEN, max_size=4)),
                time=draw(TIMES),
            )
        )
    return found


def same(one: List[Answer], other: List[Answer]) -> None:
    """Assert that two lists of answers are the same but for rounding."""
    assert len(one) == len(other)
    for a, b in zip(one, other):
        np.testing.assert_allclose(a.scores, b.scores, rtol=1e-4, atol=1e-5)
        assert a.items == b.items


@settings(max_examples=40)
@given(st.data())
def test_a_right_shortlist_gives_the_answers_of_all_items(
    recommender: Recommender, by_exact: Recommender, data: Any
) -> None:
    asked = data.draw(queries(recommender.objectives))
    same(by_exact.answer(asked), recommender.answer(asked))


def test_additional_logits_matter_in_these_worlds(recommender: Recommender) -> None:
    names = recommender.objectives
    ranking = Ranking.of(["i8", "i2"], names, [[1.0] * len(names), [0.5] * len(names)])
    bare, told = recommender.answer([Query(["i1", "i1"]), Query(["i1", "i1"], ranking)])
    assert bare.items != told.items


def test_the_interests_of_a_user_ask_for_different_items(recommender: Recommender) -> None:
    """So that a shortlist of one of them would not do."""
    batch = recommender._batches(recommender._reader.of_queries([Query(["i1", "i5", "i9"])]))
    state = recommender.model(batch).state[0]
    assert len(state) == recommender.model.history_encoder.n_interests
    best = (state @ recommender.model.scoring_items().embedding.T)[:, 1:].argmax(dim=1)
    assert len(set(best.tolist())) > 1 or len(state) == 1


def test_a_list_that_is_too_short_is_asked_for_again(recommender: Recommender) -> None:
    other, shortlist = by(recommender, Hesitant)
    query = Query(["i1", "i5"], k=4, deny=["i7"])
    same(other.answer([query]), recommender.answer([query]))
    k = recommender.model.history_encoder.n_interests
    assert shortlist.asked == [m for m in (4, 16, 64) for _ in range(k)]


def test_requests_without_history_with_a_list_or_of_the_past_never_reach_the_shortlist(
    recommender: Recommender,
) -> None:
    other, shortlist = by(recommender, Hesitant)
    asked = [Query([]), Query(["i1"], allow=["i2", "i3"]), Query(["new"], deny=["i4"])]
    asked.append(Query(["i1"], time=1.6e9 + 15))
    same(other.answer(asked), recommender.answer(asked))
    assert shortlist.asked == []


def test_more_requests_than_the_shortlist_is_for_look_at_all_items_together(
    recommender: Recommender,
) -> None:
    other, shortlist = by(recommender, Hesitant, at_most=2)
    asked = [Query(["i1"]), Query(["i2"]), Query(["i3", "i4"])]
    same(other.answer(asked), recommender.answer(asked))
    assert shortlist.asked == []
    other.answer(asked[:2])
    assert shortlist.asked
    same(other.answer([*asked, Query(["i5"])]), recommender.answer([*asked, Query(["i5"])]))
    assert shortlist.asked


def test_of_a_large_catalogue_few_requests_are_answered_from_codes(
    checkpoint: str, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(recommender._ranker, ExactRanker)
    monkeypatch.setattr("recbole_poem.serving.rankers._MANY", N_ITEMS)
    large = Recommender.load(checkpoint)
    assert isinstance(large._ranker, MixedRanker)
    few, many = [Query(["i1", "i5"])], [Query(["i1", "i5"])] * 30
    same(large.answer(few), recommender.answer(few))
    assert large.answer(many) == recommender.answer(many)  # to the last bit: the same way


def test_frames_are_answered_alike(recommender: Recommender, by_exact: Recommender) -> None:
    histories = [["i1"], [], ["i2", "i3", "i2"], ["nothing"], ["i4"] * 9]
    ours, theirs = (one.recommend(histories, k=7, deny=["i9"]) for one in (by_exact, recommender))
    np.testing.assert_allclose(ours.pop("score"), theirs.pop("score"), rtol=1e-4, atol=1e-5)
    pd.testing.assert_frame_equal(ours, theirs)


class TestByTheIndex:
    """The index as a user asks for it."""

    @pytest.fixture(autouse=True)
    def _faiss(self) -> None:
        pytest.importorskip("faiss", reason="faiss-cpu is not installed (extra [index])")

    def test_it_lies_beside_the_checkpoint_and_finds_most(
        self, checkpoint: str, recommender: Recommender
    ) -> None:
        approximate = Recommender.load(checkpoint, approximate=True)
        assert Path(f"{checkpoint}.index").exists()
        histories = [[f"i{i}", f"i{i + 1}"] for i in range(N_ITEMS - 1)]
        ours, theirs = (
            set(zip(found["request"], found["item"]))
            for found in (one.recommend(histories, k=10) for one in (approximate, recommender))
        )
        assert len(ours) == len(theirs) == 10 * len(histories)
        assert len(ours & theirs) / len(theirs) > 0.9
        assert isinstance(approximate.successor(checkpoint)._ranker, MixedRanker)

    def test_in_all_cells_it_finds_what_all_items_give(
        self, checkpoint: str, recommender: Recommender
    ) -> None:
        approximate = Recommender.load(checkpoint, approximate=True)
        cells = approximate._ranker._shortlist._shortlist._cells
        cells.n_visited = len(cells)
        names = recommender.objectives
        ranking = Ranking.of(["i8", "i2"], names, [[1.0] * len(names), [0.5] * len(names)])
        asked = [Query([f"i{i}", f"i{i + 3}"], ranking, deny=["i5"]) for i in range(N_ITEMS - 3)]
        same(approximate.answer(asked), recommender.answer(asked))

    def test_the_command_asks_for_it(
        self, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        requests, output = tmp_path / "requests.csv", tmp_path / "recs.csv"
        requests.write_text("request,history\nanna,i1 i2\n")
        index = Path(f"{checkpoint}.index")
        index.unlink(missing_ok=True)
        files = ["--input", str(requests), "--output", str(output), "--k", "3"]
        assert main(["recommend", "--checkpoint", checkpoint, *files, "--approximate"]) == 0
        assert index.exists()
        assert len(pd.read_csv(output)) == 3

    def test_the_index_is_of_poem_alone(self, keys: Dict[str, Any]) -> None:
        more = {"model": "SASRec", "epochs": 1, "train_neg_sample_args": None, "loss_type": "CE"}
        given = {**keys, **more, "topk": [1, 5], "valid_metric": "NDCG@5"}
        path = str(run_recbole_poem(config_dict=given)["model_file"])
        with pytest.raises(InputError, match="approximate: SASRec scores all items, the index is"):
            Recommender.load(path, approximate=True)

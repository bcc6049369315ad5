"""Re-rankers in a world: known lists, what they hear and when, and words of refusals."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pytest
import torch
from toy_world import small_world

from recbole_poem import run_recbole_poem
from recbole_poem.core.errors import InputError
from recbole_poem.rerankers import Context, Feedback, Placed
from recbole_poem.rerankers.chain import Chain
from recbole_poem.serving.query import Query
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.user_states import UserStates
from recbole_poem.world.ab import Outcome, run_test
from recbole_poem.world.arms import WORDS, cascade_of
from recbole_poem.world.cascade import Cascade
from recbole_poem.world.dataset import write_dataset
from recbole_poem.world.history import NONE
from recbole_poem.world.lists import BestByScore
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.reranked_lists import RerankedLists
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.served import Served
from recbole_poem.world.world import World

PENALTY = 0.3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "little"
    write_dataset(small_world(list__penalty=PENALTY), 6, folder, show_progress=False)
    return folder


def penalised() -> World:
    return small_world(list__penalty=PENALTY)


def made(data: Path, world: World, rerankers: Any, **given: Any) -> Cascade:
    named = {"retrieval": "own", **given, "rerankers": rerankers}
    return cascade_of(named, data, 10, False, "c.yaml")(world)


def outcomes(world: World, **arms: Cascade) -> Dict[str, Outcome]:
    run = {name: lambda world, arm=arm: arm for name, arm in arms.items()}
    return run_test(world, run, before=4, days=2).outcomes


def same(one: Outcome, other: Outcome) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other))


def served_by(world: World, cascade: Cascade, requests: int = 3) -> List[Served]:
    lives = Lives(world, np.arange(world.n_users))
    list(lives.go(world.usual_retrieval(), Until(requests=4)))
    twin = lives.twin(cascade.stage, cascade.lists)
    return list(twin.go(cascade.retrieval, Until(requests=requests)))


# -- known lists ----------------------------------------------------------------------------------


def test_a_penalty_of_the_world_is_the_component_of_that_penalty(data: Path) -> None:
    world = penalised()
    found = outcomes(
        world,
        own=made(data, world, "world"),
        component=made(data, world, {"category_penalty": {"penalty": PENALTY}}),
        none=made(data, world, "none"),
    )
    usual = run_test(world, {"own": WORDS["own"]}, 4, 2).outcomes["own"]
    assert same(found["own"], usual)
    assert same(found["component"], usual)
    assert not np.array_equal(found["none"].counts, usual.counts)


def test_without_a_reranker_the_best_by_score_are_shown(data: Path) -> None:
    world = penalised()
    for none in ("none", None, [], {"category_penalty": "none"}):
        for served in served_by(world, made(data, world, none), requests=2):
            assert np.array_equal(served.shown, served.ranked[:, :4])


def test_where_nobody_goes_on_a_lookahead_sorts(data: Path) -> None:
    world = penalised()
    never = made(data, world, {"lookahead": {"session_minutes": 1e-6}})
    none = made(data, world, "none")
    often = made(data, world, {"lookahead": {"temperature": 0.2}})
    found = outcomes(world, never=never, none=none, often=often)
    assert same(found["never"], found["none"])
    assert not np.array_equal(found["often"].counts, found["none"].counts)


SEVERAL: List[Any] = [
    "category_penalty",
    {"multislot": {"max_similarity": -0.3, "freshness": 0.2}},
    "lookahead",
    {"lookahead": {"fatigue": 0.5, "temperature": 0.3}},
    [{"name": "lookahead", "length": 3}, {"name": "category_penalty", "penalty": 0.1}],
]


@pytest.mark.parametrize("rerankers", SEVERAL)
def test_lists_of_a_batch_are_those_of_one_request_after_the_other(
    data: Path, rerankers: Any
) -> None:
    world = penalised()
    cascade = made(data, world, rerankers)
    lives = Lives(world, np.arange(world.n_users)).twin(cascade.stage)
    asked = lives.ask(np.arange(world.n_users))
    rng = np.random.default_rng(0)
    ranked = rng.permuted(np.tile(np.arange(60), (40, 1)), axis=1)[:, :12]
    by = -np.sort(-rng.normal(size=(40, 12)), axis=1)
    ranked[::3, 9:] = NONE  # some rankings are short
    ranked[0] = NONE
    assert cascade.lists is not None
    lists = cascade.lists.shown(asked, ranked, by)
    assert (lists[0] == NONE).all() and (lists[1:] != NONE).all()
    for row in range(40):
        rows = np.arange(row, row + 1)
        one = cascade.lists.shown(asked.of(rows), ranked[rows], by[rows])
        assert np.array_equal(one[0], lists[row])


# -- what is heard, and when ----------------------------------------------------------------------


class Hears:
    """Keeps the order, and writes down what it is asked and what it hears."""

    pool, n_shown, slot_hours, reads_states = 3, 10, 6.0, False

    def __init__(self) -> None:
        self.heard: List[Feedback] = []

    def rerank(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> Placed:
        return Placed(torch.arange(item.shape[1]).expand_as(item), score)

    def observe(self, feedback: Feedback) -> None:
        self.heard.append(feedback)

    def forget(self) -> None:
        self.heard = []


class Watched(RerankedLists):
    """Remembers when each request came, when each list was over, and what was known by then."""

    def __init__(self, hears: Hears, n_items: int) -> None:
        super().__init__(Chain([hears]), np.arange(n_items) + 1, 4)
        self._hears = hears
        self.known: List[Tuple[float, int]] = []
        self.ends: List[float] = []

    def shown(self, asked: Asked, ranked: np.ndarray, by: np.ndarray) -> np.ndarray:
        found = super().shown(asked, ranked, by)
        n = sum(len(feedback.item) for feedback in self._hears.heard)
        self.known += [(time, n) for time in asked.time]
        return found

    def observe(self, asked: Asked, shown: np.ndarray, taken: np.ndarray, end: np.ndarray) -> None:
        super().observe(asked, shown, taken, end)
        self.ends += end.tolist()


def test_a_list_is_heard_of_in_the_first_slot_behind_it_and_never_before() -> None:
    world, hears = small_world(), Hears()
    lists = Watched(hears, world.n_items)
    cascade = Cascade(world.sources(), WORDS["own"](world).stage, lists)
    rounds = served_by(world, cascade, requests=5)
    ends, slot = np.array(lists.ends), 6 * 3600.0
    assert lists.slot == slot and len(ends) == 40 * 5
    times = [time for time, _ in lists.known]
    slots = [time // slot for time in times]
    assert slots == sorted(slots) and len(set(slots)) > 5
    for time, n_known in lists.known:
        assert n_known == (ends <= time // slot * slot).sum()
    assert lists.known[-1][1] > 100
    # what is heard is what was got to, and of it what was watched for long
    by_shown = {}
    for served in rounds:
        got_to = np.where(served.seen, served.shown + 1, 0)
        for row, ranked in enumerate(served.ranked + 1):
            of = got_to[row], np.where(served.reactions["long_view"][row], got_to[row], 0)
            by_shown.setdefault(tuple(ranked[:3]), []).append([part.tolist() for part in of])
    for feedback in hears.heard:
        for item, shown, taken in zip(feedback.item, feedback.shown, feedback.taken):
            assert [shown.tolist(), taken.tolist()] in by_shown[tuple(item.tolist())]
        assert (feedback.score[:, :-1] >= feedback.score[:, 1:]).all()


class Slotwise(BestByScore):
    """Learns nothing, but slot by slot."""

    slot: Optional[float] = 3600.0


def test_in_the_order_of_time_everybody_lives_the_same_life() -> None:
    world = small_world()
    usual = WORDS["own"](world)
    found = outcomes(world, rounds=usual, slots=usual._replace(lists=Slotwise(4)))
    assert same(found["rounds"], found["slots"])


# -- user states ----------------------------------------------------------------------------------

LITTLE: Dict[str, Any] = {
    "MAX_ITEM_LIST_LENGTH": 10, "hidden_size": 8, "epochs": 1, "show_progress": False,
    "use_gpu": False, "threads": 1, "train_batch_size": 256, "state": "ERROR",
}  # fmt: skip


def trained(data: Path, model: str, place: str = "saved", **keys: Any) -> str:
    given = {**LITTLE, **keys, "data_path": str(data.parent)}
    given["checkpoint_dir"] = str(data.parent / f"{place}-{model}")
    found = run_recbole_poem(model=model, dataset=data.name, config_dict=given)
    return str(found["model_file"])


def test_reloop2_learns_from_the_states_of_the_retrieval(data: Path) -> None:
    world, path = penalised(), trained(data, "POEM")
    block = {"reloop2": {"weight": 1.0, "n_bits": 4, "n_arrays": 8, "pool": 12}}
    learns = made(data, world, block, retrieval=path)
    none = made(data, world, "none", retrieval=path)
    found = outcomes(world, learns=learns, none=none)
    assert not np.array_equal(found["learns"].counts, found["none"].counts)
    # before anything is heard it shows the best by score
    first = served_by(world, made(data, world, block, retrieval=path), requests=1)[0]
    assert np.array_equal(first.shown, first.ranked[:, :4])
    # and each arm is its own: what one learned no other knows
    again = outcomes(world, learns=made(data, world, block, retrieval=path))
    assert same(again["learns"], found["learns"])


def test_states_order_the_catalogue_as_the_model_does(data: Path) -> None:
    keys = {"logit_terms": "none", "history_encoder": "transformer"}
    path = trained(data, "POEM", place="plain", **keys)
    recommender = Recommender.load(path, {"data_path": str(data.parent)})
    states = UserStates(recommender.loaded)
    queries = [Query(["v3", "v7", "v11"], k=60, filter_seen=False), Query(["nothing"])]
    state, embedding = states(queries)
    assert state is not None and embedding is not None
    assert (state[1] == 0).all() and (state[0] != 0).any()
    logits = (state[0] @ embedding.T).amax(dim=0)[1:]
    best = states.tokens[1:][logits.argsort(descending=True).numpy()].tolist()
    assert best[:20] == recommender.answer(queries)[0].items[:20]


def test_who_reads_states_needs_a_retrieval_that_has_some(data: Path) -> None:
    world = penalised()
    words = (
        "c.yaml: rerankers.reloop2: it reads user states; the retrieval has no model, and so no "
        "user states; leave it out, or give a checkpoint of POEM as the retrieval"
    )
    with pytest.raises(InputError) as caught:
        made(data, world, "reloop2")
    assert str(caught.value) == words
    path = trained(data, "SASRec", train_neg_sample_args=None, inner_size=8)
    with pytest.raises(InputError, match=r"SASRec gives scores alone, and no user states; leave"):
        made(data, world, {"multislot": {"similarity": "embeddings"}}, retrieval=path)


@pytest.mark.parametrize(
    ("rerankers", "words"),
    [
        ("wold", "c.yaml: rerankers: there is no 'wold'; the nearest is 'world'"),
        (["multi"], "c.yaml: rerankers.multi: there is no 'multi'; the nearest is 'multislot'"),
        ({"lookahead": {"lenth": 3}},
         "c.yaml: rerankers.lookahead.lenth: there is no such setting; the nearest is 'length'"),
        ({"category_penalty": {"penalty": -1}},
         "c.yaml: rerankers.category_penalty.penalty: expected a number from 0, not -1"),
        (3, "c.yaml: rerankers: expected names of components, or a mapping from them to their"),
    ],
)  # fmt: skip
def test_what_is_no_reranker_is_refused(rerankers: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        cascade_of({"retrieval": "own", "rerankers": rerankers}, Path("w"), 10, False, "c.yaml")
    assert str(caught.value).startswith(words)


def test_a_data_set_of_another_world_is_refused(data: Path) -> None:
    world = small_world(catalogue__items=80)
    with pytest.raises(InputError, match=r"it has no video 'v60', so it is of another world"):
        made(data, world, "category_penalty")

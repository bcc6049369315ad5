"""Arms that swap the ranking stage: known orders, the world's own bits, and words of refusals."""

from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
import pytest
import yaml
from toy_world import small_world

from recbole_poem.core.errors import InputError
from recbole_poem.world.ab import Outcome, run_test
from recbole_poem.world.arms import WORDS, CascadeOf, arm_of, cascade_of
from recbole_poem.world.cascade import Cascade, Mean, Order, RankingStage, WorldRanker, of_world
from recbole_poem.world.comparison import compare
from recbole_poem.world.history import NONE
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.makers import own
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World

DATA = Path("data/w")


class Blind:
    """Scores all candidates alike."""

    objectives = ("nothing", "again")

    def score(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        return np.zeros((*items.shape, 2))


def made(given: Dict[str, Any]) -> CascadeOf:
    return cascade_of(given, DATA, 10, False, "c.yaml")


def same(one: Outcome, other: Outcome) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other))


def test_the_worlds_own_ranker_and_mean_are_the_usual_arm_to_the_bit(tmp_path: Path) -> None:
    world = small_world(ranking_stage__staleness=2, list__penalty=0.3)
    file = tmp_path / "own.yaml"
    file.write_text("retrieval: own\nranker: world\nscore_fusion: mean\n")
    arms = {"A": WORDS["own"], "B": arm_of(str(file), DATA, 10, False), "C": made(OWN)}
    found = run_test(world, arms, before=4, days=2).outcomes
    assert same(found["A"], found["B"]) and same(found["A"], found["C"])
    # and nothing but the test itself tells them from a life without any arm
    lives = Lives(world, np.arange(world.n_users))
    list(lives.go(world.usual_retrieval(), Until(requests=4)))
    watched = sum(s.seconds.sum() for s in lives.twin().go(world.sources(), Until(days=2)))
    assert found["A"].by_day("watch_seconds").sum() == pytest.approx(watched, rel=1e-12)


OWN = {"retrieval": "own"}


def test_a_blind_ranker_loses_to_the_worlds() -> None:
    def blind(world: World) -> Cascade:
        return CascadeOf(own, lambda world: Blind())(world)

    world = small_world(people__users=200, catalogue__items=400)
    arms = {"A": blind, "B": WORDS["own"], "best": WORDS["best"]}
    lines = {line.name: line.found for line in compare(run_test(world, arms, 3, 2), "A", "B")}
    assert lines["watch time, s per user and day"].low > 0
    assert lines["long views per user and day"].low > 0
    assert lines["requests per user and day"].b > 0


@pytest.mark.parametrize("weights", [{"like": 1}, [0, 0, 0, 2, 0]])
@pytest.mark.parametrize("name", ["reciprocal_rank", "normal_scores"])
def test_one_objective_of_weight_1_orders_by_that_objective(name: str, weights: Any) -> None:
    world = small_world()
    fusion = {"name": name, "weights": weights}
    cascade = made({"retrieval": "everything", "score_fusion": fusion})(world)
    lives = Lives(world, np.arange(world.n_users)).twin(cascade.stage)
    for served in lives.go(cascade.retrieval, Until(requests=3)):
        like = served.scores[..., world.objectives.index("like")]
        there = served.ranked != NONE
        assert there.any(axis=1).all()
        falls = np.diff(np.where(there, like, -np.inf), axis=1)
        assert (falls[there[:, 1:]] < 0).all()


def test_an_order_is_that_of_a_slow_count() -> None:
    world = small_world()
    order = made({**OWN, "score_fusion": "reciprocal_rank"})(world).stage.order
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3, 7, 5))
    items = rng.permuted(np.tile(np.arange(7), (3, 1)), axis=1)
    items[rng.random((3, 7)) < 0.3] = NONE
    asked: Any = None  # nobody is asked about
    places, by = order.best(asked, items, scores, 4)
    for row in range(3):
        there = [place for place in range(7) if items[row, place] != NONE]
        worth = dict.fromkeys(there, 0.0)
        for column in scores[row].T:
            rank = {a: 1 + sum(column[b] > column[a] for b in there) for a in there}
            total = sum(1 / rank[b] for b in there)
            for place in there:
                worth[place] += 0.2 / rank[place] / total
        expected = sorted(there, key=lambda place: -worth[place])[:4]
        assert places[row, : len(expected)].tolist() == expected
        assert by[row, : len(expected)] == pytest.approx([worth[p] for p in expected], rel=1e-5)


def test_what_another_ranker_said_is_forgotten_and_what_the_same_said_is_not() -> None:
    world, everybody = small_world(), np.arange(40)
    lives = Lives(world, everybody)
    list(lives.go(world.usual_retrieval(), Until(requests=2)))
    other = lives.twin(RankingStage(Blind(), Mean())).ask(everybody)
    assert (other.ranked == NONE).all() and other.scores.shape == (40, 12, 2)
    again = lives.twin(RankingStage(WorldRanker(world), Mean())).ask(everybody)
    assert (again.ranked != NONE).any() and again.scores.shape == (40, 12, 5)
    assert np.array_equal(again.ranked, lives.twin().ask(everybody).ranked)


def test_the_penalty_acts_on_the_fused_scores_of_the_arm() -> None:
    class ByNumber:
        """Takes the smallest number for the best, at falling scores that a penalty upsets."""

        def best(self, asked: Asked, items: np.ndarray, scores: np.ndarray, n: int) -> Any:
            places = np.argsort(items, axis=1)[:, :n]
            return places, -np.take_along_axis(items, places, axis=1).astype(float)

    order: Order = ByNumber()
    shown: List[np.ndarray] = []
    for penalty in (0.0, 1000.0):
        world = small_world(list__penalty=penalty)
        lives = Lives(world, np.arange(40)).twin(RankingStage(Blind(), order))
        (served,) = lives.go(world.usual_retrieval(), Until(requests=1))
        shown.append(served.shown)
        assert served.ranked[0].tolist() == list(range(12))
    assert shown[0][0].tolist() == [0, 1, 2, 3]
    category = world.catalogue.category[shown[1][0]]
    assert len(set(category.tolist())) == min(4, len(set(world.catalogue.category[:12].tolist())))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"retrieval": "own", "rankers": "world"},
         "c.yaml: 'rankers' is no part of a cascade; the nearest is 'ranker'"),
        ({"ranker": "world"}, "c.yaml: retrieval is missing; name one, such as retrieval: own"),
        ({"retrieval": "ow"},
         "c.yaml: retrieval: 'ow' is neither the file of a checkpoint nor one of own, everything"),
        ({**OWN, "epochs": 8}, "c.yaml: 'epochs' is no part of a cascade; known are ranker, rer"),
        ({"retrieval": None}, "c.yaml: retrieval is empty; name one, such as retrieval: own"),
        ({**OWN, "ranker": None}, "c.yaml: ranker is empty; name one, such as ranker: world"),
        ({"retrieval": {"epochs": 8}},
         "c.yaml: retrieval: the keys of a training name a model, such as {model: POEM, epochs: 8}"
         ", and 'model' is not among epochs"),
        ({**OWN, "ranker": {"epochs": 8}}, "c.yaml: ranker: the keys of a training name a model"),
        ({"retrieval": {"model": None}},
         "c.yaml: retrieval.model: expected the name of a model, such as POEM, not None"),
        ({"retrieval": 3}, "c.yaml: retrieval: '3' is neither the file of a checkpoint"),
        ({**OWN, "ranker": "word"},
         "c.yaml: ranker: 'word' is neither the file of a checkpoint nor one of world"),
        ({**OWN, "score_fusion": "men"},
         "c.yaml: score_fusion: 'men' is neither the file of a checkpoint nor one of mean, harmon"),
        ({**OWN, "score_fusion": {"name": "reciprocal_ran"}},
         "c.yaml: score_fusion: there is no 'reciprocal_ran'; the nearest is 'reciprocal_rank'"),
        ({**OWN, "score_fusion": {"name": "reciprocal_rank", "kapa": 1}},
         "c.yaml: score_fusion.kapa: there is no such setting; the nearest is 'kappa'"),
        ({**OWN, "score_fusion": {"name": "reciprocal_rank", "weights": {"likes": 1}}},
         "c.yaml: score_fusion.weights: the ranker gives no score 'likes'; the nearest is 'like'"),
        ({**OWN, "score_fusion": {"name": "reciprocal_rank", "weights": {"like": -1}}},
         "c.yaml: score_fusion.weights.like: expected a number from 0, not -1"),
        ({**OWN, "score_fusion": {"name": "reciprocal_rank", "weights": {"like": 0}}},
         "c.yaml: score_fusion.weights: expected a list of numbers from 0, one per objective, not"),
        ({**OWN, "score_fusion": {"name": "reciprocal_rank", "weights": [1]}},
         "score_fusion.weights: expected 5 numbers, one per objective"),
        ({**OWN, "score_fusion": "umre"},
         "c.yaml: score_fusion: umre has to be learned; give the checkpoint of a model that"),
        ({**OWN, "score_fusion": None}, "c.yaml: score_fusion"),
    ],
)  # fmt: skip
def test_what_is_no_cascade_is_refused(given: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        made(given)(small_world())
    assert str(caught.value).startswith(words)


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    with pytest.raises(InputError, match=r"c\.yml cannot be read"):
        arm_of(str(file), DATA, 10, False)
    file.write_text(yaml.safe_dump(["own"]))
    with pytest.raises(InputError, match=r"c\.yml holds no mapping of keys to values"):
        arm_of(str(file), DATA, 10, False)


def test_the_worlds_own_stage_scores_as_its_dials_say() -> None:
    """Without error and noise a score is the slope times the utility that the stage sees."""
    world = small_world(ranking_stage__error=0, ranking_stage__noise=0)
    asked = Lives(world, np.arange(40)).ask(np.arange(40))
    items = np.tile(np.arange(60), (40, 1))
    scores = of_world(world).ranker.score(asked, items)
    habit: Sequence[float] = np.zeros(40)
    utility = world.people.utility(
        world.catalogue, asked.user, asked.mind.context, 0 * asked.mind.bored, items
    )
    habit = (utility - scores[..., 1]).mean(axis=1)  # of the user, which no ranking tells
    assert scores[..., 1] == pytest.approx(utility - np.asarray(habit)[:, None])

"""The ceilings: no list beats that of the best retrieval, no policy the exact optimum."""

import itertools
from typing import Dict, Tuple

import numpy as np
import pytest
from toy_world import small_world

from recbole_poem.world.best_retrieval import BestRetrieval, expected_of_all
from recbole_poem.world.history import NONE
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.reactions import expected_seconds
from recbole_poem.world.retrieval import Asked, Retrieval
from recbole_poem.world.world import World

N_REQUESTS = 6


class Beaten:
    """A retrieval whose lists are held against those of the best, request by request."""

    def __init__(self, world: World, policy: Retrieval) -> None:
        self._world, self._policy = world, policy
        self._best = BestRetrieval(world)

    def candidates(self, asked: Asked) -> np.ndarray:
        self.ceiling = self._worth(asked, self._best.candidates(asked))
        self.expected = expected_of_all(self._world, asked)
        return self._policy.candidates(asked)

    def _worth(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        worth = expected_of_all(self._world, asked)
        values = np.take_along_axis(worth, np.where(items == NONE, 0, items), axis=1)
        return np.where(items == NONE, 0.0, values).sum(axis=1)


@pytest.mark.parametrize("policy", ["own", "everything", "best"])
def test_no_list_has_a_longer_expected_watch_time_than_that_of_the_best(policy: str) -> None:
    world = small_world(people__boredom=0.3, retrieval="own" if policy == "own" else "everything")
    of_policy = BestRetrieval(world) if policy == "best" else world.usual_retrieval()
    watched = Beaten(world, of_policy)
    for served in Lives(world, np.arange(40)).go(watched, Until(requests=8)):
        items = np.where(served.shown == NONE, 0, served.shown)
        values = np.take_along_axis(watched.expected, items, axis=1)
        of_list = np.where(served.shown == NONE, 0.0, values).sum(axis=1)
        assert (of_list <= watched.ceiling + 1e-9).all()
        if policy == "best":
            assert of_list == pytest.approx(watched.ceiling)


class Categories:
    """Sends one video, of the category that a plan of each user has at this request."""

    def __init__(self, plans: np.ndarray, n_categories: int) -> None:
        self._plans, self._n = plans, n_categories

    def candidates(self, asked: Asked) -> np.ndarray:
        category = self._plans[asked.user, asked.request]
        return (category + self._n * asked.request)[:, None]  # the next one that is unseen


def three_categories(n_users: int) -> World:
    """Make a world of equal videos of three categories, whose users all have the same taste."""
    world = small_world(
        people__users=n_users, people__context=0.0, people__taste=0.6, people__boredom=0.6,
        people__recovery=0.7, people__activity=0.0, catalogue__items=30, catalogue__categories=3,
        catalogue__cohesion=1.0, catalogue__quality=0.0, catalogue__log_duration_spread=0.0,
        list__candidates=2, list__shown=1,
    )  # fmt: skip
    taste = np.repeat(world.people.taste[:1], n_users, axis=0)
    world.people = world.people._replace(taste=taste)
    return world


def total(world: World, retrieval: Retrieval) -> np.ndarray:
    """Return the expected seconds of each user over all requests."""
    expected = np.zeros(world.n_users)
    lives = Lives(world, np.arange(world.n_users))
    for served in lives.go(retrieval, Until(requests=N_REQUESTS)):
        duration = world.catalogue.duration[served.shown[:, 0]]
        expected += expected_seconds(world.settings.reactions, served.utility[:, 0], duration)
    return expected


def optimum(world: World) -> Tuple[float, float]:
    """Return the exact optimum by dynamic programming, and the bound without boredom."""
    people, catalogue = world.people.settings, world.catalogue
    liked = people.taste * catalogue.vector[:3] @ world.people.taste[0]
    known: Dict[Tuple[int, Tuple[float, ...]], float] = {}

    def worth(category: int, bored: float) -> float:
        utility = np.array(liked[category] - people.boredom * bored)
        return float(expected_seconds(world.settings.reactions, utility, catalogue.duration[0]))

    def value(request: int, bored: Tuple[float, ...]) -> float:
        if request == N_REQUESTS:
            return 0.0
        state = request, bored
        if state not in known:
            known[state] = max(
                worth(category, bored[category])
                + value(
                    request + 1,
                    tuple(people.recovery * b + (c == category) for c, b in enumerate(bored)),
                )
                for category in range(3)
            )
        return known[state]

    return value(0, (0.0, 0.0, 0.0)), N_REQUESTS * max(worth(c, 0.0) for c in range(3))


def test_no_policy_beats_exact_dynamic_programming() -> None:
    plans = np.array(list(itertools.product(range(3), repeat=N_REQUESTS)))
    world = three_categories(len(plans))
    exact, bound = optimum(world)
    every_policy = total(world, Categories(plans, 3))
    assert every_policy.max() == pytest.approx(exact, rel=1e-12)
    greedy = total(world, BestRetrieval(world))[0]
    assert every_policy.mean() < greedy <= exact * (1 + 1e-12) < bound

"""A closed-loop A/B test: two retrievals for the same people, who live on from the same moment.

The world first lives through what its data set was written from, so that people have their
histories. Then it is copied, and each copy goes on with one of the arms. Both draw the same chances
wherever they meet the same user, request and video, so differences are paired by user. An arm that
is compared with itself differs by exactly 0.
"""

import copy
from functools import partial
from typing import Callable, Dict, List, Mapping, NamedTuple, Sequence

import numpy as np

from recbole_poem.core.workers import Map
from recbole_poem.world.life import blocks
from recbole_poem.world.retrieval import Beside, Everything, Retrieval
from recbole_poem.world.world import Lives, Served, Until, World

#: makes the retrieval of an arm, in whatever process the block of users lives
Arm = Callable[[World], Retrieval]

#: what is counted of each user and day, in this order
COUNTED = ("watch_seconds", "exposures", "long_views", "requests", "sessions")


class Outcome(NamedTuple):
    """What an arm came to.

    Attributes
    ----------
    counts : (U, days, 5) float
        Of each user and day since the test began for the user: `COUNTED`.
    sent : (U, days) float
        Of the exposures, those that the arm's own retrieval had sent, where the platform's stands
        beside it (`recbole_poem.world.retrieval.Beside`); otherwise all.
    categories : (U, C) float
        Exposures by category.
    shown : (I,) float
        Exposures by video.
    """

    counts: np.ndarray
    sent: np.ndarray
    categories: np.ndarray
    shown: np.ndarray

    def per_user_day(self, name: str) -> np.ndarray:
        """Return (U,) means over the days of what is counted."""
        mean: np.ndarray = self.counts[:, :, COUNTED.index(name)].mean(axis=1)
        return mean

    @property
    def coverage(self) -> float:
        """Share of the videos that were shown to anybody."""
        return float((self.shown > 0).mean())

    @property
    def category_entropy(self) -> float:
        """Mean entropy, in bits, of the categories that a user was shown."""
        share = self.categories / np.maximum(self.categories.sum(axis=1, keepdims=True), 1)
        bits = np.where(share > 0, -share * np.log2(np.maximum(share, 1e-300)), 0.0)
        return float(bits.sum(axis=1).mean())

    def back_after(self, days: int) -> float:
        """Return the share of users who asked again `days` after the first day of the test."""
        asked = self.counts[:, :, COUNTED.index("requests")] > 0
        return float(asked[:, days].mean()) if days < asked.shape[1] else float("nan")


def run_test(
    world: World, arms: Mapping[str, Arm], before: int, days: int, run: Map = map
) -> Dict[str, Outcome]:
    """Run all arms.

    Parameters
    ----------
    world : World
    arms : mapping of name to Arm
    before : int
        Requests of each user before the test, as the data set has them.
    days : int
        Of the test.
    run : Map
        Where the blocks of users live.
    """
    found: Dict[str, List[Outcome]] = {name: [] for name in arms}
    parts = blocks(world.n_users)
    for outcomes in run(partial(_block, world, dict(arms), before, days), parts):
        for name, outcome in outcomes.items():
            found[name].append(outcome)
    return {name: _together(parts_of) for name, parts_of in found.items()}


def _block(
    world: World, arms: Mapping[str, Arm], before: int, days: int, users: np.ndarray
) -> Dict[str, Outcome]:
    lives = Lives(world, users)
    for _ in lives.go(Everything(len(world.catalogue.quality)), Until(requests=before)):
        pass
    return {
        name: _outcome(world, users, copy.deepcopy(lives), arm(world), days)
        for name, arm in arms.items()
    }


def _outcome(
    world: World, users: np.ndarray, lives: Lives, retrieval: Retrieval, days: int
) -> Outcome:
    start = lives.clock.copy()
    counts = np.zeros((len(users), days, len(COUNTED)))
    sent = np.zeros((len(users), days))
    categories = np.zeros((len(users), len(world.catalogue.centre)))
    shown = np.zeros(len(world.catalogue.quality))
    for served in lives.go(retrieval, Until(days=days)):
        row = np.searchsorted(users, served.user)
        day = np.minimum(((served.time - start[row]) // 86_400).astype(int), days - 1)
        counts[row, day] += _counted(served)
        sent[row, day] += _sent(retrieval, served)
        item, exposure = served.shown[served.seen], np.nonzero(served.seen)[0]
        np.add.at(categories, (row[exposure], world.catalogue.category[item]), 1.0)
        np.add.at(shown, item, 1.0)
    return Outcome(counts, sent, categories, shown)


def _counted(served: Served) -> np.ndarray:
    """Return (B, 5), see `COUNTED`; a session ends where a user leaves."""
    columns: Sequence[np.ndarray] = (
        served.seconds.sum(axis=1),
        served.seen.sum(axis=1),
        served.reactions["long_view"].sum(axis=1),
        np.ones(len(served.user)),
        served.left,
    )
    return np.stack(columns, axis=1).astype(float)


def _sent(retrieval: Retrieval, served: Served) -> np.ndarray:
    """Return (B,): how many of the exposures the arm's own retrieval had sent."""
    if not isinstance(retrieval, Beside):
        return served.seen.sum(axis=1)
    own = (served.shown[:, :, None] == retrieval.latest[:, None, :]).any(axis=2)
    return (own & served.seen).sum(axis=1)


def _together(parts: List[Outcome]) -> Outcome:
    return Outcome(
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.sent for part in parts]),
        np.concatenate([part.categories for part in parts]),
        np.sum([part.shown for part in parts], axis=0),
    )

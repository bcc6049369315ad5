"""A closed-loop A/B test: cascades for the same people, who live on from the same moment.

The world first lives through what its data set was written from, so that people have their
histories. Then it is copied, and each copy goes on with one of the arms. All draw the same chances
wherever they meet the same user, request and video, so differences are paired by user. An arm that
is compared with itself differs by exactly 0.
"""

from functools import partial
from typing import Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from tqdm import tqdm

from recbole_poem.core.workers import Map
from recbole_poem.world.cascade import Cascade
from recbole_poem.world.life import blocks
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.probe import EVERY, Probe
from recbole_poem.world.retrieval import Beside
from recbole_poem.world.served import Served
from recbole_poem.world.world import World

#: makes the cascade of an arm, in whatever process the block of users lives
Arm = Callable[[World], Cascade]

#: what is counted of each user and day, in this order
COUNTED = ("watch_seconds", "exposures", "long_views", "requests", "sessions")
_DAY = 86_400
_NEW = _DAY  # seconds for which a video is new


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
    back : (U,) bool
        Whether the user asks on the day behind the last one.
    share_seen : (U,) float
        Share of all videos that each user had seen at the end.
    new : (U,) float
        Exposures of videos that had been there for less than a day.
    probes : (U, F) float
        Sums over the requests that were looked at; see `recbole_poem.world.probe.Probe.figures`.
    probed : (F,) str
        Their names.
    """

    counts: np.ndarray
    sent: np.ndarray
    categories: np.ndarray
    shown: np.ndarray
    back: np.ndarray
    share_seen: np.ndarray
    new: np.ndarray
    probes: np.ndarray
    probed: np.ndarray

    @property
    def days(self) -> int:
        """Of the test."""
        return int(self.counts.shape[1])

    def by_day(self, name: str) -> np.ndarray:
        """Return what is counted of each user and day, (U, days)."""
        of: np.ndarray = self.counts[:, :, COUNTED.index(name)]
        return of

    def probe(self, name: str) -> np.ndarray:
        """Return the sum of a figure over the requests of each user that were looked at, (U,)."""
        column: np.ndarray = self.probes[:, self.probed.tolist().index(name)]
        return column

    def asked_on(self, day: int) -> np.ndarray:
        """Tell who asked `day` days after the first day of the test, up to `days`: (U,) bool."""
        return self.back if day == self.days else self.by_day("requests")[:, day] > 0


class Tested(NamedTuple):
    """A test that is over.

    Attributes
    ----------
    before : (U,) float
        Seconds that each user watched on a day before the test.
    outcomes : dict of name to Outcome
    """

    before: np.ndarray
    outcomes: Dict[str, Outcome]


def run_test(
    world: World,
    arms: Mapping[str, Arm],
    before: int,
    days: int,
    run: Map = map,
    show_progress: bool = False,
) -> Tested:
    """Run all arms.

    Parameters
    ----------
    world : World
    arms : mapping of name to Arm
    before : int
        Requests of each user before the test, as the data set has them.
    days : int
        Of the test, from 1.
    run : Map
        Where the blocks of users live.
    show_progress : bool
    """
    former: List[np.ndarray] = []
    found: Dict[str, List[Outcome]] = {name: [] for name in arms}
    parts = blocks(world)
    blocks_of = run(partial(_block, world, dict(arms), before, days), parts)
    bar = tqdm(blocks_of, "Simulating", len(parts), unit=" blocks", disable=not show_progress)
    for watched, outcomes in bar:
        former.append(watched)
        for name, outcome in outcomes.items():
            found[name].append(outcome)
    return Tested(np.concatenate(former), {name: _together(of) for name, of in found.items()})


def _block(
    world: World, arms: Mapping[str, Arm], before: int, days: int, users: np.ndarray
) -> Tuple[np.ndarray, Dict[str, Outcome]]:
    lives = Lives(world, users)
    start, watched = lives.clock.copy(), np.zeros(len(users))
    for served in lives.go(world.usual_retrieval(), Until(requests=before)):
        watched += served.seconds.sum(axis=1)
    watched /= np.maximum((lives.clock - start) / _DAY, 1.0)
    return watched, {
        name: _outcome(world, users, lives, arm(world), days) for name, arm in arms.items()
    }


def _outcome(
    world: World, users: np.ndarray, before: Lives, cascade: Cascade, days: int
) -> Outcome:
    lives, retrieval = before.twin(cascade.stage, cascade.lists), cascade.retrieval
    probe = Probe(world, cascade)
    start, n_asked = lives.clock.copy(), np.zeros(len(users), dtype=np.int64)
    counts = np.zeros((len(users), days, len(COUNTED)))
    sent = np.zeros((len(users), days))
    categories = np.zeros((len(users), world.settings.catalogue.categories))
    shown, new = np.zeros(world.n_items), np.zeros(len(users))
    probes = np.zeros((len(users), len(probe.names)))
    for served in lives.go(probe, Until(days=days)):
        row = np.searchsorted(users, served.user)
        day = ((served.time - start[row]) // _DAY).astype(int)
        looked_at = n_asked[row] % EVERY == 0
        n_asked[row] += 1
        counts[row, day] += _counted(served)
        of_arm = served.seen
        if isinstance(retrieval, Beside):
            of_arm = of_arm & retrieval.sent(served.shown)
        sent[row, day] += of_arm.sum(axis=1)
        item, exposure = served.shown[served.seen], np.nonzero(served.seen)[0]
        np.add.at(categories, (row[exposure], world.catalogue.category[item]), 1.0)
        np.add.at(shown, item, 1.0)
        age = served.time[exposure] - world.catalogue.arrival[item]
        np.add.at(new, row[exposure], age < _NEW)
        if looked_at.any():
            probes[row[looked_at]] += probe.figures(served, looked_at)
    back = lives.clock < start + (days + 1) * _DAY
    return Outcome(
        counts, sent, categories, shown, back, lives.share_seen, new, probes, np.array(probe.names)
    )


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


def _together(parts: List[Outcome]) -> Outcome:
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Outcome._fields
        if name not in ("shown", "probed")
    }
    shown = np.sum([part.shown for part in parts], axis=0)
    return Outcome(shown=shown, probed=parts[0].probed, **columns)

"""Nominators: retrievals that explore, one user at a time, by what a platform knows of videos.

Each user has beliefs of its own on the chance of a long view, linear in the features of a video:
its category, length, newness, and the appeal that is known once it is no longer new. Weights are
drawn from the beliefs (Thompson sampling), and the best videos by these are nominated. What the
user did is learned from, whoever had sent it.
"""

from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np

from recbole_poem.core.settings import ABOVE_0, at_least, setting
from recbole_poem.retrieval.posterior import Posterior
from recbole_poem.world.cascade import best_places
from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.chance import Draw
from recbole_poem.world.history import NONE
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World

_DAY = 86_400.0


@dataclass(frozen=True)
class NominatorSettings:
    """How a nominator learns."""

    candidates: int = setting(50, at_least(1), "nominated for a request")
    level: float = setting(0.5, ABOVE_0, "standard deviation of what the mean value may be")
    spread: float = setting(0.15, ABOVE_0, "standard deviation of what a feature may add")
    noise: float = setting(0.45, ABOVE_0, "standard deviation of a reward, 0 or 1")
    new_days: float = setting(1.0, ABOVE_0, "days by which a video is half as new")


class Features:
    """What a platform knows of videos, as numbers: 1, category, log length, newness, appeal.

    Newness halves every `new_days`; what is always there is not new. The appeal to everybody is
    told by what others did, so it counts as far as a video is not new.

    Parameters
    ----------
    catalogue : Catalogue
    new_days : float
    """

    def __init__(self, catalogue: Catalogue, new_days: float) -> None:
        self._catalogue, self._new_days = catalogue, new_days
        log = np.log(catalogue.duration)
        self._length = (log - log.mean()) / max(log.std(), 1e-12)

    @property
    def n(self) -> int:
        """Number of features of a video."""
        return len(self._catalogue.centre) + 4

    def of(self, items: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the features of videos (B, n) at times (B, n), which may broadcast: (B, n, d)."""
        n_categories = len(self._catalogue.centre)
        x = np.zeros((*items.shape, self.n))
        x[..., 0] = 1.0
        np.put_along_axis(x, 1 + self._catalogue.category[items][..., None], 1.0, axis=-1)
        newness = self._newness(items, time)
        x[..., n_categories + 1] = self._length[items]
        x[..., n_categories + 2] = newness
        x[..., n_categories + 3] = self._catalogue.quality[items] * (1 - newness)
        return x

    def values(self, weights: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the values of all videos by weights (B, d) at times (B,): (B, I)."""
        every = np.arange(len(self._length))[None, :]
        newness = self._newness(every, time[:, None])
        length, new, appeal = (column[:, None] for column in weights[:, -3:].T)
        of_category = (weights[:, :1] + weights[:, 1:-3])[:, self._catalogue.category]
        values: np.ndarray = (
            of_category
            + length * self._length
            + new * newness
            + appeal * self._catalogue.quality * (1 - newness)
        )
        return values

    def _newness(self, items: np.ndarray, time: np.ndarray) -> np.ndarray:
        age = np.maximum(time - self._catalogue.arrival[items], 0.0) / _DAY
        newness: np.ndarray = np.exp2(-age / self._new_days)
        return newness


class Lesson(NamedTuple):
    """What users did since they asked last.

    Attributes
    ----------
    places : (B,) int
        Of their beliefs.
    asked : Asked
    item : (B, n) int
        Videos that they saw; `NONE` in front of the first.
    time : (B, n) float
    reward : (B, n) float
        1 of a long view, else 0.
    """

    places: np.ndarray
    asked: Asked
    item: np.ndarray
    time: np.ndarray
    reward: np.ndarray


class Nominator:
    """Explores by its own beliefs, and learns from nothing but what users did: the naive one.

    Parameters
    ----------
    world : World
    settings : NominatorSettings
    believed : (d,) float, optional
        Mean of the weights at first, in the order of `Features`; default: 0.

    Attributes
    ----------
    beliefs : Posterior
        Of each user that has asked.
    """

    def __init__(
        self, world: World, settings: NominatorSettings, believed: Optional[np.ndarray] = None
    ) -> None:
        self._world, self._settings = world, settings
        self._features = Features(world.catalogue, settings.new_days)
        self._believed = np.zeros(self._features.n) if believed is None else believed
        self._place = np.full(world.n_users, NONE)  # of each user in what follows
        deviation = np.full(self._features.n, settings.spread)
        deviation[0] = settings.level
        self._deviation = deviation
        self.beliefs = Posterior.prior(0, deviation)
        self._until = np.empty(0)  # what came before was learned
        self._sent = np.empty((0, settings.candidates), dtype=int)

    def candidates(self, asked: Asked) -> np.ndarray:
        """Learn, and nominate the best by a draw of the beliefs, best first: (B, R)."""
        places = self._places(asked.user)
        self._learn(self._lesson(places, asked))
        self._until[places] = asked.time
        keys = asked.user[:, None], asked.request[:, None], np.arange(self._features.n)[None, :]
        normal = self._world.chance.normal(Draw.NOMINATED, *keys)
        worth = self._features.values(self.beliefs.at(places).sampled(normal), asked.time)
        every = np.broadcast_to(np.arange(self._world.n_items), worth.shape)
        fits = ~asked.taken & self._world.catalogue.there(every, asked.time[:, None])
        best = best_places(np.where(fits, worth, -np.inf), every, self._settings.candidates)
        sent = np.where(np.take_along_axis(fits, best, axis=1), best, NONE)
        self._sent[places] = NONE
        self._sent[places, : sent.shape[1]] = sent
        return sent

    def _learn(self, lesson: Lesson) -> None:
        """Learn from what users did."""
        seen = np.maximum(lesson.item, 0)
        now = self.beliefs.at(lesson.places).observed(
            self._features.of(seen, lesson.time),
            lesson.reward,
            lesson.item != NONE,
            self._settings.noise,
        )
        self.beliefs = self.beliefs.put(lesson.places, now)

    def _lesson(self, places: np.ndarray, asked: Asked) -> Lesson:
        history = asked.history
        # a list begins the very second that it is asked for
        fresh = (history.item != NONE) & (history.time >= self._until[places][:, None])
        latest = slice(fresh.shape[1] - int(fresh.sum(axis=1).max(initial=0)), None)
        return Lesson(
            places,
            asked,
            np.where(fresh, history.item, NONE)[:, latest],
            history.time[:, latest],
            history.long_view[:, latest].astype(float),
        )

    def _places(self, users: np.ndarray) -> np.ndarray:
        """Return where the beliefs of users stand; who is new gets some."""
        unknown = users[self._place[users] == NONE]
        if len(unknown):
            n, known = len(unknown), len(self._until)
            self._place[unknown] = known + np.arange(n)
            self._welcome(n)
        return self._place[users]

    def _welcome(self, n: int) -> None:
        """Make room for so many users more."""
        prior = Posterior.prior(n, self._deviation)
        self.beliefs = joined(self.beliefs, prior._replace(mean=prior.mean + self._believed))
        self._until = np.append(self._until, np.full(n, -np.inf))
        none = np.full((n, self._settings.candidates), NONE)
        self._sent = np.concatenate([self._sent, none])


def joined(one: Posterior, other: Posterior) -> Posterior:
    """Return the beliefs of some users, and behind them those of others."""
    return Posterior(*(np.concatenate(columns) for columns in zip(one, other)))

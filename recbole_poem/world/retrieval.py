"""Where the candidates of the world come from: all videos, two sources that compete, or a model.

A retrieval gets what a real one gets: who asks, when, what was seen, and what the ranking stage
said at the request before. Tastes and contexts are for oracles; the world's own `Sources`, which
stand for the platform's other retrievals, know the taste by category.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from recbole_poem.core.settings import SHARE, at_least, setting
from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.chance import Chance, Draw
from recbole_poem.world.history import NONE, History
from recbole_poem.world.people import People


class Mind(NamedTuple):
    """What nobody but the world knows of B users at a request.

    Attributes
    ----------
    context : (B, d) float
        z.
    bored : (B, C) float
        By category.
    of_stage : (B, d) float
        z, as old as the world's own ranking stage has it.
    """

    context: np.ndarray
    bored: np.ndarray
    of_stage: np.ndarray


class Asked(NamedTuple):
    """Requests of B users, one of each.

    Attributes
    ----------
    user, request : (B,) int
        ``request`` counts the requests of a user from 0.
    time : (B,) float
        Seconds since the world began.
    history : History
        What each saw, (B, H).
    ranked : (B, N) int
        The ranking of the request before, best first; `NONE` behind the last.
    scores : (B, N, M) float
    taken : (B, I) bool
        What the user was shown; the platform leaves it out, whoever sends it.
    mind : Mind
        For oracles and the world's own ranking stage alone.
    """

    user: np.ndarray
    request: np.ndarray
    time: np.ndarray
    history: History
    ranked: np.ndarray
    scores: np.ndarray
    taken: np.ndarray
    mind: Mind

    def of(self, rows: np.ndarray) -> "Asked":
        """Return some of the requests, as a copy."""
        return Asked(
            self.user[rows], self.request[rows], self.time[rows], self.history.of(rows),
            self.ranked[rows], self.scores[rows], self.taken[rows],
            Mind(*(column[rows] for column in self.mind)),
        )  # fmt: skip


class Retrieval(Protocol):
    """Finds candidates."""

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return (B, R) ids of videos, each at most once in its row; `NONE` is none."""
        ...


class Everything:
    """All videos are candidates: the ranking stage itself looks for the best. For small worlds.

    Parameters
    ----------
    n_items : int
    """

    def __init__(self, n_items: int) -> None:
        self._all = np.arange(n_items)

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return every video for everybody."""
        return np.broadcast_to(self._all, (len(asked.user), len(self._all)))


@dataclass(frozen=True)
class SourcesSettings:
    """How the platform's own retrieval draws."""

    candidates: int = setting(200, at_least(1), "drawn for a request; doubles go")
    popular: float = setting(0.3, SHARE, "share drawn by appeal to everybody")
    sharpness: float = setting(
        1.0, SHARE, "how strictly categories follow the taste; 0 = not at all"
    )


class Sources:
    """Two sources: videos of the categories that the user likes, and popular ones."""

    def __init__(
        self, settings: SourcesSettings, people: People, catalogue: Catalogue, chance: Chance
    ) -> None:
        self._settings, self._chance = settings, chance
        odds = 2 * settings.sharpness * people.taste @ catalogue.centre.T
        odds -= odds.max(axis=1, keepdims=True)
        self._liked = np.cumsum(np.exp(odds), axis=1)
        self._liked /= self._liked[:, -1:]
        appeal = np.cumsum(np.exp(catalogue.quality))
        self._appeal = appeal / appeal[-1]
        order = np.argsort(catalogue.category, kind="stable")
        self._of_category = order
        self._begin = np.searchsorted(
            catalogue.category[order], np.arange(len(catalogue.centre) + 1)
        )

    def candidates(self, asked: Asked) -> np.ndarray:
        """Draw candidates; see `Retrieval.candidates`."""
        n = self._settings.candidates
        n_popular = round(self._settings.popular * n)
        place = np.arange(n)[None, :]
        keys = (asked.user[:, None], asked.request[:, None])
        draw = self._chance.uniform(Draw.RETRIEVED, *keys, place, 0)
        popular = np.searchsorted(self._appeal, draw[:, :n_popular], side="right")
        other = self._chance.uniform(Draw.RETRIEVED, *keys, place[:, n_popular:], 1)
        own = self._of_liked_categories(asked.user, draw[:, n_popular:], other)
        items = np.concatenate([popular, own], axis=1)
        return without_doubles(np.minimum(items, len(self._appeal) - 1))

    def _of_liked_categories(
        self, user: np.ndarray, draw: np.ndarray, other: np.ndarray
    ) -> np.ndarray:
        """Return a video for each of two draws (B, R): by one its category, by the other itself."""
        rows = np.arange(len(user))[:, None]
        liked = self._liked[user]
        # the running sums of all rows behind each other are one ascending array
        flat = (liked + rows).ravel()
        category = np.searchsorted(flat, draw + rows, side="right") - rows * liked.shape[1]
        category = np.minimum(category, liked.shape[1] - 1)
        begin, end = self._begin[category], self._begin[category + 1]
        return self._of_category[np.minimum(begin + (other * (end - begin)).astype(int), end - 1)]


class Beside:
    """A retrieval beside the platform's own: both send candidates, the ranking stage chooses.

    Parameters
    ----------
    retrieval, own : Retrieval

    Attributes
    ----------
    retrieval : Retrieval
        The first.
    """

    def __init__(self, retrieval: Retrieval, own: Retrieval) -> None:
        self.retrieval, self._own = retrieval, own
        self._latest = np.empty((0, 0), dtype=int)

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return the candidates of both, each once."""
        self._latest = self.retrieval.candidates(asked)
        return without_doubles(np.concatenate([self._latest, self._own.candidates(asked)], axis=1))

    def sent(self, items: np.ndarray) -> np.ndarray:
        """Tell which videos of the last round the first retrieval had sent: (B, L) bool.

        What both had sent is among them.
        """
        found: np.ndarray = (items[:, :, None] == self._latest[:, None, :]).any(axis=2)
        return found & (items != NONE)


def without_doubles(items: np.ndarray, fill: int = NONE) -> np.ndarray:
    """Return the rows with every later occurrence of an id replaced by `fill`."""
    order = np.argsort(items, axis=1, kind="stable")
    ascending = np.take_along_axis(items, order, axis=1)
    again = np.zeros(items.shape, dtype=bool)
    again[:, 1:] = ascending[:, 1:] == ascending[:, :-1]
    doubled = np.empty_like(again)
    np.put_along_axis(doubled, order, again, axis=1)
    return np.where(doubled, fill, items)

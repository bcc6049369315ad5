"""Where the candidates of the world come from: all videos, two sources that compete, or a model.

A retrieval gets what a real one gets: who asks, when, what was watched, and what the ranking stage
said at the request before. It never sees tastes or contexts, but for the world's own `Sources`,
which stand for the platform's other retrievals and know the taste by category alone.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from recbole_poem.core.settings import SHARE, at_least, setting
from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.chance import Chance, Draw
from recbole_poem.world.people import People

NONE = -1  # in place of a candidate: there is no further one


class Asked(NamedTuple):
    """Requests of B users, one of each.

    Attributes
    ----------
    user, request : (B,) int
        ``request`` counts the requests of a user from 0.
    time : (B,) float
        Seconds since the world began.
    history, history_time : (B, H) int, float
        What was watched for long, oldest first; `NONE` behind the last.
    ranked : (B, N) int
        The ranking of the request before, best first; `NONE` behind the last.
    scores : (B, N, M) float
    taken : (B, I) bool
        What the user was shown; the platform leaves it out, whoever sends it.
    """

    user: np.ndarray
    request: np.ndarray
    time: np.ndarray
    history: np.ndarray
    history_time: np.ndarray
    ranked: np.ndarray
    scores: np.ndarray
    taken: np.ndarray


class Retrieval(Protocol):
    """Finds candidates."""

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return (B, R) ids of videos, each at most once in its row; `NONE` fills a row up."""
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
    sharpness: float = setting(1.0, SHARE, "how strictly categories follow the taste; 0 = not at all")


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
        place = np.arange(n)[None, :]
        keys = (asked.user[:, None], asked.request[:, None], place)
        draw = self._chance.uniform(Draw.RETRIEVED, *keys, 0)
        other = self._chance.uniform(Draw.RETRIEVED, *keys, 1)
        popular = np.searchsorted(self._appeal, draw, side="right")
        # row by row: the running sums of all rows behind each other are one ascending array
        rows = np.arange(len(asked.user))[:, None]
        liked = self._liked[asked.user]
        flat = (liked + rows).ravel()
        category = np.searchsorted(flat, draw + rows, side="right") - rows * liked.shape[1]
        category = np.minimum(category, liked.shape[1] - 1)
        begin, end = self._begin[category], self._begin[category + 1]
        own = self._of_category[np.minimum(begin + (other * (end - begin)).astype(int), end - 1)]
        items = np.where(place < self._settings.popular * n, popular, own)
        return without_doubles(np.minimum(items, len(self._appeal) - 1))


class Beside:
    """A retrieval beside the platform's own: both send candidates, the ranking stage chooses.

    Parameters
    ----------
    retrieval, own : Retrieval
    """

    def __init__(self, retrieval: Retrieval, own: Retrieval) -> None:
        self._retrieval, self._own = retrieval, own
        self.latest = np.empty((0, 0), dtype=int)  #: what the first one sent in the last round

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return the candidates of both, each once."""
        self.latest = self._retrieval.candidates(asked)
        return without_doubles(np.concatenate([self.latest, self._own.candidates(asked)], axis=1))


def without_doubles(items: np.ndarray, fill: int = NONE) -> np.ndarray:
    """Return the rows with every later occurrence of an id replaced by `fill`."""
    order = np.argsort(items, axis=1, kind="stable")
    ascending = np.take_along_axis(items, order, axis=1)
    again = np.zeros(items.shape, dtype=bool)
    again[:, 1:] = ascending[:, 1:] == ascending[:, :-1]
    doubled = np.empty_like(again)
    np.put_along_axis(doubled, order, again, axis=1)
    return np.where(doubled, fill, items)

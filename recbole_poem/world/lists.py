"""What the re-ranker makes of a ranking: the list that is shown.

The world's own are `WorldLists`, with the penalty that is a dial of it, and `BestByScore`, with
none. They learn nothing of what came of their lists.
"""

import numpy as np

from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.history import NONE
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.settings import ListSettings
from recbole_poem.world.world import World


class BestByScore:
    """Shows the best of the ranking, in its order.

    Parameters
    ----------
    n_shown : int
        L, videos of a list.
    """

    slot = None

    def __init__(self, n_shown: int) -> None:
        self._n = n_shown

    def shown(self, asked: Asked, ranked: np.ndarray, by: np.ndarray) -> np.ndarray:
        """Make lists; see `recbole_poem.world.cascade.Lists.shown`."""
        return ranked[:, : self._n]

    def observe(self, asked: Asked, shown: np.ndarray, taken: np.ndarray, end: np.ndarray) -> None:
        """Learn nothing."""


class WorldLists(BestByScore):
    """Shows what the world's own re-ranker makes of a ranking: its dials ``list`` say how.

    Parameters
    ----------
    world : World
    """

    def __init__(self, world: World) -> None:
        super().__init__(world.settings.list.shown)
        self._world = world

    def shown(self, asked: Asked, ranked: np.ndarray, by: np.ndarray) -> np.ndarray:
        """Make lists; see `recbole_poem.world.cascade.Lists.shown`."""
        return make_list(self._world.settings.list, self._world.catalogue, ranked, by)


def make_list(
    settings: ListSettings, catalogue: Catalogue, ranked: np.ndarray, by: np.ndarray
) -> np.ndarray:
    """Return the lists: the best by score, less the penalty for categories that are on them.

    Parameters
    ----------
    settings : ListSettings
    catalogue : Catalogue
    ranked : (B, N) int
        Best first; `NONE` behind the last.
    by : (B, N) float

    Returns
    -------
    (B, L) int
        `NONE` behind the last.
    """
    if settings.penalty == 0:
        return ranked[:, : settings.shown]
    rows = np.arange(len(ranked))
    category = catalogue.category[np.where(ranked == NONE, 0, ranked)]
    left = np.where(ranked == NONE, -np.inf, by)
    shown = np.full((len(ranked), settings.shown), NONE)
    for place in range(settings.shown):
        best = left.argmax(axis=1)
        there = np.isfinite(left[rows, best])
        shown[:, place] = np.where(there, ranked[rows, best], NONE)
        left = left - settings.penalty * (category == category[rows, best][:, None])
        left[rows, best] = -np.inf
    return shown

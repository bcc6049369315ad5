"""What the re-ranker makes of a ranking: the list that is shown."""

import numpy as np

from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.history import NONE
from recbole_poem.world.settings import ListSettings


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

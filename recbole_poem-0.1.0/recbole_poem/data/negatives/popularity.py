"""Negatives that many users consumed: a harder draw than a uniform one."""

import numpy as np

from recbole_poem.core.stages import NEGATIVES
from recbole_poem.data.negatives.uniform import UniformNegatives
from recbole_poem.log.requests import RequestLog


@NEGATIVES.register("popularity")
class PopularityNegatives(UniformNegatives):
    """Items in proportion to their training rows, plus one row for every item.

    Parameters
    ----------
    settings, data
        See `UniformNegatives`.
    """

    def weights(self, log: RequestLog) -> np.ndarray:
        """Return in proportion to what items are drawn, (n_items,) float64; 0 for padding."""
        rows = np.bincount(log.item[log.training], minlength=log.n_items)
        return super().weights(log) + np.r_[0.0, rows[1:]]

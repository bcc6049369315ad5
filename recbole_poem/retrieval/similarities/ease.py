"""A ridge regression of every item on all others (EASE: Steck, WWW 2019)."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recbole_poem.core.settings import ABOVE_0, setting
from recbole_poem.core.stages import OBJECTIVES
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.co_consumption import CoConsumption
from recbole_poem.retrieval.counts import Counts
from recbole_poem.retrieval.similarities import Evidence
from recbole_poem.retrieval.weights import check_dense, regression


@OBJECTIVES.register("ease")
class Ease:
    """What the other items of the history do not explain; 20,000 items at most (Steck, WWW 2019).

    It ranks ml-100k better than `cosine`, and KuaiRand-Pure no better.
    """

    in_order, at_once = False, True

    @dataclass(frozen=True)
    class Settings(Evidence):
        """How strongly the weights are held back."""

        ridge: float = setting(500.0, ABOVE_0, "in users; the more, the closer to plain counts")

    def __init__(self, settings: "Ease.Settings") -> None:
        self.settings = settings

    def pairs(self, log: RequestLog, rows: np.ndarray, kept: np.ndarray) -> CoConsumption:
        """Count the users who consumed both items."""
        check_dense(log.n_items)
        return CoConsumption(log, rows[kept])

    def weigh(self, counts: Counts, top_k: int) -> sparse.csr_matrix:
        """Regress."""
        return regression(counts, top_k, self.settings.ridge)

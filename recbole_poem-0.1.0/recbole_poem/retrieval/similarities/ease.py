"""A ridge regression of every item on all others (EASE: Steck, WWW 2019)."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recbole_poem.core.settings import ABOVE_0, setting
from recbole_poem.core.stages import OBJECTIVES
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.counts import Counts, co_consumption
from recbole_poem.retrieval.similarities import Evidence
from recbole_poem.retrieval.weights import regression


@OBJECTIVES.register("ease")
class Ease:
    """What the other items of the history do not explain; 20,000 items at most (Steck, WWW 2019).

    It ranks ml-100k better than `cosine`, and KuaiRand-Pure no better.
    """

    @dataclass(frozen=True)
    class Settings(Evidence):
        """How strongly the weights are held back."""

        ridge: float = setting(500.0, ABOVE_0, "in users; the more, the closer to plain counts")

    def __init__(self, settings: "Ease.Settings") -> None:
        self.settings = settings

    def count(self, log: RequestLog, rows: np.ndarray) -> Counts:
        """Count the users who consumed both items."""
        return co_consumption(log, rows)

    def weigh(self, counts: Counts, top_k: int) -> sparse.csr_matrix:
        """Regress."""
        return regression(counts, top_k, self.settings.ridge)

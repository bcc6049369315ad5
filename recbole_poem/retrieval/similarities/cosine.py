"""The cosine of the sets of users who consumed two items (Sarwar et al., WWW 2001)."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recbole_poem.core.settings import FROM_0, setting
from recbole_poem.core.stages import OBJECTIVES
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.co_consumption import CoConsumption
from recbole_poem.retrieval.counts import Counts
from recbole_poem.retrieval.similarities import Evidence
from recbole_poem.retrieval.weights import normalise


@dataclass(frozen=True)
class Shrunk(Evidence):
    """Settings of a similarity that is a count over the geometric mean of two."""

    shrinkage: float = setting(10.0, FROM_0, "added to that mean, so that few pairs weigh little")


@OBJECTIVES.register("cosine")
class Cosine:
    """Consumed by the same users, in any order; shrunk (Koren, KDD 2008)."""

    in_order = at_once = False

    @dataclass(frozen=True)
    class Settings(Shrunk):
        """See `Shrunk`."""

    def __init__(self, settings: Shrunk) -> None:
        self.settings = settings

    def pairs(self, log: RequestLog, rows: np.ndarray, kept: np.ndarray) -> CoConsumption:
        """Count the users who consumed both items."""
        return CoConsumption(log, rows[kept])

    def weigh(self, counts: Counts, top_k: int) -> sparse.csr_matrix:
        """Normalise the counts."""
        return normalise(counts, top_k, self.settings.shrinkage)

"""How often two items were consumed close together."""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import sparse

from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import OBJECTIVES
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.counts import Counts
from recbole_poem.retrieval.sequences import Distance, Neighbourhoods
from recbole_poem.retrieval.similarities import UP_TO_1
from recbole_poem.retrieval.similarities.cosine import Shrunk
from recbole_poem.retrieval.similarities.transition import NO_LIMIT
from recbole_poem.retrieval.weights import normalise


@OBJECTIVES.register("session")
class Session:
    """Consumed within some steps, before or after."""

    in_order, at_once = True, False

    @dataclass(frozen=True)
    class Settings(Shrunk):
        """How far apart two rows may be."""

        steps: int = setting(30, at_least(1), "largest distance of two rows of evidence, in rows")
        discount: float = setting(1.0, UP_TO_1, "a pair at distance s counts discount^(s - 1)")
        within: Optional[float] = setting(
            None, NO_LIMIT, "largest time between the rows, in the unit of the time field"
        )

    def __init__(self, settings: "Session.Settings") -> None:
        self.settings = settings

    def pairs(self, log: RequestLog, rows: np.ndarray, kept: np.ndarray) -> Neighbourhoods:
        """Count how often the two items stood close together, in either order."""
        of = self.settings
        return Neighbourhoods(log, rows, kept, Distance(of.steps, of.discount, of.within))

    def weigh(self, counts: Counts, top_k: int) -> sparse.csr_matrix:
        """Normalise the counts."""
        return normalise(counts, top_k, self.settings.shrinkage)

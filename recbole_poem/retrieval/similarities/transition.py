"""How often an item followed another one."""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import sparse

from recbole_poem.core.settings import FROM_0, at_least, or_nothing, setting
from recbole_poem.core.stages import OBJECTIVES
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.counts import Counts
from recbole_poem.retrieval.sequences import Distance, Transitions
from recbole_poem.retrieval.similarities import UP_TO_1
from recbole_poem.retrieval.similarities.cosine import Shrunk
from recbole_poem.retrieval.weights import normalise

NO_LIMIT = or_nothing(FROM_0, "for no limit")


@OBJECTIVES.register("transition")
class Transition:
    """Consumed at most some steps later."""

    in_order, at_once = True, False

    @dataclass(frozen=True)
    class Settings(Shrunk):
        """How far apart two rows may be."""

        steps: int = setting(1, at_least(1), "largest distance of two rows of evidence, in rows")
        discount: float = setting(0.9, UP_TO_1, "a pair at distance s counts discount^(s - 1)")
        within: Optional[float] = setting(
            None, NO_LIMIT, "largest time between the rows, in the unit of the time field"
        )

    def __init__(self, settings: "Transition.Settings") -> None:
        self.settings = settings

    def pairs(self, log: RequestLog, rows: np.ndarray, kept: np.ndarray) -> Transitions:
        """Count how often the second item came after the first."""
        of = self.settings
        return Transitions(log, rows, kept, Distance(of.steps, of.discount, of.within))

    def weigh(self, counts: Counts, top_k: int) -> sparse.csr_matrix:
        """Normalise the counts."""
        return normalise(counts, top_k, self.settings.shrinkage)

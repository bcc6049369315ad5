"""Item-to-item similarities: what an objective counts, and how the counts become weights.

An objective is one question about a candidate: will it be clicked, liked, watched next? A
similarity answers it from the rows that meet the objective's feedback. It is made as
``component(settings)``, and travels to workers.
"""

from dataclasses import dataclass
from typing import Any, Dict, Optional, Protocol

import numpy as np
from scipy import sparse

from recbole_poem.core.number_types import is_number
from recbole_poem.core.settings import Range, at_least, or_nothing, setting
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.counts import Counts, Pairs

UP_TO_1 = Range(lambda v: is_number(v) and 0 < v <= 1, "a number above 0, up to 1")
_CONDITION = Range(
    lambda v: isinstance(v, dict),
    "a mapping from a column to an interval, such as {rating: '[4,inf)'}",
)


@dataclass(frozen=True)
class Evidence:
    """Settings that every objective has: which rows count, and how far back the user's do."""

    feedback: Optional[Dict[str, Any]] = setting(
        None,
        or_nothing(_CONDITION, "for all rows"),
        "condition on columns of .inter that makes a row evidence",
    )
    history: int = setting(10, at_least(1), "latest rows of the user that are looked at")
    decay: float = setting(0.9, UP_TO_1, "weight of a row relative to the next later one")


#: the settings that say how a similarity is used; all others say what it is
USE = ("history", "decay")


class Similarity(Protocol):
    """What a component of the stage offers; its settings are an `Evidence`."""

    #: whether the order of a user's rows counts, and not only what the user consumed
    in_order: bool
    #: whether it weighs all items at once, and no tile of them alone
    at_once: bool

    def pairs(self, log: RequestLog, rows: np.ndarray, kept: np.ndarray) -> Pairs:
        """Return the pairs of some rows (E,), ascending, that are to be counted, none formed yet.

        Parameters
        ----------
        log : RequestLog
        rows : (E,) int64
            Rows that are evidence; counts of disjoint users add up.
        kept : (E,) bool
            Which of them are counted; the others stand between them, and no more.

        Raises
        ------
        InputError
            If it does not take such a log.
        """

    def weigh(self, counts: Counts, top_k: int) -> sparse.csr_matrix:
        """Return the similarities of a tile, (t, n_items) float32: from 0, top_k a row, no own."""

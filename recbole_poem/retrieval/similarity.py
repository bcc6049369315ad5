"""The item-to-item similarities by the names that the configuration uses.

A counting function takes the rows that are evidence and returns counts that add up over users; a
weighing function makes similarities of them.
"""

from dataclasses import dataclass
from typing import Any, Callable, Dict

from scipy import sparse

from recbole_poem.retrieval.counts import Counts, co_consumption, session, transition
from recbole_poem.retrieval.weights import normalise, regression


@dataclass(frozen=True)
class Similarity:
    """How a similarity is estimated: counts of the users' rows, then weights from the counts.

    Attributes
    ----------
    count : callable
        (log, rows, **counting) -> Counts.
    weigh : callable
        (counts, top_k, **weighing) -> (n_items, n_items) float32, not negative, zero diagonal.
    counting, weighing : dict
        What the configuration may set, with the defaults.
    """

    count: Callable[..., Counts]
    weigh: Callable[..., sparse.csr_matrix]
    counting: Dict[str, Any]
    weighing: Dict[str, Any]


#: name -> how it is estimated
SIMILARITIES: Dict[str, Similarity] = {
    "cosine": Similarity(co_consumption, normalise, {}, {"shrinkage": 10.0}),
    "ease": Similarity(co_consumption, regression, {}, {"ridge": 500.0}),
    "transition": Similarity(
        transition,
        normalise,
        {"steps": 1, "discount": 0.9, "within": None},
        {"shrinkage": 10.0},
    ),
    "session": Similarity(
        session,
        normalise,
        {"steps": 30, "discount": 1.0, "within": None},
        {"shrinkage": 10.0},
    ),
}

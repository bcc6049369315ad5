"""The weights of the objectives in a fused score, as a configuration gives them."""

from typing import Any, List, Optional, Sequence

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number
from recbole_poem.core.settings import Range, or_nothing, setting

_WEIGHTS = Range(
    lambda v: (
        isinstance(v, (list, tuple)) and all(is_number(w) and w >= 0 for w in v) and sum(v) > 0
    ),
    "a list of numbers from 0, one per objective, not all 0",
)


def weights_setting() -> Any:
    """Declare the setting ``weights``."""
    return setting(
        None, or_nothing(_WEIGHTS, "for equal ones"), "of the objectives in the fused score"
    )


def shares_of(weights: Optional[Sequence[float]], n_objectives: int) -> List[float]:
    """Return the weights of so many objectives, scaled to sum 1; None = equal ones.

    Raises
    ------
    InputError
        For another number of weights.
    """
    weights = weights or [1] * n_objectives
    if len(weights) != n_objectives:
        raise InputError(
            f"score_fusion.weights: expected {n_objectives} numbers, one per objective, and "
            f"got {weights!r}"
        )
    return [float(weight) / sum(weights) for weight in weights]

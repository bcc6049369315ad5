"""The weights of the objectives in a fused score, as a configuration gives them."""

from typing import Any, List, Optional

import numpy as np
import torch
from torch import nn

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


class ObjectiveWeights(nn.Module):
    """The weights a of M objectives: not negative, of sum 1.

    Parameters
    ----------
    weights : list of float, optional
        As a configuration gives them; None = equal ones.
    n_objectives : int
        M.

    Raises
    ------
    InputError
        For another number of weights.
    """

    def __init__(self, weights: Optional[List[float]], n_objectives: int) -> None:
        super().__init__()
        weights = weights or [1] * n_objectives
        if len(weights) != n_objectives:
            raise InputError(
                f"score_fusion.weights: expected {n_objectives} numbers, one per objective, and "
                f"got {weights!r}"
            )
        #: the same as numbers
        self.share = [float(weight) / sum(weights) for weight in weights]
        self.weights: torch.Tensor
        given = torch.tensor(self.share, dtype=torch.float32)
        self.register_buffer("weights", given, persistent=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the fused scores (..., N) of features (..., N, M)."""
        return features @ self.weights

    def of_places(self, gains: np.ndarray) -> np.ndarray:
        """Return what places with gains (n,) are worth to each objective, (M, n) float32."""
        return np.asarray(self.share, dtype=np.float32)[:, None] * gains

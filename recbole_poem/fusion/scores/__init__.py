"""Score fusions: the only place where the scores of a ranking become features and one order."""

from typing import Any, ClassVar, Dict, NamedTuple, Protocol

import numpy as np
import torch


class Fused(NamedTuple):
    """What a score fusion makes of the candidates.

    Attributes
    ----------
    features : (..., N, F)
        0 where there is no candidate.
    score : (..., N)
        Fused scores, higher is better; 0 where there is no candidate.
    """

    features: torch.Tensor
    score: torch.Tensor


class ScoreFusion(Protocol):
    """A component of the stage ``score_fusion``, made of its settings and M, the objectives.

    The request cache asks it before any model is trained, in other processes too: what it says then
    must not depend on weights that are learned.

    Attributes
    ----------
    n_features : int
        F.
    reads_ranks_alone : bool
        Of the class: whether any increasing map of an objective's scores leaves the result as it
        is. The cache then keeps competition ranks, and minus a rank stands in for a score; else it
        has to be told to keep the scores (``ranking_source.raw_scores``).
    gives_weights : bool
        Of the class: whether features and fused scores are weights, which are never negative and
        sum to 1 over the candidates. Networks read weights by what they are against others of
        their ranking, and other numbers as they are.
    """

    n_features: int
    reads_ranks_alone: ClassVar[bool]
    gives_weights: ClassVar[bool]

    def __call__(self, scores: torch.Tensor, valid: torch.Tensor) -> Fused:
        """Fuse scores (..., N, M) of the candidates that are `valid` (..., N)."""

    def fingerprint(self) -> Dict[str, Any]:
        """Return what its results depend on, as JSON values: a cache is found again by it."""

    def gains(self, n: int) -> np.ndarray:
        """Return what each of the first `n` ranks is worth to each objective, (M, n) float32.

        By it an item-to-item source chooses its candidates: it is above 0 and falls with the rank,
        and 0 for an objective that does not count.
        """

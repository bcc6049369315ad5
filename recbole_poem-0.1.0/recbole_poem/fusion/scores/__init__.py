"""Score fusions: the only place where the scores of a ranking become features and one order."""

from typing import Any, ClassVar, Dict, NamedTuple, Optional, Protocol

import numpy as np
import torch

from recbole_poem.fusion.learned import Lists


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


class CandidateOrder(Protocol):
    """Who orders the candidates of the request cache: a score fusion that is not learned.

    It is asked before any model is trained, in other processes too.
    """

    def __call__(self, scores: torch.Tensor, valid: torch.Tensor) -> Fused:
        """Fuse scores (..., N, M) of the candidates that are `valid` (..., N)."""

    def fingerprint(self) -> Dict[str, Any]:
        """Return what its results depend on, as JSON values: a cache is found again by it."""

    def gains(self, n: int) -> np.ndarray:
        """Return what each of the first `n` ranks is worth to each objective, (M, n) float32.

        By it an item-to-item source chooses its candidates: it is above 0 and falls with the rank,
        and 0 for an objective that does not count.
        """


class ScoreFusion(Protocol):
    """A component of the stage ``score_fusion``.

    It is made of its settings, M, the objectives, and C, the numbers that tell who asks (0 where
    nobody is told).

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

    @classmethod
    def of_cache(cls, settings: Any, n_objectives: int) -> CandidateOrder:
        """Return who orders the candidates of the cache under these settings."""

    def __call__(
        self, scores: torch.Tensor, valid: torch.Tensor, context: Optional[torch.Tensor] = None
    ) -> Fused:
        """Fuse scores (Q, N, M) of the candidates that are `valid` (Q, N).

        Parameters
        ----------
        scores, valid
        context : (Q, C), optional
            Who asks; None = not known.
        """


class LearnedFusion(ScoreFusion, Protocol):
    """A score fusion that learns: a torch module, taught by the loss term ``fusion`` alone.

    What reads its features takes them as they are: no other loss moves it, and it moves neither
    the history nor whoever else tells who asks.
    """

    def reset_parameters(self) -> None:
        """Begin anew."""

    def fit(self, scores: torch.Tensor) -> None:
        """Learn the scale of each objective from candidates (n, M) of training rankings."""

    def loss(self, lists: Lists) -> torch.Tensor:
        """Return the loss of rankings whose outcomes are known."""

    def begin_epoch(self) -> None:
        """Make of the past epoch what there is to make of it."""

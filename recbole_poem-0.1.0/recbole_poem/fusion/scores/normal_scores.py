"""Fusion of the objectives by rank: normal scores, and their weighted mean.

Within one request of n candidates, for objective m and candidate i,

    r_m(i) = 1 + #{j : s_m(j) > s_m(i)}                       competition rank, ties share
    q_m(i) = -PhiInv((r_m(i) - c) / (n + 1 - 2c))             normal quantile, high for the best
    z_m(i) = q_m(i) - mean_j q_m(j)                           normal score, of mean 0
    S(i)   = sum_m a_m z_m(i),  a >= 0,  sum_m a_m = 1        fused score, of mean 0

with PhiInv the inverse of the standard normal distribution, and c = 3/8 by Blom (Statistical
Estimates and Transformed Beta-Variables, 1958). Without ties the mean of q is 0 already. An
objective that ties all candidates scores all of them 0. Only ranks enter, so that any increasing
map of an objective's scores leaves the result unchanged.

Where inverse ranks tell the first candidates from each other, normal scores tell both ends of the
ranking alike from its middle.
"""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import numpy as np
import torch
from scipy.special import ndtri
from torch import nn

from recbole_poem.core.number_types import is_number
from recbole_poem.core.settings import Range, setting
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.objective_weights import ObjectiveWeights, weights_setting
from recbole_poem.fusion.scores import CandidateOrder, Fused
from recbole_poem.fusion.scores.reciprocal_rank import competition_ranks

_OFFSET = Range(lambda v: is_number(v) and 0 <= v <= 0.5, "a number from 0 to 0.5")


def normal_scores(scores: torch.Tensor, valid: torch.Tensor, offset: float) -> torch.Tensor:
    """Return the normal scores z of every candidate.

    Parameters
    ----------
    scores : (..., N, M) float
        Higher is better; finite.
    valid : (..., N) bool
    offset : float
        c, from 0 to 1/2.

    Returns
    -------
    (..., N, M) float
        Of mean 0 over the candidates of a request; 0 where there is no candidate.
    """
    there = valid.unsqueeze(-1)
    n = there.sum(dim=-2, keepdim=True).clamp_min(1)
    ranks = competition_ranks(scores, valid).masked_fill(~there, 1)
    # in double precision, so that rounding tells no two candidates apart that are alike
    quantile = -torch.special.ndtri((ranks.double() - offset) / (n + 1 - 2 * offset)) * there
    centred = (quantile - quantile.sum(dim=-2, keepdim=True) / n) * there
    return centred.to(scores.dtype)


def place_gains(n: int, offset: float) -> np.ndarray:
    """Return what the ranks 1..n are worth above the rank behind them, (n,) float32.

    They are the quantiles of n + 1 ranks, less that of the last: all above 0, as the choice of
    candidates asks, and a candidate that is not among the first n gains nothing.
    """
    quantile = -ndtri((np.arange(1, n + 2) - offset) / (n + 2 - 2 * offset))
    return (quantile[:-1] - quantile[-1]).astype(np.float32)


@SCORE_FUSIONS.register("normal_scores")
class NormalScores(nn.Module):
    """Normal quantiles of the ranks, and their weighted mean (Blom, 1958).

    Parameters
    ----------
    settings : Settings
    n_objectives : int
        M, the number of features as well.
    context_size : int
        Who asks changes nothing.

    Raises
    ------
    InputError
        For another number of weights.
    """

    reads_ranks_alone = True
    gives_weights = False

    @dataclass(frozen=True)
    class Settings:
        """Of the quantile."""

        offset: float = setting(
            0.375, _OFFSET, "c of (rank - c) / (n + 1 - 2c); 3/8 is Blom's, 0 van der Waerden's"
        )
        weights: Optional[List[float]] = weights_setting()

    def __init__(self, settings: Any, n_objectives: int, context_size: int = 0) -> None:
        super().__init__()
        self.offset, self.n_features = settings.offset, n_objectives
        self.objectives = ObjectiveWeights(settings.weights, n_objectives)

    @classmethod
    def of_cache(cls, settings: Any, n_objectives: int) -> CandidateOrder:
        """Return the same fusion: nothing of it is learned."""
        return cls(settings, n_objectives)

    def forward(
        self, scores: torch.Tensor, valid: torch.Tensor, context: Optional[torch.Tensor] = None
    ) -> Fused:
        """Fuse scores (..., N, M) of the candidates that are `valid` (..., N)."""
        features = normal_scores(scores, valid, self.offset)
        return Fused(features, self.objectives(features))

    def fingerprint(self) -> Dict[str, Any]:
        """Return what its results depend on, as JSON values."""
        return {"name": "normal_scores", "offset": self.offset, "share": self.objectives.share}

    def gains(self, n: int) -> np.ndarray:
        """Return what each of the first `n` ranks is worth to each objective, (M, n) float32."""
        return self.objectives.of_places(place_gains(n, self.offset))

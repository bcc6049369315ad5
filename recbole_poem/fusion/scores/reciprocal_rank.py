"""Fusion of the objectives by rank: the quintuple and the fused score.

Within one request, for objective m and candidate i,

    r_m(i) = 1 + #{j : s_m(j) > s_m(i)}                      competition rank, ties share
    u_m(i) = (kappa + r_m(i))^-p / sum_j (kappa + r_m(j))^-p  normalised rank weight
    S(i)   = sum_m a_m u_m(i),  a >= 0,  sum_m a_m = 1        fused score

and the *quintuple* of i is (u_1(i), ..., u_M(i)). The inverse rank is POEM's (arXiv 2606.29946);
kappa = 60 gives reciprocal rank fusion (Cormack et al., SIGIR 2009). Only ranks enter, so any
increasing map of an objective's scores leaves the result unchanged.
"""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.settings import ABOVE_0, FROM_0, setting
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.objective_weights import ObjectiveWeights, weights_setting
from recbole_poem.fusion.scores import CandidateOrder, Fused


def competition_ranks(scores: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Rank the candidates of each request by each objective, best first.

    Parameters
    ----------
    scores : (..., N, M) float
        Higher is better; finite.
    valid : (..., N) bool
        False where there is no candidate; such a slot is ranked behind every candidate.

    Returns
    -------
    (..., N, M) int64
        From 1; tied candidates share the best of their ranks.
    """
    scores = scores.masked_fill(~valid.unsqueeze(-1), -torch.inf).transpose(-1, -2)
    descending, order = scores.sort(dim=-1, descending=True)
    place = torch.arange(scores.shape[-1], device=scores.device)
    is_tied = F.pad(descending[..., 1:] == descending[..., :-1], (1, 0))
    # a tied candidate takes the place of the first of its tie
    first = torch.where(is_tied, 0, place).cummax(dim=-1).values
    return torch.empty_like(order).scatter_(-1, order, first + 1).transpose(-1, -2)


def rank_weights(
    scores: torch.Tensor, valid: torch.Tensor, kappa: float, power: float
) -> torch.Tensor:
    """Return the normalised rank weights u, the quintuple of every candidate.

    Parameters
    ----------
    scores : (..., N, M) float
    valid : (..., N) bool
    kappa, power : float
        kappa >= 0 flattens the weights, power > 0 sharpens them.

    Returns
    -------
    (..., N, M) float
        Sums to 1 over the candidates of a request; 0 where there is no candidate.
    """
    ranks = competition_ranks(scores, valid)
    # relative to the best rank, whose weight is then 1: a large power cannot underflow them all
    relative = (kappa + ranks.to(scores.dtype)) / (kappa + 1)
    weights = relative**-power * valid.unsqueeze(-1)
    return weights / weights.sum(dim=-2, keepdim=True).clamp_min(1)


def rank_gains(n: int, kappa: float, power: float) -> np.ndarray:
    """Return ``(kappa + rank) ** -power`` of the ranks 1..n, relative to the first, (n,) float32.

    Relative, so that a large power does not underflow all of them. None becomes 0, which would
    leave a candidate out: where float32 ends, the last ranks are worth the same.
    """
    worth = ((kappa + np.arange(1, n + 1)) / (kappa + 1)) ** -power
    return np.maximum(worth, np.finfo(np.float32).tiny).astype(np.float32)


@SCORE_FUSIONS.register("reciprocal_rank")
class ReciprocalRank(nn.Module):
    """Rank weights (kappa + rank)^-p, normalised and summed (POEM's; Cormack et al., SIGIR 2009).

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
    gives_weights = True

    @dataclass(frozen=True)
    class Settings:
        """Of the rank weight."""

        kappa: float = setting(0, FROM_0, "added to the rank; 60 = reciprocal rank fusion")
        power: float = setting(1, ABOVE_0, "exponent of the rank weight")
        weights: Optional[List[float]] = weights_setting()

    def __init__(self, settings: Any, n_objectives: int, context_size: int = 0) -> None:
        super().__init__()
        self.kappa, self.power = settings.kappa, settings.power
        self.n_features = n_objectives
        self.objectives = ObjectiveWeights(settings.weights, n_objectives)

    @classmethod
    def of_cache(cls, settings: Any, n_objectives: int) -> CandidateOrder:
        """Return the same fusion: nothing of it is learned."""
        return cls(settings, n_objectives)

    def forward(
        self, scores: torch.Tensor, valid: torch.Tensor, context: Optional[torch.Tensor] = None
    ) -> Fused:
        """Fuse scores (..., N, M) of the candidates that are `valid` (..., N)."""
        quintuple = rank_weights(scores, valid, self.kappa, self.power)
        return Fused(quintuple, self.objectives(quintuple))

    def fingerprint(self) -> Dict[str, Any]:
        """Return what its results depend on, as JSON values."""
        numbers = {"kappa": self.kappa, "power": self.power, "share": self.objectives.share}
        return {"name": "reciprocal_rank", **numbers}

    def gains(self, n: int) -> np.ndarray:
        """Return what each of the first `n` ranks is worth to each objective, (M, n) float32."""
        return self.objectives.of_places(rank_gains(n, self.kappa, self.power))

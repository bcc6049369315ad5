"""Fusion of the objectives by rank: the quintuple and the fused score.

Within one request, for objective m and candidate i,

    r_m(i) = 1 + #{j : s_m(j) > s_m(i)}                      competition rank, ties share
    u_m(i) = (kappa + r_m(i))^-p / sum_j (kappa + r_m(j))^-p  normalised rank weight
    S(i)   = sum_m a_m u_m(i),  a >= 0,  sum_m a_m = 1        fused score

and the *quintuple* of i is (u_1(i), ..., u_M(i)). The inverse rank is POEM's (arXiv 2606.29946);
kappa = 60 gives reciprocal rank fusion (Cormack et al., SIGIR 2009). Only ranks enter, so any
increasing map of an objective's scores leaves the result unchanged.
"""

import torch
import torch.nn.functional as F


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


def fuse(quintuple: torch.Tensor, objective_weights: torch.Tensor) -> torch.Tensor:
    """Return the fused score S of every candidate.

    Parameters
    ----------
    quintuple : (..., N, M)
    objective_weights : (M,)
        a, non-negative, summing to 1.

    Returns
    -------
    (..., N), summing to 1 over the candidates of a request.
    """
    return quintuple @ objective_weights

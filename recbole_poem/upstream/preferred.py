"""System positives: what the ranking of the current request puts on top, a label and never input."""

import torch

from recbole_poem.cascade.fusion import fuse, rank_weights


def preferred_items(
    items: torch.Tensor,
    scores: torch.Tensor,
    number: int,
    weights: torch.Tensor,
    kappa: float,
    power: float,
) -> torch.Tensor:
    """Return the `number` candidates of the largest fused score.

    Parameters
    ----------
    items : (..., N) int64, 0 = no candidate
    scores : (..., N, M)
    number : int
        k.
    weights : (M,)
    kappa, power : float
        Of the rank weights; see `recbole_poem.cascade.fusion`.

    Returns
    -------
    (..., k) int64, best first; 0 where there are fewer candidates.
    """
    fused = fuse(rank_weights(scores, items > 0, kappa, power), weights)
    return items.gather(-1, fused.topk(min(number, items.shape[-1]), dim=-1).indices)

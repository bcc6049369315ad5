"""Within one list: the AUC of an order, and soft ranks, by which it can be learned.

By the rank-sum identity, with **ascending** ranks r and labels y of n+ positives and n- others,

    AUC = (<r, y> - n+ (n+ + 1) / 2) / (n+ n-)

and a soft rank is the projection of ``s / epsilon`` on the permutahedron of (1, ..., n) (Blondel et
al., ICML 2020). As epsilon goes to 0 it becomes the rank.
"""

from typing import Tuple

import torch


def list_auc(
    scores: torch.Tensor, labels: torch.Tensor, valid: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Measure the order of each list; ties count a half.

    Parameters
    ----------
    scores : (Q, N)
    labels : (Q, N, L) bool
    valid : (Q, N) bool

    Returns
    -------
    auc : (Q, L) float
        0 where a list has not both kinds of candidates.
    there : (Q, L) bool
        Whether it has.
    """
    above = (scores.unsqueeze(2) > scores.unsqueeze(1)).to(scores.dtype)
    above += 0.5 * (scores.unsqueeze(2) == scores.unsqueeze(1))
    positive = (labels & valid.unsqueeze(-1)).to(scores.dtype)
    negative = (~labels & valid.unsqueeze(-1)).to(scores.dtype)
    won = torch.einsum("qil,qij,qjl->ql", positive, above, negative)
    pairs = positive.sum(dim=1) * negative.sum(dim=1)
    return won / pairs.clamp_min(1), pairs > 0


def soft_rank(scores: torch.Tensor, valid: torch.Tensor, epsilon: torch.Tensor) -> torch.Tensor:
    """Rank softly, ascending: the larger the score, the larger the rank.

    With z = s / epsilon in descending order and w = (n, ..., 1), the ranks are z - v, where v is
    the non-increasing sequence that is nearest to z - w: ``v_i`` is the least over j <= i of the
    greatest over k >= i of the mean of z - w from j to k. The gradient follows by itself.

    Parameters
    ----------
    scores : (Q, N)
    valid : (Q, N) bool
    epsilon : (Q, 1)
        Above 0, in units of the score.

    Returns
    -------
    (Q, N)
        Sums to n (n + 1) / 2 over the n candidates of a list; 0 where there is none.
    """
    n_slots = scores.shape[1]
    count = valid.sum(dim=1, keepdim=True)
    mean = (scores * valid).sum(dim=1, keepdim=True) / count.clamp_min(1)
    scaled = ((scores - mean) / epsilon).double() * valid
    order = scaled.masked_fill(~valid, -torch.inf).argsort(dim=1, descending=True, stable=True)
    place = torch.arange(n_slots, device=scores.device)
    z = scaled.gather(1, order)
    gap = z - (count - place)
    total = torch.cat([gap.new_zeros(len(gap), 1), gap.cumsum(dim=1)], dim=1)
    # [q, j, k]: the mean of the gaps from j to k
    length = (place.unsqueeze(0) - place.unsqueeze(1) + 1).clamp_min(1)
    means = (total[:, None, 1:] - total[:, :-1, None]) / length
    is_block = (place.unsqueeze(0) >= place.unsqueeze(1)) & (place < count).unsqueeze(1)
    means = means.masked_fill(~is_block, -torch.inf)
    greatest = means.flip(2).cummax(dim=2).values.flip(2)  # over k >= i
    least = greatest.masked_fill(place.unsqueeze(0) < place.unsqueeze(1), torch.inf)
    v = least.min(dim=1).values
    ranks = torch.zeros_like(z).scatter(1, order, torch.where(place < count, z - v, 0))
    return ranks.to(scores.dtype)


def soft_auc(
    scores: torch.Tensor, labels: torch.Tensor, valid: torch.Tensor, softness: float
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Measure the order of each list by soft ranks; see `list_auc`.

    Epsilon is relative to the spread of the scores, ``softness * sqrt(12) * std / (n - 1)``: the
    distance of neighbours, were they spread evenly. Of its own accord no scale of the scores is
    right: where epsilon is too large the ranks are affine in the scores, where it is too small they
    have no gradient.

    Parameters
    ----------
    scores : (Q, N)
    labels : (Q, N, L) bool
    valid : (Q, N) bool
    softness : float
        Above 0; 1 = the distance of neighbours.

    Returns
    -------
    auc, there : (Q, L)
        As `list_auc`, to which they come as `softness` goes to 0.
    """
    count = valid.sum(dim=1, keepdim=True)
    with torch.no_grad():
        mean = (scores * valid).sum(dim=1, keepdim=True) / count.clamp_min(1)
        variance = ((scores - mean).square() * valid).sum(dim=1, keepdim=True) / count.clamp_min(1)
        epsilon = softness * (12 * variance).sqrt() / (count - 1).clamp_min(1)
        epsilon = torch.where(epsilon > 1e-9, epsilon, 1)  # all alike: they share one rank
    ranks = soft_rank(scores, valid, epsilon)
    positive = (labels & valid.unsqueeze(-1)).to(scores.dtype)
    n_positive = positive.sum(dim=1)
    pairs = n_positive * (count - n_positive)
    won = (ranks.unsqueeze(-1) * positive).sum(dim=1) - n_positive * (n_positive + 1) / 2
    return won / pairs.clamp_min(1), pairs > 0

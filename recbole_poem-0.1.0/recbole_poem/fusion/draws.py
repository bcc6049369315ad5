"""Draws from ordered groups: the partially ordered sequence.

The candidates of a request, sorted by fused score, fall into G groups; n items are drawn without
replacement from each and concatenated, best group first (POEM, arXiv 2606.29946). Between groups
the order is asserted, inside a group it is not.
"""

from typing import Tuple

import torch

from recbole_poem.core.noise import Purpose, uniform


def draw(
    groups: torch.Tensor, noise: torch.Tensor, n_groups: int, per_group: int
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Draw items from each group without replacement: those of the smallest noise.

    Parameters
    ----------
    groups : (..., N) int64
        0 (best) to G - 1; G where there is no candidate.
    noise : (..., N) float in [0, 1)
        Independent and uniform for a uniform draw.
    n_groups, per_group : int
        G and n.

    Returns
    -------
    index : (..., G * n) int64
        Slots of the drawn candidates, best group first.
    drawn : (..., G * n) bool
        False where a group has fewer than n candidates; the index there is meaningless.
    """
    order = (groups + noise).argsort(dim=-1)
    sizes = (groups.unsqueeze(-1) == torch.arange(n_groups, device=groups.device)).sum(dim=-2)
    begin = sizes.cumsum(dim=-1) - sizes  # (..., G)
    offset = torch.arange(per_group, device=groups.device)
    place = (begin.unsqueeze(-1) + offset).flatten(-2)
    drawn = (offset < sizes.unsqueeze(-1)).flatten(-2)
    return order.gather(-1, place.clamp_max(groups.shape[-1] - 1)), drawn


def shuffle_scores(scores: torch.Tensor, valid: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Give the scores of each ranking to its candidates at random: an order that means nothing.

    Parameters
    ----------
    scores : (Q, N, M) float
    valid : (Q, N) bool
        Which candidates exist.
    noise : (Q, N) float in [0, 1)
        Decides who gets whose scores.

    Returns
    -------
    (Q, N, M) float
        The score vectors of the valid candidates, permuted among them.
    """
    receiver = (~valid).long().argsort(dim=1, stable=True)  # the valid ones first
    giver = (noise + (~valid)).argsort(dim=1)  # the same, in random order
    shape = (-1, -1, scores.shape[-1])
    given = scores.gather(1, giver.unsqueeze(-1).expand(shape))
    return torch.empty_like(scores).scatter_(1, receiver.unsqueeze(-1).expand(shape), given)


def shuffled_scores(
    seed: int, items: torch.Tensor, scores: torch.Tensor, draws: torch.Tensor
) -> torch.Tensor:
    """Shuffle the scores (Q, N, M) of rankings by keyed noise: a control.

    Parameters
    ----------
    seed : int
    items : (Q, N) int64, 0 = no candidate
    scores : (Q, N, M)
    draws : (Q,) int64
        Draw ids, the keys of the noise.
    """
    noise = uniform(seed, Purpose.SHUFFLE, draws.unsqueeze(1), items)
    return shuffle_scores(scores, items > 0, noise)

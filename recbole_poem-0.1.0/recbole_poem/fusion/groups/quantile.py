"""Groups of equal size by fused score (POEM, arXiv 2606.29946)."""

from dataclasses import dataclass
from typing import Any

import torch

from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import GROUPINGS
from recbole_poem.fusion.fused_ranking import FusedRanking


def assign_groups(
    fused: torch.Tensor, items: torch.Tensor, valid: torch.Tensor, n_groups: int
) -> torch.Tensor:
    """Cut the candidates of each request into groups of (almost) equal size.

    Parameters
    ----------
    fused : (..., N) float
        Fused scores, higher is better.
    items : (..., N) int64
        Item ids, which break ties, so that the groups do not depend on the order of the slots.
    valid : (..., N) bool
    n_groups : int
        G.

    Returns
    -------
    (..., N) int64
        0 (best) to G - 1; G where there is no candidate.
    """
    by_item = items.argsort(dim=-1, stable=True)
    fused = fused.masked_fill(~valid, -torch.inf).gather(-1, by_item)
    order = by_item.gather(-1, fused.argsort(dim=-1, descending=True, stable=True))
    place = torch.arange(fused.shape[-1], device=fused.device).expand_as(order)
    n_valid = valid.sum(dim=-1, keepdim=True)
    group = (place * n_groups).div(n_valid.clamp_min(1), rounding_mode="floor")
    group = torch.where(place < n_valid, group, n_groups)
    return torch.empty_like(group).scatter_(-1, order, group)


@GROUPINGS.register("quantile")
class Quantile:
    """Groups of (almost) equal size, by fused score (POEM)."""

    reads_stages = False

    @dataclass(frozen=True)
    class Settings:
        """Of the groups."""

        n_groups: int = setting(5, at_least(1), "G, groups of candidates")

    def __init__(self, settings: Any) -> None:
        self.n_groups = settings.n_groups

    def __call__(self, ranking: FusedRanking) -> torch.Tensor:
        """Return the group of each candidate, (Q, N), from 0; G where there is none."""
        return assign_groups(ranking.fused, ranking.items, ranking.valid, self.n_groups)

"""A ranking as the model reads it: its candidates, with what a score fusion makes of them."""

from typing import NamedTuple, Optional

import torch


class FusedRanking(NamedTuple):
    """The rankings of Q requests.

    Attributes
    ----------
    items : (Q, N) int64
        The candidates, 0 = none.
    valid : (Q, N) bool
        Which slots have a candidate.
    features : (Q, N, F)
        Of each candidate, from the score fusion: the quintuple, for POEM's.
    fused : (Q, N)
        Fused scores.
    stages : (Q, N) int64, optional
        How far each candidate came, a place in `fusion.cascade_stages.STAGES`; None where nobody
        knows.
    are_weights : bool
        Whether features and fused scores are weights; see `fusion.scores.ScoreFusion`.
    ids : (Q, N) int64, optional
        What the candidates are called, where `items` numbers them otherwise; None = `items`.
    """

    items: torch.Tensor
    valid: torch.Tensor
    features: torch.Tensor
    fused: torch.Tensor
    stages: Optional[torch.Tensor] = None
    are_weights: bool = True
    ids: Optional[torch.Tensor] = None

    @property
    def keys(self) -> torch.Tensor:
        """(Q, N) int64, what the draws of candidates are keyed by."""
        return self.items if self.ids is None else self.ids

    @property
    def known(self) -> torch.Tensor:
        """(Q, 1) bool, whether a ranking has a candidate at all."""
        return self.valid.any(dim=1, keepdim=True)

    def taken(self, place: torch.Tensor) -> "FusedRanking":
        """Return some of the rankings, by their places (T,)."""
        return FusedRanking(
            self.items[place],
            self.valid[place],
            self.features[place],
            self.fused[place],
            None if self.stages is None else self.stages[place],
            self.are_weights,
            None if self.ids is None else self.ids[place],
        )

    @property
    def relative(self) -> torch.Tensor:
        """(Q, N, F), the features; weights against their mean, so that 1 is the average."""
        if not self.are_weights:
            return self.features
        return self.features * self.valid.sum(1).view(-1, 1, 1)

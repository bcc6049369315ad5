"""Fusion by rank consistency: HarmonRank (arXiv 2601.02955).

The loss is one minus the AUC within a ranking, by soft ranks (`recbole_poem.fusion.list_auc`): the
mean over the rankings that have a label, and then over labels. So the order alone is learned,
whatever the scale of the scores, and a label that few rankings have counts as much as any other.
The score has two branches, which add up:

    x_m = W [place_m; rank_m] + e_m            a token an objective, of each candidate
    A = x + SelfAttention(x)                   relation-aware: objectives among themselves,
    u = Attention(q = who asks; A)             then with who asks
    s = v . u + sum_m softmax(G(who asks))_m place_m

Our reading, as the paper's text was not at hand: sizes, one head, places
(`recbole_poem.fusion.places`) instead of log odds, and the history state as the user's profile. v
begins at zero, so that learning begins with the mean place. The paper's claim that a test checks:
the loss is the AUC, for each label alike.
"""

from dataclasses import dataclass
from typing import Any, Optional, Tuple

import torch
from torch import nn

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.settings import ABOVE_0, at_least, setting
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.learned import LearnedSettings, Lists, OverPlaces, Personal
from recbole_poem.fusion.list_auc import soft_auc
from recbole_poem.fusion.places import shares
from recbole_poem.fusion.scores import Fused
from recbole_poem.fusion.scores.reciprocal_rank import competition_ranks


@SCORE_FUSIONS.register("harmonrank")
class HarmonRank(OverPlaces):
    """Two branches over the objectives, learned by soft-rank AUC (HarmonRank; Kuaishou).

    Features are the shares of each objective's places, and behind them those of the fused score.

    Parameters
    ----------
    settings : Settings
    n_objectives : int
        M.
    context_size : int
        C, numbers that tell who asks; 0 = all have the same weights.
    """

    @dataclass(frozen=True)
    class Settings(LearnedSettings):
        """Of the branches and the loss."""

        cells: int = setting(10, at_least(1), "S, cells of the places")
        hidden_size: int = setting(16, at_least(1), "d, of a token")
        softness: float = setting(
            1, ABOVE_0, "epsilon of the soft ranks, in distances of neighbours spread evenly"
        )

    def __init__(self, settings: Any, n_objectives: int, context_size: int = 0) -> None:
        super().__init__(n_objectives, settings.cells)
        self.softness = settings.softness
        size = settings.hidden_size
        self.token = nn.Linear(2, size, bias=False)
        self.objective = nn.Parameter(torch.empty(n_objectives, size))
        # without biases: one of the keys has no effect, and Adam would walk it by rounding errors
        self.among = nn.Linear(size, 3 * size, bias=False)
        self.query = Personal(context_size, size)
        self.key_value = nn.Linear(size, 2 * size, bias=False)
        self.output = nn.Linear(size, 1, bias=False)
        self.gate = Personal(context_size, n_objectives)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin with the mean of the places."""
        for layer in (self.token, self.among, self.key_value):
            layer.reset_parameters()
        nn.init.normal_(self.objective)
        nn.init.zeros_(self.output.weight)
        self.query.reset_parameters()
        self.gate.reset_parameters()

    def fused(
        self, places: torch.Tensor, ranks: torch.Tensor, context: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Return s (Q, N) of places and relative ranks (Q, N, M)."""
        tokens = self.token(torch.stack([places, ranks], dim=-1)) + self.objective
        related = tokens + _attention(*self.among(tokens).chunk(3, dim=-1))  # (Q, N, M, d)
        key, value = self.key_value(related).chunk(2, dim=-1)
        query = self.query(context).unsqueeze(1).unsqueeze(1)  # (Q, 1, 1, d)
        mixed = _attention(query, key, value).squeeze(-2)  # (Q, N, d)
        aware: torch.Tensor = self.output(mixed).squeeze(-1)
        gate = self.gate(context).softmax(dim=-1).unsqueeze(1)  # (Q, 1, M)
        return aware + (places * gate).sum(dim=-1)

    def read(self, scores: torch.Tensor, valid: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return places and ranks (Q, N, M) of scores; ranks from 1, the best, down to 0."""
        count = valid.sum(dim=1).clamp_min(1).view(-1, 1, 1)
        ranks = 1 - (competition_ranks(scores, valid) - 1) / count
        return self.places(scores).mean(dim=-1), ranks

    def forward(
        self, scores: torch.Tensor, valid: torch.Tensor, context: Optional[torch.Tensor] = None
    ) -> Fused:
        """Fuse; see `recbole_poem.fusion.scores.ScoreFusion`."""
        places, ranks = self.read(scores, valid)
        fused = self.fused(places, ranks, context)
        found = shares(torch.cat([places, fused.unsqueeze(-1)], dim=-1), valid)
        return Fused(found, found[..., -1])

    def loss(self, lists: Lists) -> torch.Tensor:
        """Return the mean over labels of one minus the soft AUC within the rankings that have one.

        A label that no ranking of the batch has counts as 0.
        """
        told = lists.telling()
        fused = self.fused(*self.read(told.scores, told.valid), told.context)
        auc, there = soft_auc(fused, told.labels, told.valid, self.softness)
        missing = [
            weighted_mean(1 - of_label, has_it, told.n_processes)
            for of_label, has_it in zip(auc.T, there.T)
        ]
        return torch.stack(missing).mean()

    def begin_epoch(self) -> None:
        """Do nothing: an epoch is like any other."""


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Mix values (..., T, d) by the softmax of scaled products, (..., T', d)."""
    weight = (query @ key.transpose(-1, -2) * key.shape[-1] ** -0.5).softmax(dim=-1)
    return weight @ value

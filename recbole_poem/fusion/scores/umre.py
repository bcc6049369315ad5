"""Fusion by monotone networks: UMRE, unified monotonic ranking ensemble (arXiv 2508.07613).

For objective m and candidate i, with the place p of its score among those of training rankings
(`recbole_poem.fusion.places`) and h, which tells who asks,

    g_m(p | h) = integral of f_m(t, h) from 0 to p,  f_m > 0    rises in p, whatever the weights
    S(i) = sum_m w_m(h) g_m(p_m(i) | h),  w = softmax           rises in every objective's score

f is a network with ELU + 1 behind it (Wehenkel and Louppe, NeurIPS 2019). The loss is the squared
distance of ``exp(a(h)) S + b(h)`` to ``r = sum_l omega_l y_l``. After each epoch the Pareto step
gives weight to labels whose order got worse, and takes it from those whose order got better:

    omega_l <- omega_l exp(-eta (AUC_l - AUC_l of the epoch before)),  sum_l omega_l = L

with the AUC within rankings. Our reading, as the paper's text was not at hand: the network's sizes,
w without attention, the form of the step beside its sign, and the integral, which is taken cell by
cell between the knots of the places, evenly inside one. A quadrature from 0 to each p alone rises
only up to its error; this one rises for any weights. The paper's claim that a test checks: the
fused order keeps that of each objective.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np
import torch
import torch.distributed
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.settings import FROM_0, at_least, setting
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.learned import LearnedSettings, Lists, OverPlaces, Personal
from recbole_poem.fusion.list_auc import list_auc
from recbole_poem.fusion.places import shares
from recbole_poem.fusion.scores import Fused

#: the least slope, so that no two scores become one where float32 ends
_LEAST = 1e-3


def clenshaw_curtis(degree: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return the nodes and weights of Clenshaw-Curtis quadrature on [-1, 1].

    Exact for polynomials up to the degree (Trefethen, SIAM Review 2008). Of an even degree the last
    cosine counts half, which the weights of UMNN's published code leave out.

    Parameters
    ----------
    degree : int
        N, from 1.

    Returns
    -------
    nodes, weights : (N + 1,) float64
        Nodes from 1 to -1; weights above 0, summing to 2.
    """
    angle = np.pi * np.arange(degree + 1) / degree
    k = np.arange(1, degree // 2 + 1)
    half = np.where(2 * k == degree, 1.0, 2.0) / (4 * k**2 - 1)
    weights = 1 - np.cos(2 * np.outer(angle, k)) @ half
    ends = np.where(np.isin(np.arange(degree + 1), (0, degree)), 1.0, 2.0)
    return np.cos(angle), weights * ends / degree


class Rising(NamedTuple):
    """What a monotone network makes of the candidates of Q rankings.

    Attributes
    ----------
    by_objective : (Q, N, M)
        g.
    fused : (Q, N)
        S.
    """

    by_objective: torch.Tensor
    fused: torch.Tensor


@SCORE_FUSIONS.register("umre")
class UMRE(OverPlaces):
    """Monotone networks of the scores, personal weights, a Pareto step (UMRE; Kuaishou).

    Features are the shares of each objective's g, and behind them those of the fused score.

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
        """Of the networks and the step."""

        cells: int = setting(10, at_least(1), "S, cells of the places, between which slopes differ")
        degree: int = setting(4, at_least(1), "of the quadrature inside a cell")
        hidden_size: int = setting(8, at_least(1), "width of the network of a slope")
        pareto: float = setting(10, FROM_0, "eta, of the step between labels; 0 = equal weights")

    label_weight: torch.Tensor
    measured: torch.Tensor
    former_auc: torch.Tensor

    def __init__(self, settings: Any, n_objectives: int, context_size: int = 0) -> None:
        super().__init__(n_objectives, settings.cells)
        self.pareto = settings.pareto
        size = settings.hidden_size
        nodes, weights = clenshaw_curtis(settings.degree)
        inside = torch.from_numpy((nodes + 1) / 2 / settings.cells)
        begin = torch.arange(settings.cells, dtype=torch.float64) / settings.cells
        self.nodes: torch.Tensor
        self.node_weights: torch.Tensor
        self.register_buffer("nodes", (begin.unsqueeze(1) + inside).float(), persistent=False)
        of_cell = torch.from_numpy(weights / 2 / settings.cells).float()
        self.register_buffer("node_weights", of_cell, persistent=False)
        self.slope = nn.Parameter(torch.empty(n_objectives, size))
        self.start = nn.Parameter(torch.empty(n_objectives, size))
        self.shift = Personal(context_size, n_objectives * size)
        self.output = nn.Parameter(torch.empty(n_objectives, size))
        self.level = nn.Parameter(torch.empty(n_objectives, 1))
        self.weight = Personal(context_size, n_objectives)
        self.scale = Personal(context_size, 2)
        n_labels = len(settings.labels)
        self.register_buffer("label_weight", torch.ones(n_labels))
        #: sums and numbers of the AUCs of this epoch; that of the epoch before, NaN = none
        self.register_buffer("measured", torch.zeros(2, n_labels))
        self.register_buffer("former_auc", torch.full((n_labels,), torch.nan))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin with the mean of the places."""
        nn.init.normal_(self.slope, std=3)
        with torch.no_grad():
            self.start.uniform_(-1, 0).mul_(self.slope)  # each unit bends at a place of its own
        for part in (self.shift, self.weight, self.scale):
            part.reset_parameters()
        nn.init.zeros_(self.output)
        nn.init.zeros_(self.level)

    def slopes(self, at: torch.Tensor, context: Optional[torch.Tensor]) -> torch.Tensor:
        """Return f at places (P,) for contexts (Q, C) or nobody: (Q, M, P), above 0."""
        shift = self.shift(context).unflatten(-1, self.slope.shape) + self.start
        hidden = torch.tanh(at.view(-1, 1) * self.slope.unsqueeze(1) + shift.unsqueeze(2))
        raw = (hidden * self.output.unsqueeze(1)).sum(dim=-1) + self.level
        return F.elu(raw) + 1 + _LEAST

    def rising(self, scores: torch.Tensor, context: Optional[torch.Tensor]) -> Rising:
        """Return g and S of scores (Q, N, M); both rise in every score."""
        slopes = self.slopes(self.nodes.flatten(), context).unflatten(-1, self.nodes.shape)
        of_cells = (slopes * self.node_weights).sum(dim=-1)  # (Q, M, S), above 0
        by_objective = (self.places(scores) * of_cells.unsqueeze(1)).sum(dim=-1)
        weight = self.weight(context).softmax(dim=-1).unsqueeze(1)  # (Q, 1, M)
        return Rising(by_objective, (by_objective * weight).sum(dim=-1))

    def forward(
        self, scores: torch.Tensor, valid: torch.Tensor, context: Optional[torch.Tensor] = None
    ) -> Fused:
        """Fuse; see `recbole_poem.fusion.scores.ScoreFusion`."""
        by_objective, fused = self.rising(scores, context)
        found = shares(torch.cat([by_objective, fused.unsqueeze(-1)], dim=-1), valid)
        return Fused(found, found[..., -1])

    def loss(self, lists: Lists) -> torch.Tensor:
        """Return the squared distance to the weighted labels, of rankings that have one."""
        told = lists.telling()
        fused = self.rising(told.scores, told.context).fused
        self._measure(fused, told)
        scale, offset = self.scale(told.context).unsqueeze(1).unbind(-1)  # (Q, 1) each
        wanted = told.labels.to(fused.dtype) @ self.label_weight
        error = (scale.exp() * fused + offset - wanted).square()
        return weighted_mean(error, told.valid, told.n_processes)

    @torch.no_grad()
    def _measure(self, fused: torch.Tensor, lists: Lists) -> None:
        """Add up the AUC of each label within the rankings of a batch."""
        auc, there = list_auc(fused, lists.labels, lists.valid)
        sums = torch.stack([(auc * there).sum(dim=0), there.sum(dim=0)])
        if lists.n_processes > 1:
            torch.distributed.all_reduce(sums)
        self.measured += sums

    @torch.no_grad()
    def begin_epoch(self) -> None:
        """Take the Pareto step from the epoch before last to the last one."""
        total, number = self.measured
        auc = torch.where(number > 0, total / number.clamp_min(1), torch.nan)
        step = torch.nan_to_num(auc - self.former_auc, nan=0.0)
        weight = self.label_weight * torch.exp(-self.pareto * step)
        self.label_weight.copy_(weight * len(weight) / weight.sum())
        self.former_auc.copy_(torch.where(number > 0, auc, self.former_auc))
        self.measured.zero_()

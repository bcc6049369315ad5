"""The whole order of the current request's ranking is a label: one distribution over items."""

from dataclasses import dataclass
from typing import Any, Dict, cast

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.fields import SYSTEM_ORDER
from recbole_poem.core.settings import FROM_0, at_least, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("system_order")
class SystemOrder:
    """Cross-entropy of a soft label over the ranking (after ListNet, Cao et al., ICML 2007).

    The label of the r-th candidate is ``(kappa + r)^-p``, normalised over those that there are.
    ListNet compares with the softmax over the list; here it is over the catalogue, which is what
    retrieval ranks (our reading of POEM's system positives as a list). The ranking is a label, and
    never an input.
    """

    teaches_history = False
    teaches_state = True
    stands_alone = True
    asks_softmax = True
    reads_rows_alone = True

    @dataclass(frozen=True)
    class Settings:
        """Weight and shape of the label."""

        weight: float = setting(0.1, FROM_0, "of the term")
        depth: int = setting(50, at_least(1), "candidates that have a share, best first")
        kappa: float = setting(10, FROM_0, "added to the rank; the larger, the flatter the label")
        power: float = setting(1, FROM_0, "p; 0 = all candidates alike")

    def __init__(self, settings: Any) -> None:
        self.weight, self.kappa, self.power = settings.weight, settings.kappa, settings.power

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the candidates (B, R, depth), best first; 0 = none."""

        def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            return cast(
                torch.Tensor, data.dataset.top_of_rankings(requests.numpy(), settings.depth)
            )

        return {SYSTEM_ORDER: make}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return True: the order is the ranking stage's."""
        return True

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return the candidates of the requests, (Q, depth)."""
        return cast(torch.Tensor, learnt.batch[SYSTEM_ORDER][learnt.asks])

    def label(self, candidates: torch.Tensor) -> torch.Tensor:
        """Return the share of each candidate (Q, D), which sum to 1 where there are any."""
        rank = torch.arange(1, candidates.shape[1] + 1, device=candidates.device)
        # relative to the first rank, whose share is then 1: a large power underflows not all
        share = ((self.kappa + rank) / (self.kappa + 1)).pow(-self.power) * (candidates > 0)
        return share / share.sum(dim=1, keepdim=True).clamp_min(1e-30)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the requests that have a ranking."""
        candidates = self.positives(learnt)
        label = self.label(candidates)
        # what is no candidate has no log probability that means anything
        found = torch.where(candidates > 0, log_probability, 0)
        loss, there = -(label * found).sum(dim=1), (candidates > 0).any(dim=1)
        return self.weight * weighted_mean(loss, there, learnt.n_processes)

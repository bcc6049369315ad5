"""A state is to point to the next item rather than to the next items of others."""

from dataclasses import dataclass
from typing import Any, Dict, cast

import torch
import torch.distributed
import torch.nn.functional as F

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.fields import TARGET_ID
from recbole_poem.core.settings import ABOVE_0, FROM_0, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("next_item_contrast")
class NextItemContrast:
    """InfoNCE of history states and next items, among those of the batch (FAIR, arXiv 2512.11254).

    The paper maximises the mutual information of a context and the next item by InfoNCE (van den
    Oord et al., 2018). Our reading: ``-log(exp(c(h, e+) / tau) / sum exp(c(h, e) / tau))``, where c
    is the cosine, and the sum is over e+ and the targets of all other positions of the batch that
    are another item. Of several states of a history, the one that fits e+ best counts.
    """

    teaches_history = True
    teaches_state = False
    stands_alone = True
    asks_softmax = False

    @dataclass(frozen=True)
    class Settings:
        """Of the term."""

        weight: float = setting(0.1, FROM_0, "of the term")
        temperature: float = setting(0.07, ABOVE_0, "tau")

    def __init__(self, settings: Any) -> None:
        self.weight, self.temperature = settings.weight, settings.temperature

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return nothing: the targets are there."""
        return {}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: the next items are the log's."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it has a softmax of its own."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the positions that have a target."""
        target = learnt.batch[TARGET_ID]  # (B, W)
        wanted, there = target[target > 0], cast(torch.Tensor, learnt.history)[target > 0]
        count = torch.bincount(wanted, minlength=len(learnt.items.embedding))
        if learnt.n_processes > 1:
            torch.distributed.all_reduce(count)  # the targets of the whole batch
        item = count.nonzero().squeeze(1)  # (U,), each once
        place = torch.searchsorted(item, wanted)  # (N,), where the positive of each stands
        # what logit terms put behind an embedding is no part of what states point to
        embedding = F.normalize(learnt.items.embedding[item, : there.shape[2]], dim=1)
        states = F.normalize(there, dim=2)  # (N, K, d)
        fit = torch.einsum("nkd,nd->nk", states, embedding[place]).argmax(dim=1)
        state = states[torch.arange(len(states), device=fit.device), fit]
        # a negative counts as often as it is a target, the positive once
        often = count[item].to(state.dtype).log()
        logits = torch.addmm(often, state / self.temperature, embedding.T)  # (N, U)
        # under automatic mixed precision the products are of half precision, and counts are not
        less = -often[place].unsqueeze(1).to(logits.dtype)
        logits = logits.scatter_add(1, place.unsqueeze(1), less)
        loss = F.cross_entropy(logits, place, reduction="none")
        return self.weight * weighted_mean(loss, torch.ones_like(loss), learnt.n_processes)

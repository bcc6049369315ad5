"""The lists of an evaluation; slot by slot in the order of time where a re-ranker observes.

All rows of a slot are ranked with what is known at its beginning, and only then what came of them
is observed: no row knows another one of its slot or after it.
"""

import copy
from functools import partial
from typing import Any, Callable, List, Optional

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.core.times import PER_SECOND
from recbole_poem.rerankers import Context, Feedback
from recbole_poem.rerankers.chain import Chain


class Lists:
    """Makes the lists of one evaluation; false where there is no re-ranker.

    Parameters
    ----------
    chain : Chain
        Forgets what it has learned.
    model : AbstractRecommender
    dataset : Dataset
        The part that is evaluated; where the chain observes, its rows are those of a log.
    """

    def __init__(self, chain: Chain, model: Any, dataset: Any) -> None:
        self._chain, self._model = chain, model
        self._slot: Optional[int] = None
        self._waiting: List[Feedback] = []
        if chain.observes:
            hour = 3600 * PER_SECOND[dataset.config["time_unit"]]
            slots = np.floor(dataset.log.time / (chain.slot_hours * hour))
            self._slots = torch.from_numpy(slots.astype(np.int64))
        chain.forget()

    def __bool__(self) -> bool:
        return bool(self._chain)

    @property
    def in_time_order(self) -> bool:
        """Whether the rows have to come in the order of time."""
        return self._chain.observes

    def reordered(
        self, scores: torch.Tensor, interaction: Interaction, target: torch.Tensor
    ) -> torch.Tensor:
        """Give scores the order of the lists.

        Parameters
        ----------
        scores : (B, n_items)
        interaction : Interaction
            The prediction rows; where the chain observes, from a loader `in_time_order`.
        target : (B,) int64
            What the users took; of one row a request, which the chain reads if it observes.

        Returns
        -------
        (B, n_items)
        """
        context = self._context(interaction)
        if not self._chain.observes:
            return self._chain.head(context, scores).over(scores)
        parts, begin = [], 0
        slots = self._slots[interaction[REQUEST_ID].cpu()]
        for slot, size in zip(*map(torch.Tensor.tolist, _runs(slots))):
            rows = slice(begin, begin + size)
            begin = rows.stop
            self._enter(slot)
            parts.append(self._of_slot(scores[rows], context.of(rows), target[rows]))
        return torch.cat(parts) if parts else scores

    def _enter(self, slot: int) -> None:
        """Observe what came of the slots before this one."""
        if slot != self._slot:
            for feedback in self._waiting:
                self._chain.observe(feedback)
            self._slot, self._waiting = slot, []

    def _of_slot(
        self, scores: torch.Tensor, context: Context, target: torch.Tensor
    ) -> torch.Tensor:
        head = self._chain.head(context, scores)
        taken = target.to(scores.device).unsqueeze(1)
        shown = self._chain.shown(head.placed, head.score)
        self._waiting.append(Feedback(context, head.item, head.score, shown, taken))
        return head.over(scores)

    def _context(self, interaction: Interaction) -> Context:
        if not self._chain.reads_states:
            return Context()
        items = self._model.scoring_items()
        state = self._model(interaction.to(items.embedding.device)).state
        return Context(state, items.embedding)


def _runs(values: torch.Tensor) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the values of runs of equal ones, and the lengths of the runs."""
    value, length = torch.unique_consecutive(values, return_counts=True)
    return value, length


def in_time_order(loader: Any) -> Any:
    """Return an evaluation loader of the same rows in the order of time.

    Parameters
    ----------
    loader : FullSortEvalDataLoader
        Of a sequential model with one log.
    """
    dataset = loader._dataset
    time = dataset.log.time[dataset.inter_feat[REQUEST_ID].numpy()]
    ordered = copy.copy(loader)
    ordered.collate_fn = partial(_collated, loader.collate_fn, np.argsort(time, kind="stable"))
    return ordered


def _collated(collate: Callable[[np.ndarray], Any], order: np.ndarray, index: Any) -> Any:
    return collate(order[np.asarray(index)])

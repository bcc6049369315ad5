"""The re-rankers of a run, one after the other: evaluation, replay and service ask it alike."""

from typing import Any, List, Sequence

import torch
from recbole.data.dataset import Dataset

from recbole_poem.rerankers import Context, Reranker


class Chain:
    """Re-rankers in the order in which they are listed; false without any.

    Parameters
    ----------
    rerankers : sequence of Reranker

    Attributes
    ----------
    pool : int
        Items with the highest scores that change places; 0 without a re-ranker.
    """

    def __init__(self, rerankers: Sequence[Reranker]) -> None:
        self._rerankers: List[Reranker] = list(rerankers)
        self.pool = max((each.pool for each in self._rerankers), default=0)

    def __bool__(self) -> bool:
        return bool(self._rerankers)

    def placed(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> torch.Tensor:
        """Return in which order the best items of B requests are put on their lists.

        Parameters
        ----------
        context : Context
        item, score : (B, P)
            Different items, best first, `pool` of them or all; -inf = not to be recommended.

        Returns
        -------
        (B, P) int64
            Columns of `item`, best first.
        """
        column = torch.arange(item.shape[1], device=item.device).expand_as(item)
        for each in self._rerankers:
            size = each.pool
            order, head = each.rerank(context, item[:, :size], score[:, :size])
            score = torch.cat([head, score[:, size:]], dim=1)
            item, column = (
                torch.cat([of[:, :size].gather(1, order), of[:, size:]], dim=1)
                for of in (item, column)
            )
        return column

    def reordered(self, context: Context, scores: torch.Tensor) -> torch.Tensor:
        """Hand out the highest scores of a catalogue (B, n_items) anew, in the order of the lists.

        What is below them keeps its place, and ranks and lists follow from the scores as ever.
        """
        score, item = scores.topk(min(self.pool, scores.shape[1]), dim=1)
        return scores.scatter(1, item.gather(1, self.placed(context, item, score)), score)


def chain_of(config: Any, dataset: Dataset) -> Chain:
    """Return the re-rankers that a configuration lists.

    Raises
    ------
    InputError
        If one lacks what it goes by.
    """
    if not config["rerankers"]:  # a model that ranks no lists has no such stage
        return Chain([])
    chosen = config.component("rerankers")
    return Chain([choice.make(config, dataset) for choice in chosen.values()])

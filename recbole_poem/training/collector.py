"""RecBole's collector of what is to be evaluated, made to work for all of its metrics."""

from typing import Any, Optional

import torch
import torch.nn.functional as F
from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
from recbole.evaluator import Collector
from recbole.utils import EvaluatorType

from recbole_poem.rerankers.chain import Chain, chain_of
from recbole_poem.rerankers.lists import Lists, in_time_order
from recbole_poem.training.not_a_number import refuse_nan

#: what has one line for each row, or each user, that is ranked
_RANKED = ("rec.items", "rec.topk", "rec.meanrank")
#: what needs the scores of all items, or the labels of rows
_OF_ALL = ("rec.meanrank", "rec.score", "data.label")


class PlainCollector(Collector):
    """RecBole's collector, for metrics that need more than tensors, of lists that are chosen.

    RecBole calls ``.cpu()`` on everything it has collected (evaluator/collector.py:227), numbers
    and counters included, so ItemCoverage, GiniIndex and the like fail.
    """

    _chain: Optional[Chain] = None
    #: what makes the lists of scores
    _lists: Optional[Lists] = None
    #: rows that are evaluated, of all processes
    _n_rows: int = 0

    def begun(self, model: Any, data: AbstractDataLoader) -> Any:
        """Begin the lists of an evaluation; return its loader, in whose order they are made."""
        if self._chain is None:  # else its files have been read
            self._chain = chain_of(self.config, data._dataset)
        self._lists = Lists(self._chain, model, data._dataset)
        self._n_rows = data.sample_size
        return in_time_order(data) if self._chain.observes else data

    def eval_batch_collect(
        self,
        scores_tensor: torch.Tensor,
        interaction: Any,
        positive_u: torch.Tensor,
        positive_i: torch.Tensor,
    ) -> None:
        """Collect what RecBole does; where it ranks items, after the re-rankers have seen them.

        Raises
        ------
        InputError
            If a target is scored NaN, which sorting takes for the best score.
        """
        ranks = self.config["eval_type"] == EvaluatorType.RANKING
        if ranks:
            of_targets = scores_tensor[positive_u, positive_i]
            refuse_nan(of_targets, "the score of a target", self.config["learning_rate"])
        if ranks and self._lists:
            scores_tensor = self._lists.reordered(scores_tensor, interaction, positive_i)
        if not ranks or not self._lists_suffice(positive_u, len(scores_tensor)):
            super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
            return
        best = scores_tensor.topk(max(self.topk), dim=1).indices
        self.collect_lists(best, best == positive_i.to(best.device).unsqueeze(1))

    def _lists_suffice(self, positive_u: torch.Tensor, n_rows: int) -> bool:
        """Tell whether each row has one target, and the lists are all that is asked for."""
        is_one_each = torch.equal(positive_u, torch.arange(n_rows, device=positive_u.device))
        return is_one_each and not any(map(self.register.need, _OF_ALL))

    def collect_lists(self, best: Optional[torch.Tensor], hits: torch.Tensor) -> None:
        """Collect the lists of B rows that have one target each, of length k as RecBole's are.

        RecBole marks the targets in a matrix as large as the scores (evaluator/collector.py:166).

        Parameters
        ----------
        best : (B, k) int64
            Items, best first; None where no metric asks for them.
        hits : (B, k) bool
            Which of these places the target has, if any.
        """
        if self.register.need("rec.items"):
            self.data_struct.update_tensor("rec.items", best)
        if self.register.need("rec.topk"):
            marks = F.pad(hits.long(), (0, 1), value=1)
            self.data_struct.update_tensor("rec.topk", marks)

    def get_data_struct(self) -> Any:
        """Return what was collected, as RecBole does; where items are ranked, of all processes."""
        collected = self.data_struct._data_dict
        if not self.config["single_spec"]:
            for key in filter(collected.__contains__, _RANKED):  # all processes in one order
                collected[key] = _each_once(collected[key], self._n_rows)
        aside = {k: v for k, v in collected.items() if not isinstance(v, torch.Tensor)}
        for key in aside:
            del collected[key]
        struct = super().get_data_struct()
        for key, value in aside.items():
            self.data_struct.set(key, value)
            struct.set(key, value)
        return struct


def _each_once(lines: torch.Tensor, n_rows: int) -> torch.Tensor:
    """Return the lines of all processes in the order of one, each once.

    RecBole gives row i to process i modulo their number, and the first rows once more where they
    would not have equally many. It averages what each process has measured. But an average of
    coverages is none, and rows that count twice move every measure.

    Parameters
    ----------
    lines : (n, k)
        Of this process; all have equally many.
    n_rows : int
        That all of them have, each counted once.

    Returns
    -------
    (n_rows, k)
    """
    lines = lines.contiguous()
    of_all = [torch.empty_like(lines) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(of_all, lines)
    return torch.stack(of_all, dim=1).flatten(0, 1)[:n_rows]

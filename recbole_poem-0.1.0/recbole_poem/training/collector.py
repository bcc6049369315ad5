"""RecBole's collector of what is to be evaluated, made to work for all of its metrics."""

from typing import Any, Optional

import torch
from recbole.evaluator import Collector
from recbole.utils import EvaluatorType

from recbole_poem.rerankers.lists import Lists


class PlainCollector(Collector):
    """RecBole's collector, for metrics that need more than tensors, of lists that are chosen.

    RecBole calls ``.cpu()`` on everything it has collected (evaluator/collector.py:227), numbers
    and counters included, so ItemCoverage, GiniIndex and the like fail.
    """

    #: what makes the lists of scores
    lists: Optional[Lists] = None

    def eval_batch_collect(
        self,
        scores_tensor: torch.Tensor,
        interaction: Any,
        positive_u: torch.Tensor,
        positive_i: torch.Tensor,
    ) -> None:
        """Collect what RecBole does; where it ranks items, after the re-rankers have seen them."""
        ranks = self.config["eval_type"] == EvaluatorType.RANKING
        if ranks and self.lists:
            scores_tensor = self.lists.reordered(scores_tensor, interaction, positive_i)
        super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)

    def get_data_struct(self) -> Any:
        """Return what was collected, as RecBole does."""
        collected = self.data_struct._data_dict
        aside = {k: v for k, v in collected.items() if not isinstance(v, torch.Tensor)}
        for key in aside:
            del collected[key]
        struct = super().get_data_struct()
        for key, value in aside.items():
            self.data_struct.set(key, value)
            struct.set(key, value)
        return struct

"""RecBole's `Pop`, with the counts that it means: the training rows of each item.

RecBole's counts an item once in a batch, however many rows of the batch have it, and its sampled
negatives as well. So its counts depend on the size of the batches.
"""

from typing import Any

import torch
from recbole.data.interaction import Interaction
from recbole.model.general_recommender import Pop as RecBolesPop


class Pop(RecBolesPop):
    """Ranks all items by how many training rows they have, for every user alike.

    Parameters
    ----------
    config : Config
    dataset : Dataset
        The training split, of the rows to predict.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        counts = torch.bincount(dataset.inter_feat[self.ITEM_ID], minlength=self.n_items)
        self.item_cnt = counts[:, None].to(self.device)
        self.max_cnt = self.item_cnt.max(dim=0)[0]

    def calculate_loss(self, interaction: Interaction) -> torch.Tensor:
        """Return 0: the counts stand before the first batch."""
        loss: torch.Tensor = self.fake_loss.sum()
        return loss

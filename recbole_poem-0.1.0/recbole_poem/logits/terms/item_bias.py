"""One learned number for each item: what everybody likes more, or is shown more."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.stages import LOGIT_TERMS


@LOGIT_TERMS.register("item_bias")
class ItemBias(nn.Module):
    """``b_i``, added to the logit of item i at every request, and learned from 0.

    It is one more number of each embedding, by which a 1 in the user state is multiplied. So an
    index finds items by it as well.

    Parameters
    ----------
    settings : Settings
    n_items : int
        With the padding.
    """

    reads_ranking = False

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, n_items: int) -> None:
        super().__init__()
        self.of_item = nn.Parameter(torch.zeros(n_items))

    def reset_parameters(self, std: float) -> None:
        """Begin at 0."""
        nn.init.zeros_(self.of_item)

    @property
    def column(self) -> torch.Tensor:
        """What is added, (n_items,)."""
        return self.of_item

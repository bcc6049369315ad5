"""The usual attention."""

from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout, attention
from recbole_poem.core.stages import ATTENTIONS
from recbole_poem.encoders.sizes import Sizes


@ATTENTIONS.register("softmax")
class Softmax(nn.Module):
    """Scaled dot-product attention with dropout of its weights (Vaswani et al., NeurIPS 2017).

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    """

    @dataclass(frozen=True)
    class Settings:
        """It has none: the dropout is the model's."""

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()
        self.dropout = Dropout(sizes.attention_dropout)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        may_attend: Optional[torch.Tensor],
        bias: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Mix values; see `recbole_poem.encoders.attention.Attention`."""
        return attention(query, key, value, may_attend, self.dropout, bias)

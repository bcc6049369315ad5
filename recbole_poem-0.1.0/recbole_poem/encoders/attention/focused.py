"""The attention of FAIR: what one map attends to, less what another one does."""

import math
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout, attention
from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number
from recbole_poem.core.settings import Range, one_of, setting
from recbole_poem.core.stages import ATTENTIONS
from recbole_poem.encoders.sizes import Sizes

_INSIDE = Range(lambda v: is_number(v) and 0 < v < 1, "a number above 0, below 1")


@ATTENTIONS.register("focused")
class Focused(nn.Module):
    """The difference of two attention maps: noise that both have cancels (FAIR, arXiv 2512.11254).

    ``A = softmax(Q1 K1' / sqrt(e)) - lambda softmax(Q2 K2' / sqrt(e))``. The paper has two sets of
    queries and keys, takes the difference of their maps, and normalises it. The rest is our
    reading, after the Differential Transformer (Ye et al., ICLR 2025): heads 2 i and 2 i + 1 give
    the maps of one pair, and both their values are mixed by the difference. So there are as many
    weights as with ``softmax``, and positions see heads as usual. Lambda is one number of a pair,
    in (0, 1), and learned.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes

    Raises
    ------
    InputError
        Where the number of heads is odd.
    """

    @dataclass(frozen=True)
    class Settings:
        """Of the difference."""

        share: float = setting(0.5, _INSIDE, "lambda at the beginning, of the map taken away")
        normalise: str = setting(
            "norm",
            one_of("norm", "rows"),
            "norm: RMSNorm of what is mixed, times 1 - share; rows: weights that sum to 1",
        )

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()
        if sizes.n_heads % 2:
            raise InputError(
                f"n_heads: the attention focused takes heads by twos, and {sizes.n_heads} is odd; "
                f"set n_heads: {sizes.n_heads + 1}, or take the attention softmax"
            )
        n_pairs = sizes.n_heads // 2
        begin = math.log(settings.share / (1 - settings.share))
        #: lambda before its sigmoid
        self.log_odds = nn.Parameter(torch.full((n_pairs,), begin))
        self.dropout = Dropout(sizes.attention_dropout)
        self.sums_to_1 = {"norm": False, "rows": True}[settings.normalise]
        self.scale = 1 - settings.share
        self.norm: nn.Module = nn.Identity()
        if not self.sums_to_1:
            self.norm = nn.RMSNorm(sizes.hidden_size // n_pairs, eps=1e-5)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        may_attend: Optional[torch.Tensor],
        bias: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Mix values; see `recbole_poem.encoders.attention.Attention`."""
        share = self.log_odds.sigmoid().view(-1, 1, 1)
        # both maps of a pair mix both of its values: the difference of maps is that of mixtures
        values = value.unflatten(1, (-1, 2)).transpose(2, 3).flatten(3)  # (B, pairs, T', 2 e)
        values = values.repeat_interleave(2, dim=1)
        mixed = attention(query, key, values, may_attend, self.dropout, bias)
        one, other = mixed.unflatten(1, (-1, 2)).unbind(2)  # each (B, pairs, T, 2 e)
        focused = self.norm(one - share * other)
        focused = focused / (1 - share) if self.sums_to_1 else focused * self.scale
        return focused.unflatten(3, (2, -1)).transpose(2, 3).flatten(1, 2)

"""The history encoder of HSTU (Zhai et al., ICML 2024, arXiv 2402.17152).

Sources: the paper and its authors' code for public data. Ours: the position, which is any component
of the stage ``position``, where theirs is a table of each layer and a vector of each place; dropout
of attention weights (``attn_dropout_prob``), which they do without; and items that enter as they
are, where theirs are multiplied by the root of d.
"""

from dataclasses import dataclass
from typing import Any, Mapping, Optional, cast

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.settings import ABOVE_0, setting, setting_of
from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.history.transformer import Transformer
from recbole_poem.encoders.positions import Placed
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.log.row_features import RowFeature


@HISTORY_ENCODERS.register("hstu")
class HSTU(Transformer):
    """Causal attention without a softmax, behind a gate, scored by the cosine (HSTU).

    Parameters
    ----------
    settings, sizes, features
        See `Transformer`.
    """

    unread_keys = ("inner_size",)

    @dataclass(frozen=True)
    class Settings:
        """Of places and scores."""

        position: Choice = setting_of(POSITIONS, "relative", "how the places of rows enter")
        temperature: float = setting(0.05, ABOVE_0, "tau of the scores; the authors' value")

    def __init__(self, settings: Any, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__(settings, sizes, features)
        self.norm = Direction(settings.temperature)

    @staticmethod
    def block(settings: Any, sizes: Sizes) -> nn.Module:
        """Make one of the blocks."""
        return TransductionUnit(sizes)

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return item embeddings (n, d) of length 1."""
        return F.normalize(items, dim=-1)


class Direction(nn.Module):
    """``x / (tau |x|)``."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return states (..., d) of the length 1 / tau."""
        return F.normalize(states, dim=-1) / self.temperature


class TransductionUnit(nn.Module):
    """``y = x + W (norm(A V) * U)``, with ``Q, U, K, V = silu(W' norm(x))``.

    ``A = silu(Q K' + bias) / L`` where a row may attend, and 0 elsewhere: weights say how much of
    something there was, and need not sum to 1. L is the longest history, so that padding changes
    nothing. There is no feed-forward layer, and the norms have no weights.

    Parameters
    ----------
    sizes : Sizes
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        size = sizes.hidden_size
        self.n_heads, self.max_length = sizes.n_heads, sizes.max_length
        self.norm = nn.LayerNorm(size, elementwise_affine=False)
        self.query_gate_key_value = nn.Linear(size, 4 * size, bias=False)
        self.mixed_norm = nn.LayerNorm(size, elementwise_affine=False)
        self.output = nn.Linear(size, size)
        self.attention_dropout = Dropout(sizes.attention_dropout)
        self.dropout = Dropout(sizes.dropout)

    def forward(
        self,
        tokens: torch.Tensor,
        may_attend: Optional[torch.Tensor],
        placed: Optional[Placed] = None,
    ) -> torch.Tensor:
        """Transform `tokens` (B, T, d); see `TransformerBlock.forward`."""
        parts = F.silu(self.query_gate_key_value(self.norm(tokens))).chunk(4, dim=-1)
        query, gate, key, value = parts
        mixed = self._mixed(query, key, value, may_attend, placed, None)
        return tokens + self._gated(mixed, gate)

    def at(
        self,
        tokens: torch.Tensor,
        place: torch.Tensor,
        may_attend: torch.Tensor,
        placed: Optional[Placed] = None,
    ) -> torch.Tensor:
        """Transform one token of each sequence, (B, d); see `TransformerBlock.at`."""
        row, half = torch.arange(place.shape[0], device=place.device), 2 * tokens.shape[2]
        norm, weight = self.norm(tokens), self.query_gate_key_value.weight
        asked = F.silu(F.linear(norm[row, place], weight[:half])).unsqueeze(1)
        (query, gate), (key, value) = (
            part.chunk(2, dim=-1) for part in (asked, F.silu(F.linear(norm, weight[half:])))
        )
        mixed = self._mixed(query, key, value, may_attend, placed, place)
        return tokens[row, place] + self._gated(mixed, gate).squeeze(1)

    def _mixed(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        may_attend: Optional[torch.Tensor],
        placed: Optional[Placed],
        at: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """Mix values (B, T', d) for queries (B, T, d) by keys (B, T', d): (B, T, d)."""
        query, key, value = (
            part.unflatten(2, (self.n_heads, -1)).transpose(1, 2) for part in (query, key, value)
        )  # each (B, heads, T, d / heads)
        bias = None
        if placed is not None:
            query, key, bias = placed.told(query, key, at)
        scores = query @ key.transpose(2, 3)
        weights = F.silu(scores if bias is None else scores + bias) / self.max_length
        weights = weights.tril() if may_attend is None else weights * may_attend
        return (self.attention_dropout(weights) @ value).transpose(1, 2).flatten(2)

    def _gated(self, mixed: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.output(self.dropout(gate * self.mixed_norm(mixed))))

"""The Transformer block that POEM's encoders are built from: pre-norm (Xiong et al., ICML 2020)."""

from typing import Optional

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.encoders.attention import Attention
from recbole_poem.encoders.positions import Placed


class TransformerBlock(nn.Module):
    """Self-attention and a feed-forward layer, each behind a LayerNorm and around a residual.

    Parameters
    ----------
    hidden_size : int
        d, a multiple of `n_heads`.
    n_heads : int
    inner_size : int
        Width of the feed-forward layer.
    dropout : float
        Of both residual branches.
    attention : Attention, a torch module
    """

    def __init__(
        self,
        hidden_size: int,
        n_heads: int,
        inner_size: int,
        dropout: float,
        attention: Attention,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.attention = attention
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.feed_forward_norm = nn.LayerNorm(hidden_size)
        self.feed_forward: nn.Module = nn.Sequential(
            nn.Linear(hidden_size, inner_size), nn.GELU(), nn.Linear(inner_size, hidden_size)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        tokens: torch.Tensor,
        may_attend: Optional[torch.Tensor],
        placed: Optional[Placed] = None,
    ) -> torch.Tensor:
        """Transform `tokens` (B, T, d); `may_attend` (B, 1, T, T) bool, or None for causal.

        Their places have a say where they are given.
        """
        batch, length, size = tokens.shape
        projected = self.query_key_value(self.attention_norm(tokens))
        query, key, value = projected.view(
            batch, length, 3, self.n_heads, size // self.n_heads
        ).permute(2, 0, 3, 1, 4)  # each (B, heads, T, d / heads)
        attended = self._attended(query, key, value, may_attend, placed, None)
        return self._around(tokens, attended.transpose(1, 2).reshape(batch, length, size))

    def at(
        self,
        tokens: torch.Tensor,
        place: torch.Tensor,
        may_attend: torch.Tensor,
        placed: Optional[Placed] = None,
    ) -> torch.Tensor:
        """Transform one token of each sequence, as `forward` does, without the others' results.

        Parameters
        ----------
        tokens : (B, T, d)
        place : (B,) int64
        may_attend : (B, 1, 1, T) bool
            What the token there may attend to.
        placed : Placed, optional
            Of the tokens, where their places have a say.

        Returns
        -------
        (B, d)
        """
        batch, length, size = tokens.shape
        row = torch.arange(batch, device=tokens.device)
        norm, (weight, bias) = self.attention_norm(tokens), self.query_key_value.parameters()
        query = F.linear(norm[row, place], weight[:size], bias[:size])
        key_value = F.linear(norm, weight[size:], bias[size:])
        heads = (self.n_heads, size // self.n_heads)
        key, value = key_value.view(batch, length, 2, *heads).permute(2, 0, 3, 1, 4)
        query = query.view(batch, heads[0], 1, heads[1])
        attended = self._attended(query, key, value, may_attend, placed, place)
        return self._around(tokens[row, place], attended.reshape(batch, size))

    def _attended(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        may_attend: Optional[torch.Tensor],
        placed: Optional[Placed],
        at: Optional[torch.Tensor],
    ) -> torch.Tensor:
        bias = None
        if placed is not None:
            query, key, bias = placed.told(query, key, at)
        mixed: torch.Tensor = self.attention(query, key, value, may_attend, bias)
        return mixed

    def _around(self, tokens: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """Add to the tokens what they attended to, and what the feed-forward layer adds."""
        tokens = tokens + self.dropout(self.output(attended))
        return tokens + self.dropout(self.feed_forward(self.feed_forward_norm(tokens)))

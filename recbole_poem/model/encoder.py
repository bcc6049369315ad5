"""The Transformer block and the encoders that POEM builds from it.

Pre-norm blocks (Xiong et al., ICML 2020). An encoder of the history also says by what its states
are multiplied to score an item (`scoring`).
"""

from typing import Any, Optional, Tuple, cast

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.model.dropout import Dropout, attention


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
    attention_dropout : float
        Of the attention weights.
    """

    def __init__(
        self,
        hidden_size: int,
        n_heads: int,
        inner_size: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.attention_dropout = Dropout(attention_dropout)
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.feed_forward_norm = nn.LayerNorm(hidden_size)
        self.feed_forward = nn.Sequential(
            nn.Linear(hidden_size, inner_size), nn.GELU(), nn.Linear(inner_size, hidden_size)
        )
        self.dropout = Dropout(dropout)

    def forward(self, tokens: torch.Tensor, may_attend: Optional[torch.Tensor]) -> torch.Tensor:
        """Transform `tokens` (B, T, d); `may_attend` (B, 1, T, T) bool, or None for causal."""
        batch, length, size = tokens.shape
        projected = self.query_key_value(self.attention_norm(tokens))
        query, key, value = projected.view(
            batch, length, 3, self.n_heads, size // self.n_heads
        ).permute(2, 0, 3, 1, 4)  # each (B, heads, T, d / heads)
        attended = attention(query, key, value, may_attend, self.attention_dropout)
        return self._around(tokens, attended.transpose(1, 2).reshape(batch, length, size))

    def at(
        self, tokens: torch.Tensor, place: torch.Tensor, may_attend: torch.Tensor
    ) -> torch.Tensor:
        """Transform one token of each sequence, as `forward` does, without the others' results.

        Parameters
        ----------
        tokens : (B, T, d)
        place : (B,) int64
        may_attend : (B, 1, 1, T) bool
            What the token there may attend to.

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
        attended = attention(query, key, value, may_attend, self.attention_dropout)
        return self._around(tokens[row, place], attended.reshape(batch, size))

    def _around(self, tokens: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """Add to the tokens what they attended to, and what the feed-forward layer adds."""
        tokens = tokens + self.dropout(self.output(attended))
        return tokens + self.dropout(self.feed_forward(self.feed_forward_norm(tokens)))


class HistoryEncoder(nn.Module):
    """A causal Transformer over the history: the state at t knows the rows up to t.

    Windows are padded on the right, where a causal state never looks, so no padding mask is
    needed; states at padded positions are meaningless.
    """

    def __init__(
        self,
        hidden_size: int,
        max_length: int,
        n_layers: int,
        n_heads: int,
        inner_size: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.position_embedding = nn.Embedding(max_length, hidden_size)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden_size, n_heads, inner_size, dropout, attention_dropout)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Encode item embeddings (B, W, d), W <= the maximal length, into states (B, W, d)."""
        return self._states(self._placed(items))

    def at(self, items: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Return the state at one place (B,) of each window alone, (B, d)."""
        return self._state(self._placed(items), place, _up_to(place, items.shape[1]))

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return what the states are multiplied with, of item embeddings (n, d): themselves."""
        return items

    def _states(self, placed: torch.Tensor) -> torch.Tensor:
        """Encode items at their positions (B, W, d) into states (B, W, d)."""
        tokens = self.dropout(placed)
        for block in self.blocks:
            tokens = block(tokens, None)
        return self.norm(tokens)

    def _state(
        self, placed: torch.Tensor, place: torch.Tensor, may_attend: torch.Tensor
    ) -> torch.Tensor:
        """Encode items at their positions (B, W, d) into the states at `place` (B,), (B, d)."""
        tokens = self.dropout(placed)
        for block in self.blocks[:-1]:
            tokens = block(tokens, None)
        last = cast(TransformerBlock, self.blocks[-1])
        return self.norm(last.at(tokens, place, may_attend))

    def _placed(self, items: torch.Tensor) -> torch.Tensor:
        position = torch.arange(items.shape[1], device=items.device)
        return items + self.position_embedding(position)


class MixtureEncoder(HistoryEncoder):
    """States that are made of the history's own item embeddings, and scored by the cosine.

    ``h = m / (tau |m|) + g * s`` with ``m = sum_j a_j e_j``, ``a = softmax_j(s . W(e_j + p_j))``,
    where s is the Transformer's state, p the position embedding and g a learned vector from zero.
    The mean and the cosine are those of CORE (Hou et al., SIGIR 2022), whose weights know nothing
    of the asking state and which has no second term: what no mean of the history can say. Item
    embeddings of length 1 score, with a dropout.

    Parameters
    ----------
    temperature : float
        tau, of the softmax over the items.
    item_dropout : float
        Of the embeddings that score.
    sizes
        Those of `HistoryEncoder`.
    """

    def __init__(
        self,
        hidden_size: int,
        max_length: int,
        n_layers: int,
        temperature: float,
        item_dropout: float,
        **block: Any,
    ) -> None:
        super().__init__(hidden_size, max_length, n_layers, **block)
        self.temperature = temperature
        self.item_dropout = Dropout(item_dropout)
        self.key = nn.Linear(hidden_size, hidden_size, bias=False)
        self.gain = nn.Parameter(torch.zeros(hidden_size))
        self._all_weights = Dropout(0)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Encode item embeddings (B, W, d) into states (B, W, d)."""
        placed = self._placed(items)
        return self._mixed(items, placed, self._states(placed), None)

    def at(self, items: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Return the state at one place (B,) of each window alone, (B, d)."""
        placed, may_attend = self._placed(items), _up_to(place, items.shape[1])
        state = self._state(placed, place, may_attend).unsqueeze(1)
        return self._mixed(items, placed, state, may_attend).squeeze(1)

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return item embeddings (n, d) of length 1, some of their entries dropped in training."""
        return cast(torch.Tensor, self.item_dropout(F.normalize(items, dim=-1)))

    def _mixed(
        self,
        items: torch.Tensor,
        placed: torch.Tensor,
        states: torch.Tensor,
        may_attend: Optional[torch.Tensor],
    ) -> torch.Tensor:
        asked = states @ self.key.weight  # s . W(e + p) = (s W) . (e + p), of one state for many e
        query, key, value = (each.unsqueeze(1) for each in (asked, placed, items))
        mean = attention(query, key, value, may_attend, self._all_weights).squeeze(1)
        return F.normalize(mean, dim=-1) / self.temperature + self.gain * states


class PartialOrderEncoder(nn.Module):
    """A Transformer over the partially ordered sequence, blind to the order inside a group.

    A token is item embedding + projection of the quintuple + group embedding, with no position;
    a learned query token reads the sequence. A token may attend to its own and better groups
    (``attention: better``) or everywhere (``attention: all``); the query token reads everything.
    """

    def __init__(
        self,
        hidden_size: int,
        n_objectives: int,
        n_groups: int,
        n_layers: int,
        n_heads: int,
        inner_size: int,
        dropout: float,
        attention_dropout: float,
        attention: str,
    ) -> None:
        super().__init__()
        self.sees_worse_groups = {"better": False, "all": True}[attention]
        self.n_groups = n_groups
        self.quintuple_projection = nn.Linear(n_objectives, hidden_size)
        self.group_embedding = nn.Embedding(n_groups, hidden_size)
        self.query = nn.Parameter(torch.empty(hidden_size))
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden_size, n_heads, inner_size, dropout, attention_dropout)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(
        self,
        items: torch.Tensor,
        quintuples: torch.Tensor,
        groups: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Encode one sequence per request; the parameters are those of `tokens`.

        Returns
        -------
        (Q, d), the state of the query token.
        """
        tokens, may_attend = self._prepared(items, quintuples, groups, present)
        for block in self.blocks[:-1]:
            tokens = block(tokens, may_attend)
        query = groups.new_full(groups.shape[:1], groups.shape[1])
        last = cast(TransformerBlock, self.blocks[-1])
        return self.norm(last.at(tokens, query, may_attend[:, :, -1:]))

    def tokens(
        self,
        items: torch.Tensor,
        quintuples: torch.Tensor,
        groups: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Return the state of each drawn candidate, and of the query token behind them.

        Parameters
        ----------
        items : (Q, T, d)
            Item embeddings of the drawn candidates.
        quintuples : (Q, T, M)
            Rank weights, relative to the mean weight of the request (1 = average).
        groups : (Q, T) int64
            0 (best) to G - 1.
        present : (Q, T) bool
            False where nothing was drawn.

        Returns
        -------
        (Q, T + 1, d); meaningless where nothing was drawn.
        """
        tokens, may_attend = self._prepared(items, quintuples, groups, present)
        for block in self.blocks:
            tokens = block(tokens, may_attend)
        return self.norm(tokens)

    def _prepared(
        self,
        items: torch.Tensor,
        quintuples: torch.Tensor,
        groups: torch.Tensor,
        present: torch.Tensor,
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return what the first block reads: tokens (Q, T + 1, d), and what each may attend to."""
        tokens = items + self.quintuple_projection(quintuples)
        tokens = tokens + self.group_embedding(groups)
        query = self.query.expand(tokens.shape[0], 1, -1)
        tokens = self.dropout(torch.cat([tokens, query], dim=1))
        # the query token stands behind the worst group, so that it reads every candidate
        groups = F.pad(groups, (0, 1), value=self.n_groups)
        present = F.pad(present, (0, 1), value=True)
        may_attend = present.unsqueeze(1)  # (Q, 1, T + 1)
        if not self.sees_worse_groups:
            may_attend = may_attend & (groups.unsqueeze(1) <= groups.unsqueeze(2))
        # a slot where nothing was drawn reads the query token: some weight must be finite
        may_attend = may_attend | ~present.unsqueeze(2)
        may_attend = may_attend.expand(-1, groups.shape[1], -1).unsqueeze(1)
        return tokens, may_attend


def _up_to(place: torch.Tensor, length: int) -> torch.Tensor:
    """Tell which of `length` tokens a causal one at `place` (B,) may attend to, (B, 1, 1, T)."""
    return torch.arange(length, device=place.device) <= place.view(-1, 1, 1, 1)

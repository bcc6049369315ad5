"""The encoders of the history: the state of a Transformer, or a mixture of the history's items.

An encoder also says by what its states are multiplied to score an item (`scoring`).
"""

from typing import Any, Optional, cast

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout, attention
from recbole_poem.encoders.transformer_block import TransformerBlock
from recbole_poem.log.gaps import N_SLOTS


class HistoryEncoder(nn.Module):
    """A causal Transformer over the history: the state at t knows the rows up to t.

    Windows are padded on the right, where a causal state never looks, so no padding mask is
    needed; states at padded positions are meaningless.

    Parameters
    ----------
    n_gap_slots : int
        Slots of the time between two rows, each with an embedding that is added to the item's; 0 =
        times are not read. Slot 0 adds nothing.
    """

    def __init__(
        self,
        hidden_size: int,
        max_length: int,
        n_layers: int,
        n_gap_slots: int,
        n_heads: int,
        inner_size: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.gap_embedding: Optional[nn.Embedding] = None
        if n_gap_slots:
            self.gap_embedding = nn.Embedding(n_gap_slots, hidden_size, padding_idx=0)
        self.position_embedding = nn.Embedding(max_length, hidden_size)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden_size, n_heads, inner_size, dropout, attention_dropout)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, items: torch.Tensor, gaps: Optional[torch.Tensor]) -> torch.Tensor:
        """Encode item embeddings (B, W, d), W <= the maximal length, into states (B, W, d).

        `gaps` (B, W) int64 are the slots of the times between the rows; without slots they are not
        looked at.
        """
        return self._states(self._placed(items, gaps))

    def at(
        self, items: torch.Tensor, gaps: Optional[torch.Tensor], place: torch.Tensor
    ) -> torch.Tensor:
        """Return the state at one place (B,) of each window alone, (B, d)."""
        return self._state(self._placed(items, gaps), place, _up_to(place, items.shape[1]))

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

    def _placed(self, items: torch.Tensor, gaps: Optional[torch.Tensor]) -> torch.Tensor:
        position = torch.arange(items.shape[1], device=items.device)
        placed = items + self.position_embedding(position)
        if self.gap_embedding is not None:
            placed = placed + self.gap_embedding(gaps)
        return placed


class MixtureEncoder(HistoryEncoder):
    """States that are made of the history's own item embeddings, and scored by the cosine.

    ``h = m / (tau |m|) + g * s`` with ``m = sum_j a_j e_j``, ``a = softmax_j(s . W k_j)``, where s
    is the Transformer's state, ``k_j = e_j + p_j + t_j`` with the embeddings p of the position and,
    where times are read, t of the gap before the row, and g a learned vector from zero.
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
        n_gap_slots: int,
        temperature: float,
        item_dropout: float,
        **block: Any,
    ) -> None:
        super().__init__(hidden_size, max_length, n_layers, n_gap_slots, **block)
        self.temperature = temperature
        self.item_dropout = Dropout(item_dropout)
        self.key = nn.Linear(hidden_size, hidden_size, bias=False)
        self.gain = nn.Parameter(torch.zeros(hidden_size))
        self._all_weights = Dropout(0)

    def forward(self, items: torch.Tensor, gaps: Optional[torch.Tensor]) -> torch.Tensor:
        """Encode item embeddings (B, W, d) and gaps (B, W) into states (B, W, d)."""
        placed = self._placed(items, gaps)
        return self._mixed(items, placed, self._states(placed), None)

    def at(
        self, items: torch.Tensor, gaps: Optional[torch.Tensor], place: torch.Tensor
    ) -> torch.Tensor:
        """Return the state at one place (B,) of each window alone, (B, d)."""
        placed, may_attend = self._placed(items, gaps), _up_to(place, items.shape[1])
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
        asked = states @ self.key.weight  # s . W k = (s W) . k, of one state for many k
        query, key, value = (each.unsqueeze(1) for each in (asked, placed, items))
        mean = attention(query, key, value, may_attend, self._all_weights).squeeze(1)
        return F.normalize(mean, dim=-1) / self.temperature + self.gain * states


def history_encoder(config: Any, max_length: int, **block: Any) -> HistoryEncoder:
    """Return the encoder that the keys ask for, with blocks of those sizes."""
    n_gap_slots = N_SLOTS if config["time_gaps"] else 0
    sizes = (config["hidden_size"], max_length, config["n_layers"], n_gap_slots)
    if config["history_state"] == "mixture":
        return MixtureEncoder(*sizes, config["temperature"], config["item_dropout"], **block)
    return HistoryEncoder(*sizes, **block)


def _up_to(place: torch.Tensor, length: int) -> torch.Tensor:
    """Tell which of `length` tokens a causal one at `place` (B,) may attend to, (B, 1, 1, T)."""
    return torch.arange(length, device=place.device) <= place.view(-1, 1, 1, 1)

"""The history encoder that is a causal Transformer."""

from dataclasses import dataclass
from typing import Any, Optional, cast

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.encoders.transformer_block import TransformerBlock


@HISTORY_ENCODERS.register("transformer")
class Transformer(nn.Module):
    """The state of a causal Transformer: the state at t knows the rows up to t.

    Windows are padded on the right, where a causal state never looks, so no padding mask is
    needed; states at padded positions are meaningless.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    n_gap_slots : int
        Slots of the time between two rows, each with an embedding that is added to the item's; 0 =
        times are not read. Slot 0 adds nothing.
    """

    @dataclass(frozen=True)
    class Settings:
        """It has the model's sizes alone."""

    def __init__(self, settings: Any, sizes: Sizes, n_gap_slots: int) -> None:
        super().__init__()
        size = sizes.hidden_size
        self.gap_embedding: Optional[nn.Embedding] = None
        if n_gap_slots:
            self.gap_embedding = nn.Embedding(n_gap_slots, size, padding_idx=0)
        self.position_embedding = nn.Embedding(sizes.max_length, size)
        self.dropout = Dropout(sizes.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(**sizes.block) for _ in range(sizes.n_layers))
        self.norm = nn.LayerNorm(size)

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        initialise(self, std)

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
        return self._state(self._placed(items, gaps), place, up_to(place, items.shape[1]))

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


def up_to(place: torch.Tensor, length: int) -> torch.Tensor:
    """Tell which of `length` tokens a causal one at `place` (B,) may attend to, (B, 1, 1, T)."""
    return torch.arange(length, device=place.device) <= place.view(-1, 1, 1, 1)

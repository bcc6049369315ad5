"""The history encoder that is a causal Transformer."""

from dataclasses import dataclass
from typing import Any, ClassVar, Mapping, Tuple, cast

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.settings import setting_of
from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import ATTENTIONS, HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.history.tokens import Tokens
from recbole_poem.encoders.positions import Rows
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.encoders.transformer_block import TransformerBlock
from recbole_poem.log.row_features import RowFeature


@HISTORY_ENCODERS.register("transformer")
class Transformer(nn.Module):
    """The state of a causal Transformer: the state at t knows the rows up to t.

    Windows are padded on the right, where a causal state never looks, so no padding mask is
    needed; states at padded positions are meaningless.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    features : mapping of names to RowFeature
        What rows know beside their items.
    """

    n_interests = 1

    unread_keys: ClassVar[Tuple[str, ...]] = ()

    @dataclass(frozen=True)
    class Settings:
        """Of its attention; the sizes are the model's."""

        position: Choice = setting_of(POSITIONS, "learned", "how the places of rows enter")
        attention: Choice = setting_of(ATTENTIONS, "softmax", "how rows are mixed")

    def __init__(self, settings: Any, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__()
        self.tokens = Tokens(settings.position, sizes, features)
        self.dropout = Dropout(sizes.dropout)
        self.blocks = nn.ModuleList(self.block(settings, sizes) for _ in range(sizes.n_layers))
        self.norm: nn.Module = nn.LayerNorm(sizes.hidden_size)

    @staticmethod
    def block(settings: Any, sizes: Sizes) -> nn.Module:
        """Make one of the blocks; each has `forward` and `at`, as `TransformerBlock` has."""
        return TransformerBlock(attention=settings.attention.make(sizes), **sizes.block)

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        initialise(self, std)

    def forward(self, items: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Encode item embeddings (B, W, d) and row features into states (B, W, 1, d)."""
        return self._states(self.tokens(items, rows), rows).unsqueeze(2)

    def at(self, items: torch.Tensor, rows: Rows, place: torch.Tensor) -> torch.Tensor:
        """Return the state at one place (B,) of each window alone, (B, 1, d)."""
        allowed = up_to(place, items.shape[1])
        return self._state(self.tokens(items, rows), rows, place, allowed).unsqueeze(1)

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return what the states are multiplied with, of item embeddings (n, d): themselves."""
        return items

    def _states(self, tokens: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Encode tokens (B, W, d) into states (B, W, d)."""
        tokens = self.dropout(tokens)
        for block in self.blocks:
            tokens = block(tokens, None, self.tokens.placed(rows))
        return self.norm(tokens)

    def _state(
        self, tokens: torch.Tensor, rows: Rows, place: torch.Tensor, may_attend: torch.Tensor
    ) -> torch.Tensor:
        """Encode tokens (B, W, d) into the states at `place` (B,), (B, d)."""
        tokens = self.dropout(tokens)
        for block in self.blocks[:-1]:
            tokens = block(tokens, None, self.tokens.placed(rows))
        last = cast(TransformerBlock, self.blocks[-1])
        return self.norm(last.at(tokens, place, may_attend, self.tokens.placed(rows)))


def up_to(place: torch.Tensor, length: int) -> torch.Tensor:
    """Tell which of `length` tokens a causal one at `place` (B,) may attend to, (B, 1, 1, T)."""
    return torch.arange(length, device=place.device) <= place.view(-1, 1, 1, 1)

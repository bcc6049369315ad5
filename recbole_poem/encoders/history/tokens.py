"""The tokens of a history: items, with what is known of their places and rows."""

from typing import Any, Mapping

import torch
from torch import nn

from recbole_poem.core.stage import Choice
from recbole_poem.encoders.positions import Placed, Rows
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.log.row_features import RowFeature


class Tokens(nn.Module):
    """Adds to item embeddings what the position encoding adds, and the slots of row features.

    Parameters
    ----------
    position : Choice
        Of the stage ``position``.
    sizes : Sizes
    features : mapping of names to RowFeature
        Each that has slots gets an embedding of them, whose slot 0 adds nothing.
    """

    def __init__(self, position: Choice, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__()
        self.slots = nn.ModuleDict(
            {
                name: nn.Embedding(feature.n_slots, sizes.hidden_size, padding_idx=0)
                for name, feature in features.items()
                if feature.n_slots
            }
        )
        self.position: Any = position.make(sizes)

    def forward(self, items: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Return the tokens (B, W, d) of item embeddings (B, W, d), W <= the maximal length."""
        tokens: torch.Tensor = self.position.add(items, rows)
        for name, embedding in self.slots.items():
            tokens = tokens + embedding(rows[name])
        return tokens

    def placed(self, rows: Rows) -> Placed:
        """Return what attentions are told of the places."""
        return Placed(self.position, rows)

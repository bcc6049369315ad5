"""The tokens of a history: items, with what is known of their places and rows."""

from typing import Any, Collection, Mapping, Tuple

import torch
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.stage import Choice
from recbole_poem.encoders.positions import Placed, Rows
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.log.row_features import RowFeature


def require_read(position: str, reads: Collection[str], there: Collection[str]) -> None:
    """Check that the row features are `there` that a position reads.

    Raises
    ------
    InputError
        Naming the position and the first one that is not.
    """
    for name in sorted(set(reads) - set(there)):
        raise InputError(
            f"history_encoder.position: {position} reads the row feature '{name}', which is not "
            f"there; set row_features.{name}: True"
        )


class Slots(nn.ModuleDict):
    """Adds an embedding of the slot of each row feature that has slots; slot 0 adds nothing.

    Parameters
    ----------
    features : mapping of names to RowFeature
    size : int
        d.
    reads : tuple of str
        Features without slots that somebody else reads.

    Raises
    ------
    InputError
        For a feature without slots that nobody reads, and one that is read and not there.
    """

    def __init__(
        self, features: Mapping[str, RowFeature], size: int, reads: Tuple[str, ...] = ()
    ) -> None:
        raw = {name for name, feature in features.items() if not feature.n_slots}
        for name in sorted(raw - set(reads)):
            raise InputError(
                f"row_features.{name}: nothing in the history encoder reads it; leave it out, or "
                "choose a position that does"
            )
        require_read("it", reads, raw)
        super().__init__(
            {
                name: nn.Embedding(feature.n_slots, size, padding_idx=0)
                for name, feature in features.items()
                if feature.n_slots
            }
        )

    def forward(self, tokens: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Return the tokens (B, W, d) with what is added to them."""
        for name, embedding in self.items():
            tokens = tokens + embedding(rows[name])
        return tokens


class Tokens(nn.Module):
    """Adds to item embeddings what the position encoding adds, and the slots of row features.

    Parameters
    ----------
    position : Choice
        Of the stage ``position``.
    sizes : Sizes
    features : mapping of names to RowFeature
    """

    def __init__(self, position: Choice, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__()
        self.slots = Slots(features, sizes.hidden_size, position.component.reads)
        self.position: Any = position.make(sizes)

    def forward(self, items: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Return the tokens (B, W, d) of item embeddings (B, W, d), W <= the maximal length."""
        tokens: torch.Tensor = self.slots(self.position.add(items, rows), rows)
        return tokens

    def placed(self, rows: Rows) -> Placed:
        """Return what attentions are told of the places."""
        return Placed(self.position, rows)

"""The usual table: one weight of the model, all of which a step moves."""

from dataclasses import dataclass
from typing import Any, ClassVar, Sequence

from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.core.stages import ITEM_TABLES
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.encoders.tables import Opened


@ITEM_TABLES.register("dense")
class Dense(nn.Embedding):
    """All rows in every process; a gradient, moments and an average of the same size.

    Parameters
    ----------
    settings : Settings
    n_items : int
        With the padding.
    sizes : Sizes
    n_processes : int
    """

    is_sharded: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, n_items: int, sizes: Sizes, n_processes: int) -> None:
        super().__init__(n_items, sizes.hidden_size, padding_idx=0)

    def begin(self, std: float) -> None:
        """Begin as `initialise` does."""
        initialise(self, std)

    def opened(self, batch: Interaction, fields: Sequence[str]) -> Opened:
        """Return the batch as it is, with all rows."""
        return Opened(batch, self.weight)

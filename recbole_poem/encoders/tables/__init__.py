"""Item tables: where the embeddings of items live, and what a step reads of them."""

from typing import Any, ClassVar, NamedTuple, Optional, Protocol, Sequence

import torch
from recbole.data.interaction import Interaction


class Opened(NamedTuple):
    """A batch, and the embeddings that its items stand for.

    Attributes
    ----------
    batch : Interaction
        Its items are numbers of rows of `weight`.
    weight : (n, d)
        Row 0 is padding's.
    ids : (n,) int64 or None
        Of the items in the rows, ascending; None = the rows are all items, by their ids.
    """

    batch: Interaction
    weight: torch.Tensor
    ids: Optional[torch.Tensor] = None

    def named(self, places: torch.Tensor) -> torch.Tensor:
        """Return the ids of items that are told by their rows."""
        return places if self.ids is None else self.ids[places]

    def of(self, of_items: torch.Tensor) -> torch.Tensor:
        """Return what is known of all items (n_items,), of the items in the rows, (n,)."""
        return of_items if self.ids is None else of_items[self.ids]


class ItemTable(Protocol):
    """A component of the stage ``item_table``: a torch module.

    It is made of its settings, the number of items with the padding, the model's `Sizes`, and the
    number of processes that train.

    Attributes
    ----------
    is_sharded : bool
        Whether it is no part of the model's weights, and moves by itself.
    weight : (n_items, d)
        All rows.
    """

    is_sharded: ClassVar[bool]
    weight: Any

    def begin(self, std: float) -> None:
        """Begin with rows from a normal distribution of this standard deviation; 0 of padding."""

    def opened(self, batch: Interaction, fields: Sequence[str]) -> Opened:
        """Return a batch with what its items stand for; these are in `fields`, as far as it has."""

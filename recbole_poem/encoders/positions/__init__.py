"""Position encodings: how the places and times of a history enter an encoder."""

from typing import Mapping, NamedTuple, Optional, Protocol, Tuple

import torch
from torch import nn

#: row features of windows by their names, (B, W) each; see `recbole_poem.log.row_features`
Rows = Mapping[str, torch.Tensor]


class Position(Protocol):
    """A component of the stage ``position``: a torch module, made of its settings and `Sizes`.

    It has three places to say something, and says nothing at the others. Queries are of all W
    places of a window, or of one place ``at`` (B,) of each.

    Attributes
    ----------
    reads : tuple of str
        Row features without slots that it needs, such as ``time``.
    """

    reads: Tuple[str, ...]

    def add(self, tokens: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Return the tokens (B, W, d) with what is added to them; as they are = nothing."""

    def rotate(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return queries (B, heads, W or 1, e) and keys (B, heads, W, e), turned or as they are."""

    def bias(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> Optional[torch.Tensor]:
        """Return what is added to the scores, (B, heads, W or 1, W); None = nothing."""


class Silent(nn.Module):
    """A `Position` that says nothing; who inherits it speaks where it has something to say."""

    reads: Tuple[str, ...] = ()

    def add(self, tokens: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Return the tokens as they are."""
        return tokens

    def rotate(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return queries and keys as they are."""
        return query, key

    def bias(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> Optional[torch.Tensor]:
        """Return None: nothing is added to the scores."""
        return None


class Placed(NamedTuple):
    """What an attention is told of places.

    Attributes
    ----------
    position : Position
    rows : Rows
    """

    position: Position
    rows: Rows

    def told(
        self, query: torch.Tensor, key: torch.Tensor, at: Optional[torch.Tensor]
    ) -> Tuple[torch.Tensor, torch.Tensor, Optional[torch.Tensor]]:
        """Return queries and keys turned, and what is added to their scores; see `Position`."""
        query, key = self.position.rotate(query, key, self.rows, at)
        return query, key, self.position.bias(query, key, self.rows, at)

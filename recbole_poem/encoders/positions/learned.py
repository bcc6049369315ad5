"""A learned vector for each place."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.positions import Rows, Silent
from recbole_poem.encoders.sizes import Sizes


@POSITIONS.register("learned")
class Learned(Silent):
    """A learned vector for each place of a window, added to its token.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    """

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.max_length, sizes.hidden_size)

    def add(self, tokens: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Add the vector of each place to the tokens (B, W, d)."""
        place = torch.arange(tokens.shape[1], device=tokens.device)
        added: torch.Tensor = tokens + self.embedding(place)
        return added

"""A learned number for each distance between two places."""

from dataclasses import dataclass
from typing import Any, Optional, Tuple

import torch
from torch import nn

from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.positions import Rows, Silent
from recbole_poem.encoders.sizes import Sizes


@POSITIONS.register("relative")
class Relative(Silent):
    """A learned number for each distance of two places, added to their score (HSTU, after T5).

    One table is shared by heads and layers (ours; HSTU's code has one for each layer). It begins
    at 0.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    """

    reads: Tuple[str, ...] = ()

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()
        self.of_distance = nn.Parameter(torch.zeros(sizes.max_length))

    def bias(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Return the number of each distance, (B or 1, 1, W or 1, W); of later places that of 0."""
        place = torch.arange(key.shape[2], device=key.device)
        asked = place.view(1, -1, 1) if at is None else at.view(-1, 1, 1)
        return self.of_distance[(asked - place).clamp_min(0)].unsqueeze(1)

"""A position encoding that reads raw times, by all the ways that one has to speak."""

from dataclasses import dataclass
from typing import Any, Optional, Tuple

import torch
from torch import nn

from recbole_poem.encoders.sizes import Sizes


class Clock(nn.Module):
    """Turns by the time of a row, and likes what came shortly before: it reads raw times."""

    reads = ("time",)

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()

    def add(self, tokens: torch.Tensor, rows: Any) -> torch.Tensor:
        return tokens

    def rotate(
        self, query: torch.Tensor, key: torch.Tensor, rows: Any, at: Optional[torch.Tensor]
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        return self._turned(query, self._asked(rows, at)), self._turned(key, rows["time"])

    def bias(
        self, query: torch.Tensor, key: torch.Tensor, rows: Any, at: Optional[torch.Tensor]
    ) -> torch.Tensor:
        age = self._asked(rows, at).unsqueeze(2) - rows["time"].unsqueeze(1)
        return -0.1 * age.abs().float().unsqueeze(1)

    def _asked(self, rows: Any, at: Optional[torch.Tensor]) -> torch.Tensor:
        return rows["time"] if at is None else rows["time"].gather(1, at.unsqueeze(1))

    def _turned(self, vectors: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        cos, sin = (f(time).float().unsqueeze(1).unsqueeze(-1) for f in (torch.cos, torch.sin))
        one, other = vectors.chunk(2, dim=-1)
        return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1)

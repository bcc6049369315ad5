"""The shared bottom (Caruana, Machine Learning 1997): hidden layers for all targets, then towers.

It is the usual baseline of multi-task rankers: f_k(x) = tower_k(bottom(x)).
"""

from dataclasses import dataclass
from typing import List

import torch
from torch import nn

from recbole_poem.core.settings import PROBABILITY, setting
from recbole_poem.core.stages import RANKERS
from recbole_poem.rankers.towers import ANY_HIDDEN, HIDDEN, Towers, hidden_layers


@RANKERS.register("shared_bottom")
class SharedBottom(nn.Module):
    """Hidden layers that all targets share, and a tower for each (Caruana, 1997).

    Parameters
    ----------
    settings : SharedBottom.Settings
    input_size : int
        F, the width of the features.
    n_targets : int
        M.
    """

    @dataclass(frozen=True)
    class Settings:
        """Sizes; the last width of the bottom is what the towers read."""

        bottom_sizes: List[int] = setting([128, 64], HIDDEN, "widths of the shared layers")
        tower_sizes: List[int] = setting(
            [32], ANY_HIDDEN, "widths of a tower's hidden layers; [] = linear towers"
        )
        dropout: float = setting(0.1, PROBABILITY, "dropout behind every hidden layer")

    def __init__(self, settings: "SharedBottom.Settings", input_size: int, n_targets: int) -> None:
        super().__init__()
        sizes = settings.bottom_sizes
        self.n_targets = n_targets
        self.bottom = hidden_layers(input_size, sizes, settings.dropout)
        self.towers = Towers(n_targets, sizes[-1], settings.tower_sizes, settings.dropout)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per target (..., M), without an activation."""
        return self.read(self.bottom(features))

    def read(self, shared: torch.Tensor) -> torch.Tensor:
        """Turn what the bottom gives (..., e) into one output per target (..., M)."""
        return self.towers.read(self.towers.hidden([shared] * self.n_targets))

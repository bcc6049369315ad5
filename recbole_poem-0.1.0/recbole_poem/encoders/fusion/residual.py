"""The state fusion by a residual."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.stages import STATE_FUSIONS
from recbole_poem.encoders.sizes import initialise


@STATE_FUSIONS.register("residual")
class Residual(nn.Module):
    """``u = h + W p`` with a W that starts at zero, and ``u = h`` where the ranking is empty.

    The history encoder is a model of its own: a ranking moves its states as far
    as that helps.

    Parameters
    ----------
    settings : Settings
    size : int
        d.
    """

    is_on_top = True

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, size: int) -> None:
        super().__init__()
        self.residual = nn.Linear(size, size, bias=False)

    def reset_parameters(self, std: float) -> None:
        """Begin with the history state as the user state."""
        initialise(self, std)
        nn.init.zeros_(self.residual.weight)

    def forward(
        self, history: torch.Tensor, ranking: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Return the user states (T, K, d); see `Gate.forward`."""
        return history + torch.where(known, self.residual(ranking), 0).unsqueeze(1)

    def without_ranking(self, history: torch.Tensor) -> torch.Tensor:
        """Return the user states where there is no ranking: the history states (T, K, d)."""
        return history

"""The state fusion by a gate."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.stages import STATE_FUSIONS
from recbole_poem.encoders.sizes import initialise


@STATE_FUSIONS.register("gate")
class Gate(nn.Module):
    """``g = sigmoid(W [h; p]), u = g * h + (1 - g) * p``, our reading of the paper's fusion.

    A learned vector stands for p where the ranking is empty.

    Parameters
    ----------
    settings : Settings
    size : int
        d.
    """

    #: whether the ranking moves a state that stands on its own without it
    is_on_top = False

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * size, size)
        self.empty_ranking = nn.Parameter(torch.empty(size))

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        nn.init.normal_(self.empty_ranking, std=std)
        initialise(self, std)

    def forward(
        self, history: torch.Tensor, ranking: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Return the user state.

        Parameters
        ----------
        history : (T, K, d)
            h.
        ranking : (T, d)
            p.
        known : (T, 1) bool
            Whether the ranking has a candidate; p means nothing where it has none.

        Returns
        -------
        (T, K, d)
        """
        ranking = torch.where(known, ranking, self.empty_ranking).unsqueeze(1).expand_as(history)
        gate = torch.sigmoid(self.gate(torch.cat([history, ranking], dim=-1)))
        return gate * history + (1 - gate) * ranking

    def without_ranking(self, history: torch.Tensor) -> torch.Tensor:
        """Return the user states (T, K, d) of history states (T, K, d) without a ranking."""
        known = history.new_zeros((1, 1), dtype=torch.bool)
        return self(history, torch.zeros_like(history[:, 0]), known)

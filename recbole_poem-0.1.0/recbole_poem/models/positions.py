"""Which positions of the windows of a training batch have a target, and which carry a request."""

from typing import NamedTuple, Tuple

import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID, REQUEST_POSITION


class Positions(NamedTuple):
    """P positions of B windows.

    Attributes
    ----------
    window, position : (P,) int64
        Which of the windows, and where in it.
    """

    window: torch.Tensor
    position: torch.Tensor

    def up_to(self, items: torch.Tensor) -> torch.Tensor:
        """Return the items (B, W) of the windows up to each position, (P, W), 0 beyond."""
        place = torch.arange(items.shape[1], device=items.device)
        return items[self.window] * (place <= self.position.unsqueeze(1))


def positions(interaction: Interaction, is_target: torch.Tensor) -> Tuple[Positions, Positions]:
    """Return the positions that carry a request, and the other ones that have a target.

    Parameters
    ----------
    interaction : Interaction
        Of B windows.
    is_target : (B, W) bool
    """
    asks = interaction[REQUEST_ID] >= 0  # (B, R)
    carrying = Positions(asks.nonzero(as_tuple=True)[0], interaction[REQUEST_POSITION][asks])
    others = is_target.index_put(carrying, torch.tensor(False, device=is_target.device))
    return carrying, Positions(*others.nonzero(as_tuple=True))

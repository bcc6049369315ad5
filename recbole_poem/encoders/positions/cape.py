"""Context-aware positions: a row counts for less where it resembles the query (CAPE, WWW 2025).

Sources: the paper (arXiv 2502.09027) and its authors' code. Ours: what a query may not read has no
step, where the code lets what is masked count as a whole one; all blocks share one table; and it
ends at the longest window, where the code cuts sums off at a length of its own.
"""

from dataclasses import dataclass
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.positions import Rows, Silent
from recbole_poem.encoders.sizes import Sizes


@POSITIONS.register("cape")
class CAPE(Silent):
    """Places count steps between unlike rows, and have a say in the scores (CAPE, WWW 2025).

    The step of row k under the query of row i is ``1 - sigmoid(q_i . k_k / sqrt(e))``, and 0 for
    rows behind i. The place of row j is the sum of the steps from j to i, a real number from 0 to
    W. ``SiLU(A q_i + b) . E`` has a number for each whole place; what lies between two is read
    between them, and added to the score. E begins at 0, which is plain attention.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    """

    @dataclass(frozen=True)
    class Settings:
        """Of the table."""

        size: int = setting(16, at_least(1), "of a place's vector; the paper tries 16, 32, 64")

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()
        self.size, length = settings.size, sizes.max_length
        of_head = sizes.hidden_size // sizes.n_heads
        self.scale = of_head**-0.5
        self.project = nn.Linear(of_head, settings.size)
        # flat, since `initialise` draws matrices anew and leaves vectors at their beginning
        self.places = nn.Parameter(torch.zeros(settings.size * (length + 1)))
        self.up_to: torch.Tensor
        self.register_buffer("up_to", torch.ones(length, length).tril(), persistent=False)

    def bias(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Return what the places add to the scores, (B, heads, W or 1, W)."""
        asked = F.silu(self.project(query))  # (B, heads, W or 1, size)
        places = self.places.view(self.size, -1)
        rise = F.pad(places.diff(dim=1), (0, 1))  # nothing lies beyond the last place
        place = self.steps(query, key, at)
        lower = place.long()
        at_lower, to_next = ((asked @ each).gather(-1, lower) for each in (places, rise))
        return at_lower + place.frac() * to_next

    def steps(
        self, query: torch.Tensor, key: torch.Tensor, at: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Count the steps between queries and the rows before them.

        Parameters
        ----------
        query : (B, heads, W or 1, e)
        key : (B, heads, W, e)
        at : (B,) int64, optional
            The place of the query, where there is one of each window.

        Returns
        -------
        (B, heads, W or 1, W)
            Of row j the sum from j to the query's row, both of them in; 0 behind it.
        """
        length = key.shape[-2]
        up_to = self.up_to[:length, :length]
        is_read = up_to if at is None else up_to[at].unsqueeze(1).unsqueeze(2)
        step = torch.sigmoid((query * -self.scale) @ key.transpose(-2, -1))
        return (step * is_read) @ up_to  # with its gradient quicker than a cumulative sum

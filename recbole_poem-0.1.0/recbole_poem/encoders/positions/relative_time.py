"""A learned number for each distance between two places, and for each time between two rows."""

from typing import Any, Optional

import torch
from torch import nn

from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.positions import Rows
from recbole_poem.encoders.positions.relative import Relative
from recbole_poem.encoders.sizes import Sizes

#: buckets of times; the last one begins at some 670 years
N_BUCKETS = 80
#: natural logarithm of the ratio of two bounds, as in HSTU's code
_STEP = 0.301


@POSITIONS.register("relative_time")
class RelativeTime(Relative):
    """Learned numbers for the distance in places and for the time between two rows (HSTU).

    The bucket of t seconds is ``floor(ln(t) / 0.301)``, and 0 for less than a second and for what
    is not known. Time runs from the one row to the other. HSTU's code counts to the row that comes
    next, which nobody knows who is asked for it.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    """

    reads = ("time",)

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__(settings, sizes)
        self.of_time = nn.Parameter(torch.zeros(N_BUCKETS))

    def bias(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Return the sum of both numbers, (B, 1, W or 1, W)."""
        time = rows["time"]  # (B, W), 0 = not known
        asked = time if at is None else time.gather(1, at.unsqueeze(1))
        begin = time.masked_fill(time == 0, torch.inf)
        seconds = (asked.unsqueeze(2) - begin.unsqueeze(1)).float().clamp_min(1)
        bucket = (seconds.log() / _STEP).long().clamp_max(N_BUCKETS - 1)
        return super().bias(query, key, rows, at) + self.of_time[bucket].unsqueeze(1)

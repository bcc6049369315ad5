"""How often items were shown and what came of it, in windows before any moment.

Rows lie sorted by item and time, with running sums of what came of them. A count is the difference
of two sums, found by bisection, so that memory grows with the rows alone, whatever the windows.
All rows stand there once more under item 0, which never occurs: they count for all items.

A window ends with the latest row of any item before the moment. In a log that goes on that is the
moment itself. Behind the end of what is known it is that end: a counter that stands still is read
as it stood.
"""

from typing import NamedTuple, Sequence

import numpy as np
import torch
from torch import nn


class Counts(NamedTuple):
    """Counts of N items at R moments, in windows, the last of which has no beginning.

    Attributes
    ----------
    shown : (R, N, W + 1) int64
        Rows.
    answered, yes : (R, N, W + 1, T) int64
        Rows that tell an answer, and those that say yes.
    since_first : (R, N) int64
        Seconds since the first row; -1 = there was none.
    """

    shown: torch.Tensor
    answered: torch.Tensor
    yes: torch.Tensor
    since_first: torch.Tensor


class ItemCounts(nn.Module):
    """Counts the rows of items before moments; see the module.

    Its content is made of data and is not part of the state that is saved.

    Parameters
    ----------
    item : (P,) int64
        Of each row, from 1.
    seconds : (P,) int64
        Its time.
    answers : (P, T) float
        1 = yes, 0 = no, NaN = not known.
    windows : sequence of W float
        Seconds that they reach back.
    """

    keys: torch.Tensor
    sums: torch.Tensor
    windows: torch.Tensor

    def __init__(
        self, item: np.ndarray, seconds: np.ndarray, answers: np.ndarray, windows: Sequence[float]
    ) -> None:
        super().__init__()
        self.since = int(seconds.min()) if len(seconds) else 0
        moment = seconds - self.since
        self.span = int(moment.max(initial=0)) + 2  # a moment after the last row sees all
        keys = np.concatenate([moment, item * self.span + moment])
        order = np.argsort(keys, kind="stable")
        told = np.concatenate([~np.isnan(answers), answers == 1], axis=1)[order % max(len(item), 1)]
        sums = np.zeros((len(keys) + 1, told.shape[1]), dtype=np.int32)
        np.cumsum(told, axis=0, out=sums[1:])
        reach = np.ceil(np.minimum(windows, 2.0**40)).astype(np.int64)
        for name, values in (("keys", keys[order]), ("sums", sums), ("windows", reach)):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    @torch.no_grad()
    def forward(self, items: torch.Tensor, time: torch.Tensor) -> Counts:
        """Count what was known of items (R, N) before times (R,), int64 seconds."""
        since = (time - self.since).unsqueeze(1)
        moment = since.clamp(0, self.span - 1)  # (R, 1)
        n_known = torch.searchsorted(self.keys, moment)
        last = torch.where(n_known > 0, self._moments(n_known - 1), -1)
        begin = (last - self.windows + 1).clamp(min=0)  # (R, W)
        begin = torch.cat([begin, torch.zeros_like(moment)], dim=1)
        own = items * self.span
        until = torch.searchsorted(self.keys, own + moment).unsqueeze(-1)  # (R, N, 1)
        whence = torch.searchsorted(self.keys, own.unsqueeze(-1) + begin.unsqueeze(1))
        whence = torch.minimum(whence, until)  # (R, N, W + 1)
        told = (self.sums[until] - self.sums[whence]).long()
        answered, yes = told.chunk(2, dim=-1)
        ever = until[..., 0] > whence[..., -1]
        first = self._moments(whence[..., -1]) - own
        return Counts(until - whence, answered, yes, torch.where(ever, since - first, -1))

    def _moments(self, place: torch.Tensor) -> torch.Tensor:
        """Return the keys at places, any number where there is none."""
        if not len(self.keys):
            return torch.zeros_like(place)
        return self.keys[place.clamp(0, len(self.keys) - 1)]

"""How items have done lately: their age, how often they were shown, and what came of it.

A retrieval by embeddings has no such counters. In a ranker of ads features of what happened before
dominate all others (He et al., *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD
2014). How they are smoothed is ours. An item has n rows in a window, of which m tell an answer and
y say yes. All I items together have N, M and Y::

    volume = log((1 + n) / (1 + N / I))
    rate   = log((y + s b) / ((m + s) b)),   b = (Y + 1) / (M + 2)

An item as usual has 0; one without rows has the rate of all. There is a rate for each target that
is a yes/no answer. Behind the windows stand all rows before the request, the age of the item,
log(1 + days), and whether it has no row yet.

Only training rows before the request count, in whole seconds. Where those end earlier, as behind
the training part or in a block of ``time_blocks``, counters are read as they stood by then.
"""

from dataclasses import dataclass
from typing import List, Optional

import numpy as np
import torch
from torch import nn

from recbole_poem.core.settings import ABOVE_0, TEXT, different, list_of, or_nothing, setting
from recbole_poem.core.stages import RANKER_INPUTS
from recbole_poem.rankers.inputs import Found, Known, States, nobody
from recbole_poem.rankers.item_counts import Counts, ItemCounts
from recbole_poem.rankers.ranking_requests import RankingRequests

_HOUR, _DAY = 3600, 86400


@RANKER_INPUTS.register("item_statistics")
class ItemStatistics(nn.Module):
    """Reads the age of items, how often they were shown, and what came of it.

    Parameters
    ----------
    settings : ItemStatistics.Settings
    known : Known
    hidden_size : int
        Not used: the features are numbers.
    """

    uploaded: torch.Tensor

    @dataclass(frozen=True)
    class Settings:
        """How far counters reach back, and what they begin with."""

        hours: List[float] = setting(
            [24, 168],
            different(list_of(ABOVE_0, "a list of hours above 0")),
            "windows before the request",
        )
        smoothing: float = setting(
            10.0, ABOVE_0, "s, answers of the usual rate that each item begins with"
        )
        uploaded: Optional[str] = setting(
            None,
            or_nothing(TEXT, "for the first row"),
            "column of .item by which the age is told: a time in the unit of the log, or a date",
        )

    def __init__(self, settings: "ItemStatistics.Settings", known: Known, hidden_size: int) -> None:
        super().__init__()
        log = known.log
        self._smoothing, self._n_items = settings.smoothing, max(log.n_items - 1, 1)
        rows, windows = log.training, [_HOUR * hours for hours in settings.hours]
        self.counts = ItemCounts(log.item[rows], known.seconds[rows], known.answers[rows], windows)
        uploaded = np.full(log.n_items, np.nan)
        if settings.uploaded is not None:
            uploaded = known.uploaded(settings.uploaded)
        self.register_buffer("uploaded", torch.from_numpy(uploaded), persistent=False)
        self.output_size = (len(windows) + 1) * (1 + known.answers.shape[1]) + 2

    def find(self, requests: RankingRequests) -> Found:
        """Find nobody."""
        return nobody(requests)

    def forward(self, requests: RankingRequests, states: States) -> torch.Tensor:
        """Make features of what was known of the candidates, (R, N, (W + 1) (1 + T) + 2)."""
        items = torch.nn.functional.pad(requests.candidates, (0, 1))  # item 0 is all items
        counts = self.counts(items, requests.time)
        own, of_all = (Counts(*(each[:, part] for each in counts)) for part in
                       (slice(None, -1), slice(-1, None)))  # fmt: skip
        volume = own.shown.double().log1p() - (of_all.shown / self._n_items).log1p()
        base = (of_all.yes + 1) / (of_all.answered + 2.0)
        rate = (own.yes + self._smoothing * base) / ((own.answered + self._smoothing) * base)
        parts = [volume, rate.log().flatten(2), self._age(requests, own.since_first)]
        return torch.cat(parts, dim=-1).to(states.candidates.dtype)

    def _age(self, requests: RankingRequests, since_first: torch.Tensor) -> torch.Tensor:
        """Return log(1 + days) of the age, 0 where nothing tells it, and what is new: (R, N, 2)."""
        since_upload = requests.time.unsqueeze(1) - self.uploaded[requests.candidates]
        age = torch.where(since_upload.isnan(), since_first.double(), since_upload)
        return torch.stack([(age.clamp(min=0) / _DAY).log1p(), since_first < 0], dim=-1)

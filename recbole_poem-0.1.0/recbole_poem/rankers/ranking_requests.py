"""What a ranker is asked: requests of users at a time, and the candidates of each."""

from typing import NamedTuple

import torch


class RankingRequests(NamedTuple):
    """R requests of N candidates each; an exposure to learn from is a request with N = 1.

    Attributes
    ----------
    user : (R,) int64
        Rows of the user table.
    candidates : (R, N) int64
        Rows of the item table.
    history : (R, H) int64
        Rows of the item table; 0 = none.
    time : (R,) int64
        Seconds since 1970-01-01 UTC.
    gap : (R,) int64
        Seconds since the user's last request; negative where there was none.
    history_labels : (R, H, M) float32
        What came of the recent items for each target; NaN = not known.
    context : (R, C) float64
        What `recbole_poem.rankers.request_columns` says of the requests: tokens by their ids, 0 =
        none; numbers, NaN = not known. No columns where no input reads any.
    """

    user: torch.Tensor
    candidates: torch.Tensor
    history: torch.Tensor
    time: torch.Tensor
    gap: torch.Tensor
    history_labels: torch.Tensor
    context: torch.Tensor = torch.empty(0, 0)

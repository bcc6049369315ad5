"""What a ranker reads beside its usual features: users and items that have to do with a request.

An input is an ``nn.Module`` made as ``component(settings, known, hidden_size)``. It finds users and
items for each request (``find``). The tables of the ranker encode them, and the input makes
features of their states, which stand behind the others.
"""

from typing import NamedTuple, Protocol, Sequence

import numpy as np
import torch

from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.feature_fields import Field


class Known(NamedTuple):
    """What an input is made from.

    Attributes
    ----------
    log : RequestLog
        Rows outside its training part are not learned from.
    seconds : (R,) int64
        Time of each row since 1970.
    liked : (R,) bool
        Rows that came to something for the first target.
    user_columns : sequence of Field
        Columns of the users, their id not among them.
    seed : int
    """

    log: RequestLog
    seconds: np.ndarray
    liked: np.ndarray
    user_columns: Sequence[Field]
    seed: int


class Found(NamedTuple):
    """What an input found for R requests.

    Attributes
    ----------
    users : (R, k) int64
    items : (R, K) int64
        0 = none.
    """

    users: torch.Tensor
    items: torch.Tensor


class States(NamedTuple):
    """R requests of N candidates as vectors, and which of them are there.

    Attributes
    ----------
    candidates : (R, N, d)
    history : (R, H, d)
    in_history : (R, H) bool
    users : (R, k, d)
    items : (R, K, d)
    found : Found
        Whose users and items they are.
    """

    candidates: torch.Tensor
    history: torch.Tensor
    in_history: torch.Tensor
    users: torch.Tensor
    items: torch.Tensor
    found: Found


class RankerInput(Protocol):
    """What a component of the stage offers.

    Attributes
    ----------
    output_size : int
        Width of its features.
    """

    output_size: int

    def find(self, user: torch.Tensor, time: torch.Tensor) -> Found:
        """Find users and items for requests of users (R,) at times (R,), int64 seconds.

        Nothing that happened at the time or later has a say.
        """

    def __call__(self, states: States) -> torch.Tensor:
        """Make features of them, (R, N, output_size)."""

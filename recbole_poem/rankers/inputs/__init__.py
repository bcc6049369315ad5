"""What a ranker reads beside its usual features: whom and what else a request has to do with.

An input is an ``nn.Module`` made as ``component(settings, known, hidden_size)``. It may find users
and items for each request (``find``), whose states the tables of the ranker then make. It makes
features of the candidates, which stand behind the others. A ranker may have several inputs.
"""

from typing import Callable, NamedTuple, Protocol, Sequence

import numpy as np
import torch

from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.ranking_requests import RankingRequests


class Known(NamedTuple):
    """What an input is made from.

    Attributes
    ----------
    log : RequestLog
        Rows outside its training part are not learned from.
    seconds : (R,) int64
        Time of each row since 1970.
    liked : (R,) bool
        Rows that came to something for the first target; see `targets.came_to_something`.
    answers : (R, T) float
        What the targets that are yes/no answers say of each row: 1, 0, or NaN = not known.
    user_columns : sequence of Field
        Columns of the users, their id not among them.
    request_columns : sequence of Field
        What requests know, (R,) each; see `recbole_poem.rankers.request_columns`.
    n_tokens : function
        From the name of a token column to the number of its tokens, padding among them.
    uploaded : function
        From the name of a column of the items to when each of them came, (n_items,) float64, in
        seconds since 1970; NaN = not known.
    seed : int
    """

    log: RequestLog
    seconds: np.ndarray
    liked: np.ndarray
    answers: np.ndarray
    user_columns: Sequence[Field]
    request_columns: Sequence[Field]
    n_tokens: Callable[[str], int]
    uploaded: Callable[[str], np.ndarray]
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

    def find(self, requests: RankingRequests) -> Found:
        """Find users and items for R requests.

        Nothing that happened at their time or later has a say.
        """

    def __call__(self, requests: RankingRequests, states: States) -> torch.Tensor:
        """Make features of the candidates, (R, N, output_size)."""


def nobody(requests: RankingRequests) -> Found:
    """Return what an input finds that looks for no users and no items."""
    nothing = requests.user.new_zeros(len(requests.user), 0)
    return Found(nothing, nothing)

"""Which requests get negatives, and which items are none: what the sources share."""

import numpy as np
import torch

from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.log.requests import RequestLog


def asks(requests: torch.Tensor, draws: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """Tell which requests get negatives, by lot."""
    return (requests >= 0) & (uniform(seed, Purpose.HARD_NEGATIVE_SHARE, draws) < share)


def consumed_keys(log: RequestLog) -> torch.Tensor:
    """Return the keys ``user * n_items + item`` of the training rows, ascending."""
    keys = np.unique(log.user[log.training] * log.n_items + log.item[log.training])
    return torch.from_numpy(keys)


def contains(ascending: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Whether each of `keys` (E,) occurs in `ascending`."""
    place = torch.searchsorted(ascending, keys).clamp_max(len(ascending) - 1)
    return ascending[place] == keys

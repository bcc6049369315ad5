"""Negatives of the sampled softmax, shared by a batch."""

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.log.requests import RequestLog


class SharedNegatives:
    """Negatives of the sampled softmax, drawn with replacement and shared by a batch.

    Parameters
    ----------
    log : RequestLog
        Its training rows give the popularity.
    distribution : str
        ``uniform`` over the items, or ``popularity``: in proportion to the training rows, plus
        one row for every item so that none has probability 0.
    number : int
        K, negatives per batch.
    seed : int
    """

    def __init__(self, log: RequestLog, distribution: str, number: int, seed: int) -> None:
        counts = np.ones(log.n_items)
        if distribution == "popularity":
            for rows in log.blocks():
                np.add.at(counts, log.item[rows][log.training[rows]], 1.0)
        elif distribution != "uniform":
            raise InputError(
                f"negative_distribution: there is no '{distribution}'; known are uniform and "
                "popularity"
            )
        counts[0] = 0
        self._cumulative = torch.from_numpy(np.cumsum(counts))
        counts /= counts.sum()
        with np.errstate(divide="ignore"):
            np.log(counts, out=counts)
        #: (n_items,) log probability of each item; -inf for padding
        self.log_q = torch.from_numpy(counts).float()
        self._number, self._seed = number, seed

    def draw(self, epoch: int, step: int) -> torch.Tensor:
        """Draw the K items, with replacement, of a step of an epoch: (K,) int64."""
        which = torch.arange(self._number)
        noise = uniform(self._seed, Purpose.SAMPLED_NEGATIVE, epoch, step, which)
        return torch.searchsorted(self._cumulative, noise * self._cumulative[-1], right=True)

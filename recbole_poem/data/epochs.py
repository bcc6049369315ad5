"""The windows of an epoch, and the requests drawn of them: by seed, epoch and row alone."""

from typing import Iterable, Iterator, Tuple

import numpy as np
import torch

from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.data.windows import cut_into_windows, gather_windows
from recbole_poem.log.requests import RequestLog

_AT_ONCE = 2**14  # windows whose requests are drawn together, where nothing else of them is needed


class Epochs:
    """Windows over the training rows, cut anew at each epoch, and what asks in them.

    Parameters
    ----------
    log : RequestLog
        Its training part is final.
    targets : iterable of (T,) int64
        Rows that are predicted, part by part.
    max_length : int
        W, the most rows of a window.
    n_requests : int
        R, the positions of a window that are drawn, as far as it has so many targets.
    seed : int
    """

    def __init__(
        self,
        log: RequestLog,
        targets: Iterable[torch.Tensor],
        max_length: int,
        n_requests: int,
        seed: int,
    ) -> None:
        self._user_start, self._user_targets = _training_targets(log)
        self._is_target = torch.zeros(len(log), dtype=torch.bool)
        for rows in targets:
            self._is_target[rows] = True
        self._max_length, self._n_requests, self._seed = max_length, n_requests, seed

    def windows(self, epoch: int, shuffled: bool) -> Tuple[np.ndarray, np.ndarray]:
        """Return the first row and the length of each window of `epoch`, (V,) int64 each."""
        generator = np.random.default_rng((self._seed, epoch))
        start, length = cut_into_windows(
            self._user_start, self._user_targets, self._max_length, generator
        )
        if shuffled:
            order = generator.permutation(len(start))
            start, length = start[order], length[order]
        return start, length

    def targets(self, start: torch.Tensor, length: torch.Tensor, width: int) -> torch.Tensor:
        """Mark the positions of windows (B,) that have a target, (B, width) bool."""
        return gather_windows(self._is_target, start + 1, length, width)

    def requests(
        self, epoch: int, start: torch.Tensor, is_target: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw up to R target positions of each window.

        Parameters
        ----------
        epoch : int
        start : (B,) int64
        is_target : (B, W) bool

        Returns
        -------
        request ids, -1 = none; positions; draw ids: (B, min(R, W)) int64 each.
        """
        n_requests = min(self._n_requests, is_target.shape[1])
        row = start.unsqueeze(1) + 1 + torch.arange(is_target.shape[1])
        draw = row + epoch * len(self._is_target)
        lottery = uniform(self._seed, Purpose.REQUEST, draw) - (~is_target).double()
        ticket, position = lottery.topk(n_requests, dim=1)
        request = torch.where(ticket >= 0, row.gather(1, position), -1)
        return request, position, draw.gather(1, position)

    def asking(self, n_epochs: int) -> np.ndarray:
        """Mark the rows that are drawn as requests in the first `n_epochs` epochs, (R,) bool."""
        asks = torch.zeros(len(self._is_target), dtype=torch.bool)
        for epoch in range(n_epochs):
            for request in self._drawn(epoch):
                asks[request[request >= 0]] = True
            if torch.equal(asks, self._is_target):
                break  # no epoch could add any
        return asks.numpy()

    def _drawn(self, epoch: int) -> Iterator[torch.Tensor]:
        """Yield the requests of windows of `epoch`, some at a time."""
        start, length = map(torch.from_numpy, self.windows(epoch, shuffled=False))
        for some in zip(start.split(_AT_ONCE), length.split(_AT_ONCE)):
            is_target = self.targets(*some, max(1, int(some[1].max())))
            yield self.requests(epoch, some[0], is_target)[0]


def _training_targets(log: RequestLog) -> Tuple[np.ndarray, np.ndarray]:
    """Return the first row of each user with training rows, and the targets behind it, (U,)."""
    training = np.zeros(log.n_users, np.int64)
    for rows in log.blocks():
        training += np.bincount(log.user[rows][log.training[rows]], minlength=log.n_users)
    first_row = np.full(log.n_users, len(log))
    np.minimum.at(first_row, log.user, log.first)
    users = np.flatnonzero(training)
    return first_row[users], training[users] - 1

"""Negatives: shared ones for the sampled softmax, hard ones from the item graph."""

from typing import Optional

import numpy as np
import torch

from recbole_poem.errors import InputError
from recbole_poem.graph.neighbours import HardNegativeSampler
from recbole_poem.upstream.requests import RequestLog


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
    """

    def __init__(self, log: RequestLog, distribution: str, number: int) -> None:
        counts = np.ones(log.n_items)
        if distribution == "popularity":
            counts += np.bincount(log.item[log.training], minlength=log.n_items)
        elif distribution != "uniform":
            raise InputError(
                f"negative_distribution: there is no '{distribution}'; known are uniform and "
                "popularity"
            )
        counts[0] = 0
        self._cumulative = torch.from_numpy(np.cumsum(counts))
        with np.errstate(divide="ignore"):
            #: (n_items,) log probability of each item; -inf for padding
            self.log_q = torch.from_numpy(np.log(counts / counts.sum())).float()
        self._number = number

    def draw(self) -> torch.Tensor:
        """Draw K items with replacement, (K,) int64."""
        point = torch.rand(self._number, dtype=torch.float64) * self._cumulative[-1]
        return torch.searchsorted(self._cumulative, point, right=True)


class GraphNegatives:
    """Hard negatives of requests: graph neighbours of the target that the user did not want.

    Parameters
    ----------
    sampler : HardNegativeSampler
    log : RequestLog
    number : int
        n, hard negatives per request.
    share : float in [0, 1]
        Share of the requests that get hard negatives at all.
    n_recent : int
        The user's latest rows whose closeness weighs the draw.
    """

    def __init__(
        self,
        sampler: HardNegativeSampler,
        log: RequestLog,
        number: int,
        share: float,
        n_recent: int,
    ) -> None:
        self._sampler, self._log = sampler, log
        self._number, self._share, self._n_recent = number, share, n_recent
        consumed = np.unique(log.user[log.training] * log.n_items + log.item[log.training])
        self._consumed = torch.from_numpy(consumed)  # sorted keys of (user, item)

    def draw(self, requests: torch.Tensor, preferred: Optional[torch.Tensor]) -> torch.Tensor:
        """Draw for `requests` (B, R), -1 = none, with system positives `preferred` (B, R, k).

        Returns
        -------
        (B, R, n) int64
            0 where there is none. Never an item of the user's training rows, a system positive of
            the request or padding.
        """
        negative = torch.zeros(*requests.shape, self._number, dtype=torch.int64)
        asks = (requests >= 0) & (torch.rand(requests.shape) < self._share)
        row = requests[asks].numpy()
        if not len(row):
            return negative
        log = self._log
        user = torch.from_numpy(log.user[row])
        recent = row[:, None] - 1 - np.arange(self._n_recent)
        known = recent >= log.first[row][:, None]
        recent_item = np.where(known, log.item[np.maximum(recent, 0)], 0)
        top = preferred[asks] if preferred is not None else None

        def unwanted(query: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
            excluded = _contains(self._consumed, user[query] * log.n_items + item)
            if top is not None:
                excluded |= (top[query] == item.unsqueeze(1)).any(1)
            return excluded

        negative[asks] = self._sampler.sample(
            torch.from_numpy(log.item[row]), torch.from_numpy(recent_item), unwanted, self._number
        )
        return negative


def _contains(ascending: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Whether each of `keys` (E,) occurs in `ascending`."""
    place = torch.searchsorted(ascending, keys).clamp_max(len(ascending) - 1)
    return ascending[place] == keys

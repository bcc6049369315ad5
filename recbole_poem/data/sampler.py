"""Negatives: shared ones for the sampled softmax; per request from the item graph, or uniform."""

from typing import Optional

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.graph.neighbours import HardNegativeSampler
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
        self._number, self._seed = number, seed

    def draw(self, epoch: int, step: int) -> torch.Tensor:
        """Draw the K items, with replacement, of a step of an epoch: (K,) int64."""
        which = torch.arange(self._number)
        noise = uniform(self._seed, Purpose.SAMPLED_NEGATIVE, epoch, step, which)
        return torch.searchsorted(self._cumulative, noise * self._cumulative[-1], right=True)


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
    seed : int
    """

    def __init__(
        self,
        sampler: HardNegativeSampler,
        log: RequestLog,
        number: int,
        share: float,
        n_recent: int,
        seed: int,
    ) -> None:
        self._sampler, self._log, self._seed = sampler, log, seed
        self._number, self._share, self._n_recent = number, share, n_recent
        self._consumed = _consumed(log)

    def draw(
        self, requests: torch.Tensor, draws: torch.Tensor, preferred: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Draw hard negatives for the requests of a batch.

        Parameters
        ----------
        requests : (B, R) int64
            Request ids, -1 = none.
        draws : (B, R) int64
            Draw ids, the keys of the randomness.
        preferred : (B, R, k) int64, optional
            System positives, 0 = none.

        Returns
        -------
        (B, R, n) int64
            0 where there is none. Never an item of the user's training rows, a system positive of
            the request or padding.
        """
        negative = torch.zeros(*requests.shape, self._number, dtype=torch.int64)
        asks = _asks(requests, draws, self._share, self._seed)
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

        def noise(query: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
            return uniform(self._seed, Purpose.HARD_NEGATIVE, draws[asks][query], item)

        target = torch.from_numpy(log.item[row])
        negative[asks] = self._sampler.sample(
            target, torch.from_numpy(recent_item), unwanted, self._number, noise
        )
        return negative


class UniformNegatives:
    """Negatives of requests, drawn uniformly from the catalogue: what hard ones compare to.

    Parameters
    ----------
    log : RequestLog
    number : int
        n, negatives per request.
    share : float in [0, 1]
        Share of the requests that get negatives at all: the very ones that would get hard ones.
    seed : int
    """

    def __init__(self, log: RequestLog, number: int, share: float, seed: int) -> None:
        self._log, self._number, self._share, self._seed = log, number, share, seed
        self._consumed = _consumed(log)

    def draw(
        self, requests: torch.Tensor, draws: torch.Tensor, preferred: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Draw negatives for the requests of a batch; see `GraphNegatives.draw`."""
        which = torch.arange(self._number)
        noise = uniform(self._seed, Purpose.UNIFORM_NEGATIVE, draws.unsqueeze(-1), which)
        item = 1 + (noise * (self._log.n_items - 1)).long()
        user = torch.from_numpy(self._log.user[requests.clamp_min(0).numpy()]).unsqueeze(-1)
        excluded = _contains(self._consumed, user * self._log.n_items + item)
        excluded |= ~_asks(requests, draws, self._share, self._seed).unsqueeze(-1)
        if preferred is not None:
            excluded |= (preferred.unsqueeze(-2) == item.unsqueeze(-1)).any(-1)
        return item.masked_fill(excluded, 0)


def _asks(requests: torch.Tensor, draws: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """Tell which requests get negatives, by lot."""
    return (requests >= 0) & (uniform(seed, Purpose.HARD_NEGATIVE_SHARE, draws) < share)


def _consumed(log: RequestLog) -> torch.Tensor:
    """Return the keys ``user * n_items + item`` of the training rows, ascending."""
    keys = np.unique(log.user[log.training] * log.n_items + log.item[log.training])
    return torch.from_numpy(keys)


def _contains(ascending: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Whether each of `keys` (E,) occurs in `ascending`."""
    place = torch.searchsorted(ascending, keys).clamp_max(len(ascending) - 1)
    return ascending[place] == keys

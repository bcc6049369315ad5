"""Lists by re-rankers, from what a ranker puts on top."""

from typing import Protocol, Tuple

import numpy as np
import torch

from recbole_poem.rerankers import Context
from recbole_poem.rerankers.chain import Chain
from recbole_poem.serving.limits import Limits
from recbole_poem.serving.requests import Requests


class Ranker(Protocol):
    """Finds the best items of requests; see `recbole_poem.serving.exact.ExactRanker.best`."""

    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the k best items of each request and their scores."""


class RerankedRanker:
    """Changes the order of another ranker's best items, for all requests that have a history.

    Without one the scores are popularities, of which re-rankers say nothing.

    Parameters
    ----------
    ranker : Ranker
    chain : Chain
        Of one re-ranker at least.
    """

    def __init__(self, ranker: Ranker, chain: Chain) -> None:
        self._ranker, self._chain = ranker, chain

    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the items of k places and their scores, which need not descend any more."""
        pool = self._chain.pool
        items, scores = self._ranker.best(requests, limits, max(k, pool))
        told = np.flatnonzero(requests.histories.length > 0)
        head = items[told, :pool], scores[told, :pool]
        order = self._chain.placed(Context(), *map(torch.from_numpy, head)).numpy()
        for column, of_told in zip((items, scores), head):
            column[told, : order.shape[1]] = np.take_along_axis(of_told, order, axis=1)
        return items[:, :k], scores[:, :k]

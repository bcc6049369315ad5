"""The best items without scoring all of them: a shortlist, scored exactly."""

from typing import List, Optional, Protocol, Tuple

import numpy as np
import torch

from recbole_poem.model.scoring import Interest, logits_of
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.exact import ExactRanker
from recbole_poem.serving.interest import Interests
from recbole_poem.serving.limits import Limits
from recbole_poem.serving.requests import Requests


class Shortlist(Protocol):
    """Finds items with a high product with a state."""

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return m items, and what the product of no other one exceeds.

        Parameters
        ----------
        state : (d,) float32
            u.
        m : int
            From 1; fewer items are returned where there are not so many.
        without : (C,) int64
            Items that are not looked for, in ascending order, each once.

        Returns
        -------
        items : (m,) int64, or more of them
            Different ones, in any order.
        limit : float
            Of the products of all items that are neither among them nor among `without`; -inf
            where nothing is said of them.
        """


class ShortlistRanker:
    """Ranks a shortlist of each request, and all items that have an additional logit.

    If the k-th best of them does not reach the limit of all others, a longer list is asked for: the
    answer is as good as what the shortlist says of its limit.

    Parameters
    ----------
    batches : BatchMaker
    interests : Interests
    items : (n_items, d)
        Embeddings.
    shortlist : Shortlist
    """

    def __init__(
        self, batches: BatchMaker, interests: Interests, items: torch.Tensor, shortlist: Shortlist
    ) -> None:
        self._batches, self._interests, self._items = batches, interests, items
        self._shortlist = shortlist

    @torch.inference_mode()
    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the k best items and their scores, as `ExactRanker.best` does.

        Every request has a history, and its items are not limited to a list.
        """
        interest = self._interests(self._batches(requests))
        states, named = interest.state.cpu().numpy(), interest.item.cpu().numpy()
        banned = [np.append(limits.item[limits.row == row], 0) for row in range(len(requests))]
        without = [np.union1d(*pair) for pair in zip(named, banned)]
        certain = [some[~np.isin(some, none)] for some, none in zip(without, banned)]
        items = np.zeros((len(requests), k), dtype=np.int64)
        scores = np.full((len(requests), k), -np.inf, dtype=np.float32)
        rows, m = np.arange(len(requests)), k
        while len(rows):
            lists = [self._shortlist.find(states[row], m, without[row]) for row in rows]
            chosen = _padded([np.append(certain[row], one) for row, (one, _) in zip(rows, lists)])
            best, place = self._scores(interest, chosen).topk(min(k, chosen.shape[1]), dim=1)
            width = best.shape[1]
            scores[rows, :width], items[rows, :width] = best, chosen.gather(1, place)
            whole = np.array([len(one) < m for one, _ in lists])
            limit = np.array([limit for _, limit in lists])
            again = ~(whole | (scores[rows, k - 1] >= limit))
            if again.any():
                interest = Interest(*(part[again] for part in interest))
            rows, m = rows[again], 4 * m
        return items, scores

    def _scores(self, interest: Interest, chosen: torch.Tensor) -> torch.Tensor:
        """Score items (B, P), on the CPU; -inf for padding."""
        logits = logits_of(interest, self._items, chosen.to(self._items.device)).cpu()
        return logits.masked_fill_(chosen == 0, -torch.inf)


def _padded(lists: List[np.ndarray]) -> torch.Tensor:
    """Return lists of items as the rows of a matrix, (B, P) int64 with 0 behind them."""
    padded = np.zeros((len(lists), max(map(len, lists))), dtype=np.int64)
    for row, one in enumerate(lists):
        padded[row, : len(one)] = one
    return torch.from_numpy(padded)


class MixedRanker:
    """Sends each request to the one that can rank it.

    Parameters
    ----------
    exact : ExactRanker
        For requests without history, and those whose items are limited to a list.
    shortlist : ShortlistRanker
        For all others, which look at the catalogue one by one.
    at_most : int, optional
        Requests that come together; where there are more, the exact ranker reads the catalogue once
        for all of them.
    """

    def __init__(
        self, exact: ExactRanker, shortlist: ShortlistRanker, at_most: Optional[int] = None
    ) -> None:
        self._exact, self._shortlist, self._at_most = exact, shortlist, at_most

    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the k best items and their scores, as `ExactRanker.best` does."""
        if self._at_most is not None and len(requests) > self._at_most:
            return self._exact.best(requests, limits, k)
        short = requests.histories.length > 0
        if limits.allowed is not None:
            short = short & limits.allowed.all(axis=1)
        if short.all():
            return self._shortlist.best(requests, limits, k)
        items = np.zeros((len(requests), k), dtype=np.int64)
        scores = np.full((len(requests), k), -np.inf, dtype=np.float32)
        rankers = (self._shortlist, np.flatnonzero(short)), (self._exact, np.flatnonzero(~short))
        for ranker, rows in rankers:
            if len(rows):
                found, score = ranker.best(requests.of(rows), limits.of(rows), k)
                width = found.shape[1]
                items[rows, :width], scores[rows, :width] = found, score
        return items, scores

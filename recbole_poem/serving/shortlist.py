"""The best items without scoring all of them: a shortlist, scored exactly."""

from typing import NamedTuple, Optional, Protocol, Tuple

import numpy as np
import torch

from recbole_poem.logits.scoring import Calendar, Interest, Items
from recbole_poem.serving.ascending import is_in, summed
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
        state : (d + D,) float32
            u, continued.
        m : int
            From 1; fewer items are returned where there are not so many.
        without : (C,) int64
            Items that are not looked for, in ascending order; some may stand there twice.

        Returns
        -------
        items : (m,) int64, or more of them
            Different ones, in any order.
        limit : float
            Of the products of all items that are neither among them nor among `without`; -inf
            where nothing is said of them.
        """


class Vectors(NamedTuple):
    """What makes the score of an item, for who asks now, one product.

    Attributes
    ----------
    items : (n_items, d + D) float32
    calendars : C of them
    """

    items: np.ndarray
    calendars: Tuple[Calendar, ...]

    @classmethod
    def of(cls, items: Items) -> "Vectors":
        """Return those of the catalogue."""
        return cls(items.from_now_on().contiguous().cpu().numpy(), items.calendars)

    @torch.inference_mode()
    def continued(self, interest: Interest) -> np.ndarray:
        """Return the K states of B requests as they are multiplied with, (B, K, d + D)."""
        states: np.ndarray = interest.continued(self.calendars).cpu().numpy()
        return states


class ShortlistRanker:
    """Ranks a shortlist of each request, and all items that have an additional logit.

    If the k-th best of them does not reach the limit of all others, a longer list is asked for: the
    answer is as good as what the shortlist says of its limit.

    Parameters
    ----------
    batches : BatchMaker
    interests : Interests
    vectors : Vectors
        What the states of requests that are made now are multiplied with.
    shortlist : Shortlist
        Of the same.
    """

    def __init__(
        self, batches: BatchMaker, interests: Interests, vectors: Vectors, shortlist: Shortlist
    ) -> None:
        self._batches, self._interests = batches, interests
        self._vectors, self._shortlist = vectors, shortlist

    def can_rank(self, requests: Requests, limits: Limits) -> np.ndarray:
        """Tell which requests it can rank, (B,): with a history, of all items, and now."""
        can = (requests.histories.length > 0) & self._batches.ask_now(requests)
        return can if limits.allowed is None else can & limits.allowed.all(axis=1)

    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the k best items and their scores, as `ExactRanker.best` does.

        It `can_rank` every request.
        """
        interest = self._interests(self._batches(requests))
        states = self._vectors.continued(interest)
        named, logits = interest.item.cpu().numpy(), interest.logit.cpu().numpy()
        items = np.zeros((len(requests), k), dtype=np.int64)
        scores = np.full((len(requests), k), -np.inf, dtype=np.float32)
        for row, (of_row, named_here, logit) in enumerate(zip(states, named, logits)):
            banned = np.append(limits.item[limits.row == row], 0)
            found, score = self._best(of_row, named_here, logit, banned, k)
            items[row, : len(found)], scores[row, : len(found)] = found, score
        return items, scores

    def _best(
        self, states: np.ndarray, named: np.ndarray, logit: np.ndarray, banned: np.ndarray, k: int
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return up to k items for one request, and their scores.

        Parameters
        ----------
        states : (K, d + D)
            Of its interests; a shortlist is asked for each of them.
        named, logit : (S,)
            Items with an additional logit; see `Interest`.
        banned : (C,) int64
            Items that may not be recommended.
        k : int
        """
        certain, added = summed(named, logit)
        without = np.sort(np.append(certain, banned))
        kept = ~is_in(certain, np.sort(banned))
        certain, added, m = certain[kept], added[kept], k
        while True:
            found, limit = self._found(states, m, without)
            chosen = np.append(certain, found)
            scores = (self._vectors.items[chosen] @ states.T).max(axis=1)
            scores[: len(certain)] += added
            best = np.argsort(-scores, kind="stable")[:k]
            if len(found) < m or scores[best[-1]] >= limit:
                return chosen[best], scores[best]
            m *= 4

    def _found(self, states: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return the shortlists of some interests as one, and the limit of all other items."""
        lists = [self._shortlist.find(state, m, without) for state in states]
        if len(lists) == 1:
            return lists[0]
        return np.unique(np.concatenate([found for found, _ in lists])), max(
            limit for _, limit in lists
        )


class MixedRanker:
    """Sends each request to the one that can rank it.

    Parameters
    ----------
    exact : ExactRanker
        For requests that the other one cannot rank.
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
        short = self._shortlist.can_rank(requests, limits)
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

"""The best items without scoring all of them: a shortlist, scored exactly."""

from typing import Protocol, Tuple

import numpy as np
import torch

from recbole_poem.model.scoring import Interest, logits_of
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.interest import Interests
from recbole_poem.serving.requests import Limits, Requests

_SPARE = 22  # items on a shortlist beyond those that are asked for


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
            Items that are not looked for.

        Returns
        -------
        items : (m,) int64
            Different ones, in any order.
        limit : float
            Of the products of all items that are neither among them nor among `without`.
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
        items = np.zeros((len(requests), k), dtype=np.int64)
        scores = np.full((len(requests), k), -np.inf, dtype=np.float32)
        for row in range(len(requests)):
            banned = np.append(limits.item[limits.row == row], 0)
            one = Interest(*(part[row : row + 1] for part in interest))
            found, score = self._best(one, banned, k)
            items[row, : len(found)], scores[row, : len(found)] = found, score
        return items, scores

    def _best(
        self, interest: Interest, banned: np.ndarray, k: int
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return at most k items for one request, and their scores."""
        state = interest.state[0].cpu().numpy()
        named = np.setdiff1d(interest.item[0].cpu().numpy(), banned)
        without = np.concatenate([named, banned])
        m = k + _SPARE
        while True:
            likely, limit = self._shortlist.find(state, m, without)
            chosen = torch.from_numpy(np.concatenate([named, likely]))
            logits = logits_of(interest, self._items, chosen.unsqueeze(0).to(self._items.device))
            best, place = logits[0].cpu().topk(min(k, len(chosen)))
            if len(likely) < m or best[-1] >= limit:
                return chosen[place].numpy(), best.numpy()
            m *= 4

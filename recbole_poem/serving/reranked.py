"""Lists by re-rankers, from what a ranker puts on top."""

from typing import Callable, Protocol, Tuple

import numpy as np
import torch
import torch.nn.functional as F

from recbole_poem.logits.scoring import Items
from recbole_poem.rerankers import Context, Feedback
from recbole_poem.rerankers.chain import Chain
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.interest import Interests
from recbole_poem.serving.limits import Limits
from recbole_poem.serving.requests import Requests


class Ranker(Protocol):
    """Finds the best items of requests; see `recbole_poem.serving.exact.ExactRanker.best`."""

    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the k best items of each request and their scores."""


def without_states(requests: Requests) -> Context:
    """Return what re-rankers read that go by scores alone."""
    return Context()


class WithStates:
    """What re-rankers read that go by POEM's user states, on the CPU.

    Parameters
    ----------
    batches : BatchMaker
    interests : Interests
    items : Items
        What the catalogue is scored by.
    """

    def __init__(self, batches: BatchMaker, interests: Interests, items: Items) -> None:
        self._batches, self._interests = batches, interests
        self._embedding = items.embedding.cpu()

    def __call__(self, requests: Requests) -> Context:
        """Return the context of requests that have a history."""
        state = self._interests(self._batches(requests)).state
        return Context(state.cpu(), self._embedding)


class RerankedRanker:
    """Changes the order of another ranker's best items, for all requests that have a history.

    Without one the scores are popularities, of which re-rankers say nothing.

    Parameters
    ----------
    ranker : Ranker
    chain : Chain
        Of one re-ranker at least.
    context : function
        From requests that have a history to what the chain reads of them.
    """

    def __init__(
        self, ranker: Ranker, chain: Chain, context: Callable[[Requests], Context]
    ) -> None:
        self._ranker, self._chain, self._context = ranker, chain, context

    @torch.inference_mode()
    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the items of k places, and scores by which they are in order.

        The scores of the items that change places are handed out anew, in the order of the list,
        as in an evaluation.
        """
        pool = self._chain.pool
        items, scores = self._ranker.best(requests, limits, max(k, pool))
        told = np.flatnonzero(requests.histories.length > 0)
        if len(told):
            head = items[told, :pool], scores[told, :pool]
            context = self._context(requests.of(told))
            order = self._chain.placed(context, *map(torch.from_numpy, head)).numpy()
            items[told, : order.shape[1]] = np.take_along_axis(head[0], order, axis=1)
        return items[:, :k], scores[:, :k]

    @property
    def n_shown(self) -> int:
        """Places of a list that count as shown."""
        return self._chain.n_shown

    @torch.inference_mode()
    def observe(
        self,
        requests: Requests,
        limits: Limits,
        taken: np.ndarray,
        shown: np.ndarray,
        says: np.ndarray,
    ) -> None:
        """Let the chain learn what came of requests; of those without a history it learns nothing.

        Parameters
        ----------
        requests : Requests
        limits : Limits
        taken, shown : (B, T) and (B, S) int64
            Items, 0 = none.
        says : (B,) bool
            Whether `shown` says what was shown, though it may be nothing that the model knows; else
            it was the head of the list.
        """
        told = np.flatnonzero(requests.histories.length > 0)
        if not len(told):
            return
        requests, limits = requests.of(told), limits.of(told)
        context = self._context(requests)
        found = self._ranker.best(requests, limits, self._chain.pool)
        item, score = map(torch.from_numpy, found)
        placed = item.gather(1, self._chain.placed(context, item, score))
        head = self._chain.shown(placed, score)
        given = torch.from_numpy(shown[told])
        width = max(head.shape[1], given.shape[1])
        head, given = (F.pad(of, (0, width - of.shape[1])) for of in (head, given))
        listed = torch.where(torch.from_numpy(says[told]).unsqueeze(1), given, head)
        self._chain.observe(Feedback(context, item, score, listed, torch.from_numpy(taken[told])))

"""Re-rankers of RecBole configurations as the lists of a world.

They stand behind the ranking stage: their candidates are the ranking, their scores the fused ones.
What they know beside is what they know in an evaluation: the data set of the world, its categories
and the training rows of its log, and of requests the user states of the retrieval, where it is a
POEM. One that learns hears what came of its lists slot by slot of time: a list counts in the first
slot that begins after the list was over, never before. What was watched for long was taken.

A re-ranker that learns knows the users of its block alone, up to 256 of them.
"""

from typing import Callable, List, NamedTuple, Optional

import numpy as np
import torch

from recbole_poem.rerankers import Context, Feedback
from recbole_poem.rerankers.chain import Chain
from recbole_poem.world.history import NONE
from recbole_poem.world.retrieval import Asked

_HOUR = 3600.0

#: what re-rankers read of requests beside scores
States = Callable[[Asked], Context]


def no_states(asked: Asked) -> Context:
    """Return nothing, for re-rankers that go by scores alone."""
    return Context()


class _Heard(NamedTuple):
    """Feedback on B lists, and when they were over, (B,) float."""

    feedback: Feedback
    end: np.ndarray

    def of(self, rows: np.ndarray) -> "_Heard":
        """Return that of some lists."""
        told, at = self.feedback, torch.from_numpy(rows)
        state = told.context.state
        context = told.context if state is None else told.context._replace(state=state[at])
        columns = (column[at] for column in told[1:])
        return _Heard(Feedback(context, *columns), self.end[rows])


class RerankedLists:
    """Lists by a chain of re-rankers; see `recbole_poem.world.cascade.Lists`.

    Parameters
    ----------
    chain : Chain
        Nobody else's, where it learns.
    ids : (I,) int
        The id of each video, by which the chain knows it; from 1.
    n_shown : int
        L, videos of a list.
    states : States
        Where the chain reads any.

    Attributes
    ----------
    slot : float, optional
        Seconds after which the chain learns what came of its lists; None if it does not learn.
    """

    def __init__(
        self, chain: Chain, ids: np.ndarray, n_shown: int, states: States = no_states
    ) -> None:
        self._chain, self._n, self._states = chain, n_shown, states
        self._ids = np.append(ids, 0)  # the last answers for NONE
        self.slot: Optional[float] = chain.slot_hours * _HOUR if chain.observes else None
        self._waiting: List[_Heard] = []
        self._known_until = -np.inf
        self._asked_last: Optional[Feedback] = None

    @torch.inference_mode()
    def shown(self, asked: Asked, ranked: np.ndarray, by: np.ndarray) -> np.ndarray:
        """Make lists; see `recbole_poem.world.cascade.Lists.shown`."""
        if self.slot is not None and len(asked.time):
            self._learn_until(np.floor(asked.time.min() / self.slot) * self.slot)
        item = torch.from_numpy(self._ids[ranked])
        score = torch.from_numpy(np.where(ranked == NONE, -np.inf, by))
        context = self._states(asked)
        order = self._chain.placed(context, item, score)
        if self.slot is not None:
            size = self._chain.pool
            none = item.new_zeros(len(item), 0)
            self._asked_last = Feedback(context, item[:, :size], score[:, :size], none, none)
        found: np.ndarray = np.take_along_axis(ranked, order[:, : self._n].numpy(), axis=1)
        return found

    def observe(self, asked: Asked, shown: np.ndarray, taken: np.ndarray, end: np.ndarray) -> None:
        """Keep what came of the latest lists until a slot begins that may know it."""
        if self._asked_last is None:
            return
        listed = self._ids[shown]
        feedback = self._asked_last._replace(
            shown=torch.from_numpy(listed),
            taken=torch.from_numpy(np.where(taken, listed, 0)),
        )
        self._waiting.append(_Heard(feedback, end))
        self._asked_last = None

    @torch.inference_mode()
    def _learn_until(self, begin: float) -> None:
        """Let the chain learn what came of lists that were over when a slot began."""
        if begin <= self._known_until:
            return
        self._known_until = begin
        waiting, self._waiting = self._waiting, []
        for heard in waiting:
            over = heard.end <= begin
            if over.any():
                self._chain.observe(heard.of(over).feedback)
            if not over.all():
                self._waiting.append(heard.of(~over))

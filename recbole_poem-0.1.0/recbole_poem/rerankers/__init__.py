"""What makes a list of scores: a component changes the order of the best items of a request.

It is made as ``component(settings, config, dataset)``. One that learns from what came of its lists
has the methods of `Observer` as well.
"""

from typing import NamedTuple, Optional, Protocol

import torch


class Context(NamedTuple):
    """What is known of B requests beside their scores.

    Attributes
    ----------
    state : (B, K, d), optional
        K user states of each; None where no component reads them.
    embedding : (n_items, d), optional
        What they are multiplied with.
    """

    state: Optional[torch.Tensor] = None
    embedding: Optional[torch.Tensor] = None

    def of(self, rows: slice) -> "Context":
        """Return that of some requests."""
        return self if self.state is None else self._replace(state=self.state[rows])


class Placed(NamedTuple):
    """The order that a component gives to P items of B requests.

    Attributes
    ----------
    order : (B, P) int64
        Columns of the items, best first.
    score : (B, P)
        Of the items in this order, descending: what the next component reads.
    """

    order: torch.Tensor
    score: torch.Tensor


class Reranker(Protocol):
    """What every component has.

    Attributes
    ----------
    pool : int
        Items with the highest scores that change places, from 1.
    reads_states : bool
        Whether it reads the user states of the context.
    """

    pool: int
    reads_states: bool

    def rerank(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> Placed:
        """Place the items of B requests.

        Parameters
        ----------
        context : Context
        item, score : (B, P)
            Different items, best first; the score -inf = not to be recommended, which comes last.
        """


class Feedback(NamedTuple):
    """What came of the lists of B requests.

    Attributes
    ----------
    context : Context
    item, score : (B, P)
        The items that could change places, best first, and their scores by the model.
    shown : (B, S) int64
        The items that were shown, 0 = none.
    taken : (B, T) int64
        The items that the user took, 0 = none.
    """

    context: Context
    item: torch.Tensor
    score: torch.Tensor
    shown: torch.Tensor
    taken: torch.Tensor


class Observer(Reranker, Protocol):
    """What a component has that learns while it serves.

    Attributes
    ----------
    slot_hours : float
        In an evaluation, the hours after which it learns what came of its lists, above 0.
    n_shown : int
        Places of a list that count as shown, from 1.
    """

    slot_hours: float
    n_shown: int

    def observe(self, feedback: Feedback) -> None:
        """Learn what came of lists, all at once."""

    def forget(self) -> None:
        """Know nothing any more."""

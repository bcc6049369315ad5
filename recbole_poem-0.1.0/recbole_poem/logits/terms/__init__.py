"""Logit terms: what is added to the product of user state and item embedding."""

from typing import Any, List, NamedTuple, Optional, Protocol, Type

import torch

from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.log.clock import Clock, Dated
from recbole_poem.log.requests import RequestLog
from recbole_poem.logits.scoring import Calendar, Interest, Items


class Asked(NamedTuple):
    """What is known of T requests when a term is asked.

    Attributes
    ----------
    interest : Interest
        With the logits of the terms before.
    seen : (T, W) int64
        Items of the history, 0 = padding.
    ranking : FusedRanking or None
        None where they have none.
    items : Items
        What the catalogue is scored by.
    """

    interest: Interest
    seen: torch.Tensor
    ranking: Optional[FusedRanking]
    items: Items


class Named(NamedTuple):
    """Further logits of single items: ids (T, S), 0 = none, and logits (T, S)."""

    item: torch.Tensor
    logit: torch.Tensor


class NamedTerm(Protocol):
    """A component of the stage ``logit_terms`` that adds to single items: a torch module.

    It is made of its settings and the sizes of a ranking: the number F of a candidate's features,
    and N, the candidates of a full one. What it adds is learned, so that POEM alone has it.
    """

    #: whether it is read off a ranking; such a term is left out where no ranking is read
    reads_ranking: bool

    def __call__(self, asked: Asked) -> Optional[Named]:
        """Return what is added; None = nothing."""

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""


class DenseTerm(Protocol):
    """A component of the stage ``logit_terms`` that adds to all items: a torch module.

    What it adds depends on the time of a request alone. It is made of its settings and what
    `count` returned. Every sequential model can have it, with weights that are given.
    """

    #: False
    reads_ranking: bool
    #: of a batch, which holds the step of time of each request
    field: str

    @staticmethod
    def count(settings: Any, log: RequestLog, clock: Clock) -> Dated:
        """Count what is known of the items when, in a log's training rows: there is one at least.

        What a step knows may not depend on a row behind the beginning of the step.
        """

    @staticmethod
    def given(settings: Any) -> Optional[List[float]]:
        """Return the weights of evaluation; None where they are learned, without ``weights``."""

    @property
    def calendar(self) -> Optional[Calendar]:
        """What it adds in the mode that the model is in; None = nothing."""

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""


class ConstantTerm(Protocol):
    """A component of the stage ``logit_terms`` whose number depends on the item alone.

    It is a torch module, made of its settings and the number of items.
    """

    #: False
    reads_ranking: bool

    @property
    def column(self) -> torch.Tensor:
        """What it adds to each item, (n_items,)."""

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""


def is_constant(component: Type[Any]) -> bool:
    """Tell whether a component is a `ConstantTerm`."""
    return hasattr(component, "column")


def is_dense(component: Type[Any]) -> bool:
    """Tell whether a component is a `DenseTerm`, none of the others."""
    return hasattr(component, "count")

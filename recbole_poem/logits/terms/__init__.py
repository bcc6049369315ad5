"""Logit terms: what is added to the product of user state and item embedding."""

from typing import NamedTuple, Optional, Protocol

import torch

from recbole_poem.fusion.ranking import Ranking
from recbole_poem.logits.scoring import Interest, Items


class Asked(NamedTuple):
    """What is known of T requests when a term is asked.

    Attributes
    ----------
    interest : Interest
        With the logits of the terms before.
    seen : (T, W) int64
        Items of the history, 0 = padding.
    ranking : Ranking or None
        None where they have none.
    items : Items
        What the catalogue is scored by.
    """

    interest: Interest
    seen: torch.Tensor
    ranking: Optional[Ranking]
    items: Items


class Named(NamedTuple):
    """Further logits of single items: ids (T, S), 0 = none, and logits (T, S)."""

    item: torch.Tensor
    logit: torch.Tensor


class LogitTerm(Protocol):
    """A component of the stage ``logit_terms``: a torch module.

    It is made of its settings and the sizes of a ranking: the number F of a candidate's features,
    and N, the candidates of a full one.
    """

    #: whether it is read off a ranking; such a term is left out where no ranking is read
    reads_ranking: bool

    def __call__(self, asked: Asked) -> Optional[Named]:
        """Return what is added; None = nothing."""

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""

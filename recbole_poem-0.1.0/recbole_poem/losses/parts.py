"""What a loss with weights of its own is made of, beside its settings."""

from typing import Callable, NamedTuple

from torch import nn

from recbole_poem.core.stage import Choice
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.losses.terms import LossTerm


class Parts(NamedTuple):
    """Of the model that learns by it.

    Attributes
    ----------
    n_items : int
        Padding included.
    sizes : Sizes
    n_interests : int
        K, states of a history.
    initial_std : float
        Standard deviation of new weights.
    history_encoder : callable
        Makes another history encoder like the model's, with new weights.
    """

    n_items: int
    sizes: Sizes
    n_interests: int
    initial_std: float
    history_encoder: Callable[[], nn.Module]


def term_of(choice: Choice, parts: Parts) -> LossTerm:
    """Make a loss term; one that is a torch module is told what the model is made of."""
    is_module = issubclass(choice.component, nn.Module)
    term: LossTerm = choice.make(parts) if is_module else choice.make()
    return term

"""Rankers: the features of an exposure to one output per target.

A ranker is an ``nn.Module`` made as ``component(settings, input_size, n_targets)``. One whose loss
is more than that of its outputs has the method of `OwnLosses` beside, and one that asks what the
targets are, beside how many, that of `KnowsTargets`. One that learns in its own way has a method of
`OwnOptimizer` or `OwnBackward`; without them RecBole's optimizer follows the gradient of the
targets' weighted sum.
"""

from typing import Callable, List, Protocol, Sequence, runtime_checkable

import torch
from torch import nn

from recbole_poem.rankers.targets import Target

#: from parameters to the optimizer that the keys ``learner``, ``learning_rate`` and so on ask for
UsualOptimizer = Callable[[List[nn.Parameter]], torch.optim.Optimizer]


class Network(Protocol):
    """What a component of the stage offers."""

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per target (..., M), without an activation."""


class RowLosses(Protocol):
    """The labels of a batch, and what outputs lose by them."""

    @property
    def labels(self) -> torch.Tensor:
        """(B, M); NaN where a row has no label for a target."""

    def __call__(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the loss of each row for each target, (B, M) from 0, of outputs (B, M).

        What it says of a row without a label is not counted.
        """


@runtime_checkable
class OwnLosses(Protocol):
    """A ranker that learns by more than the loss of its outputs, of drafts for instance."""

    def losses(self, features: torch.Tensor, row_losses: RowLosses) -> torch.Tensor:
        """Return what each row adds to the loss of each target, (B, M).

        Parameters
        ----------
        features : (B, F)
        row_losses : RowLosses
        """


@runtime_checkable
class KnowsTargets(Protocol):
    """A ranker that treats its targets by what they are."""

    def know(self, targets: Sequence[Target]) -> None:
        """Tell it its M targets, once, before it is used."""


@runtime_checkable
class OwnOptimizer(Protocol):
    """A ranker that brings an optimizer; or a component of the stage ``ranker_optimizer``."""

    def optimizer(
        self, parameters: List[nn.Parameter], usual: UsualOptimizer
    ) -> torch.optim.Optimizer:
        """Return what moves all parameters of the model.

        Parameters
        ----------
        parameters : list
            Of the features and of the ranker.
        usual : function
            Makes RecBole's optimizer of some of them.
        """


@runtime_checkable
class OwnBackward(Protocol):
    """What makes a gradient of its own, of the losses one by one; see `OwnOptimizer`."""

    def backward(self, losses: Sequence[torch.Tensor], parameters: List[nn.Parameter]) -> None:
        """Leave in the ``grad`` of each parameter what the optimizer is to follow.

        Take the gradients by ``torch.autograd.grad``: what is left in ``grad`` is averaged over
        several processes once, afterwards.

        Parameters
        ----------
        losses : sequence of M scalars
            The weighted part of each target, whose sum is the loss.
        parameters : list
            All of the model; their gradients are 0 or None before.
        """

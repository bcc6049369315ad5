"""Rankers: the features of an exposure to one output per target.

A ranker is an ``nn.Module`` made as ``component(settings, input_size, n_targets)``. One that learns
in its own way has a method of `OwnOptimizer` or `OwnBackward` beside; without them RecBole's
optimizer follows the gradient of the targets' weighted sum.
"""

from typing import Callable, List, Protocol, Sequence, runtime_checkable

import torch
from torch import nn

#: from parameters to the optimizer that the keys ``learner``, ``learning_rate`` and so on ask for
UsualOptimizer = Callable[[List[nn.Parameter]], torch.optim.Optimizer]


class Network(Protocol):
    """What a component of the stage offers."""

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per target (..., M), without an activation."""


@runtime_checkable
class OwnOptimizer(Protocol):
    """A ranker that brings an optimizer."""

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
    """A ranker that makes the gradient of its own, of the losses one by one."""

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

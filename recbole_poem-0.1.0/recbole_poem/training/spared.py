"""Weights that a batch says nothing of stay, also where several processes share the batch.

There RecBole adds 0 times all weights to the loss, so that each has a gradient in every process. Of
a gradient of 0 an optimizer still moves a weight, by what it remembers; of none it does not.
"""

from typing import Any, Iterable, List, Set

import torch
from torch import nn


class Spared:
    """Takes the gradients away of weights that the loss of the last batch does not reach.

    Parameters
    ----------
    model : Module
        Whose processes reach the same weights in a batch.
    """

    def __init__(self, model: nn.Module) -> None:
        self._weights: List[nn.Parameter] = list(model.parameters())
        self._reached: Set[torch.Tensor] = set()

    def follow(self, optimizer: torch.optim.Optimizer) -> None:
        """Take part in every step of `optimizer` from now on."""
        optimizer.register_step_pre_hook(self._spare)

    def learned(self, parts: Iterable[torch.Tensor]) -> None:
        """Remember what the parts of a loss reach, before anything is added to them."""
        self._reached = reached(parts)

    def _spare(self, *_: Any) -> None:
        for weight in self._weights:
            if weight not in self._reached:
                weight.grad = None


def reached(parts: Iterable[torch.Tensor]) -> Set[torch.Tensor]:
    """Return the leaves that gradients of the parts of a loss come to."""
    nodes = [part.grad_fn for part in parts]
    seen, leaves = set(nodes), set()
    while nodes:
        node = nodes.pop()
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaves.add(leaf)
        for following, _ in getattr(node, "next_functions", ()):
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return leaves

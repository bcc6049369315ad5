"""How a ranker's own gradient gets into RecBole's training step, which is not copied for it.

RecBole adds up the parts of a loss and calls ``backward`` of the sum. Here the first part has the
value that it had, and a backward pass of its own: it hands all parts to the ranker, which fills the
gradients. The other parts are left as numbers.
"""

from typing import Any, Callable, Sequence, Tuple

import torch

Backward = Callable[[Sequence[torch.Tensor]], None]


class _Handed(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        anchor: torch.Tensor,
        value: torch.Tensor,
        losses: Sequence[torch.Tensor],
        backward: Backward,
    ) -> torch.Tensor:
        context.losses, context.run = losses, backward
        return value.clone()

    @staticmethod
    def backward(context: Any, scale: torch.Tensor) -> Tuple[None, ...]:
        with torch.enable_grad():
            context.run([loss * scale for loss in context.losses])
        return None, None, None, None


def with_backward(losses: Sequence[torch.Tensor], backward: Backward) -> Tuple[torch.Tensor, ...]:
    """Return losses of the same values whose sum's backward pass is `backward` of them.

    Parameters
    ----------
    losses : sequence of M scalars
    backward : function
        Takes the losses, each times what the sum is scaled by in mixed precision.
    """
    anchor = torch.zeros((), requires_grad=True)  # so that there is a backward pass at all
    first, *others = (loss.detach() for loss in losses)
    return (_Handed.apply(anchor, first, losses, backward), *others)

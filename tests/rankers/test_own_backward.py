"""A gradient made by hand, in the place of that of a sum."""

from typing import Any, Tuple

import pytest
import torch

from recbole_poem.rankers.own_backward import with_backward


def losses_of(weight: torch.Tensor) -> Tuple[torch.Tensor, ...]:
    return (weight**2).sum(), weight.sum(), (3 * weight[:1]).sum()


@pytest.mark.parametrize("scale", [1.0, 8.0])  # as mixed precision scales the sum
def test_the_values_stay_and_the_ranker_gets_all_losses_scaled(scale: float) -> None:
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    handed = []

    def backward(losses: Any) -> None:
        handed.extend(loss.detach().item() for loss in losses)
        each = torch.stack([torch.autograd.grad(loss, [weight])[0] for loss in losses])
        weight.grad = each.amax(dim=0)  # no weighted sum says this

    parts = with_backward(losses_of(weight), backward)
    assert [part.detach().item() for part in parts] == [5, 3, 3]
    (sum(parts) * scale).backward()
    assert handed == [5 * scale, 3 * scale, 3 * scale]
    assert weight.grad.tolist() == [3 * scale, 4 * scale]


def test_the_sum_by_hand_is_the_gradient_of_the_sum() -> None:
    found = []
    for by_hand in (False, True):
        weight = torch.tensor([1.0, 2.0], requires_grad=True)
        parts = losses_of(weight)
        if by_hand:
            parts = with_backward(parts, lambda losses: sum(losses).backward())
        sum(parts).backward()
        found.append(weight.grad.tolist())
    assert found[0] == found[1] == [6, 5]

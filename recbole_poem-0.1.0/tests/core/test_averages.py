"""Weighted means, by hand."""

import pytest
import torch

from recbole_poem.core.averages import weighted_mean


def test_a_mean_weighs_and_leaves_out_what_weighs_nothing() -> None:
    values = torch.tensor([1.0, 4.0, torch.inf], requires_grad=True)
    mean = weighted_mean(values, torch.tensor([3.0, 1.0, 0.0]))
    mean.backward()
    assert mean.item() == pytest.approx((3 * 1 + 4) / 4)
    assert values.grad.tolist() == [0.75, 0.25, 0]


def test_mean_over_nothing_is_zero_with_zero_gradient() -> None:
    values = torch.tensor([torch.inf, 2.0], requires_grad=True)
    mean = weighted_mean(values, torch.tensor([False, False]))
    mean.backward()
    assert mean == 0
    assert values.grad.tolist() == [0, 0]

"""Known minimisers of the task losses, and what a missing label must not do."""

import math
from typing import Any, List

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from toy_components import target_losses, targets_of

from recbole_poem.rankers.target_loss import predictions

CLICK = {"feedback": {"is_click": "[1,1]"}}
WATCH = {"target": "watch_time"}
TWO_TARGETS = targets_of({"click": CLICK, "watch": WATCH})


def binary(**settings: Any) -> Any:
    return targets_of({"like": {**CLICK, **settings}})[0]


def watch_time(**settings: Any) -> Any:
    return targets_of({"watch": {**WATCH, **settings}})[0]


def constant_fit(target: Any, labels: torch.Tensor) -> float:
    """Predict with the one output that has the smallest loss on `labels`, from a fine grid."""
    grid = torch.linspace(-6, 14, 20_001, dtype=torch.float64).unsqueeze(1)
    losses = target.loss(grid.expand(-1, len(labels)), labels.double().expand(len(grid), -1))
    return float(target.predict(grid[losses.mean(dim=1).argmin()]))


def test_the_binary_loss_is_cross_entropy_and_watch_time_huber_of_the_logarithm() -> None:
    outputs = torch.tensor([[0.3, 1.0], [-2.0, 4.0], [1.5, 0.0]])
    labels = torch.tensor([[1.0, math.expm1(1.5)], [0.0, 0.0], [1.0, 0.0]])
    _, losses = target_losses(outputs, labels, TWO_TARGETS)
    probability = torch.sigmoid(outputs[:, 0]).numpy()
    assert losses[0].item() == pytest.approx(log_loss([1, 0, 1], probability), abs=1e-6)
    # errors 0.5, 4 and 0: half the square below 1, and |error| - 1/2 above
    assert losses[1].item() == pytest.approx((0.125 + 3.5 + 0) / 3, abs=1e-6)


@pytest.mark.parametrize("positive_weight", [1.0, 5.0])
def test_probabilities_are_calibrated_whatever_the_positives_weigh(positive_weight: float) -> None:
    labels = torch.tensor([1.0] * 3 + [0.0] * 17)
    target = binary(positive_weight=positive_weight)
    assert constant_fit(target, labels) == pytest.approx(0.15, abs=1e-3)


def test_a_positive_counts_as_its_weight_in_negatives() -> None:
    output = torch.zeros(2, 1, requires_grad=True)
    labels = torch.tensor([[1.0], [0.0]])
    parts, _ = target_losses(output, labels, [binary(positive_weight=4.0)])
    parts.sum().backward()
    assert (output.grad[0] / output.grad[1]).item() == pytest.approx(-4)


def test_a_long_tail_leaves_watch_time_near_the_median() -> None:
    seconds = torch.tensor([8.0] * 5 + [10.0] * 5 + [12.0] * 5 + [100_000.0])
    assert constant_fit(watch_time(), seconds) == pytest.approx(10, abs=1)


def test_a_narrow_delta_predicts_the_median() -> None:
    seconds = torch.tensor([1.0, 2.0, 5.0, 60.0, 900.0])
    fitted = constant_fit(watch_time(huber_delta=0.01), seconds)
    assert fitted == pytest.approx(5, abs=0.1)


def test_one_exposure_pulls_by_no_more_than_delta() -> None:
    output = torch.zeros(2, 1, requires_grad=True)
    parts, _ = target_losses(output, torch.tensor([[1e9], [0.0]]), [watch_time()])
    parts.sum().backward()
    assert output.grad[0].item() == pytest.approx(-1 / 2)  # the mean of two rows


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_a_label_that_is_nan_gives_no_gradient_and_changes_no_mean(known: List[tuple]) -> None:
    mask = torch.tensor(known)
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(mask.shape, generator=generator).requires_grad_()
    full = torch.rand(mask.shape, generator=generator).round()
    labels = full.masked_fill(~mask, torch.nan)
    parts, losses = target_losses(outputs, labels, TWO_TARGETS)
    parts.sum().backward()
    assert parts.isfinite().all()
    assert (outputs.grad[~mask] == 0).all()
    assert outputs.grad.isfinite().all()
    assert (outputs.grad[:, 0][mask[:, 0]] != 0).all()
    for m, target in enumerate(TWO_TARGETS):
        rows = mask[:, m]
        if rows.any():
            _, alone = target_losses(outputs[rows, m : m + 1], full[rows, m : m + 1], [target])
            assert losses[m].item() == pytest.approx(alone[0].item(), abs=1e-6)
        else:
            assert losses[m] == 0


def test_targets_are_averaged_by_their_weights() -> None:
    outputs, labels = torch.randn(6, 2), torch.ones(6, 2)
    targets = [binary(weight=3.0), watch_time(weight=1.0)]
    parts, losses = target_losses(outputs, labels, targets)
    expected = np.average(losses.numpy(), weights=[3, 1])
    assert parts.sum().item() == pytest.approx(float(expected), abs=1e-6)


def test_a_target_of_weight_zero_is_measured_but_not_learned() -> None:
    outputs = torch.randn(4, 2, requires_grad=True)
    targets = [binary(), watch_time(weight=0.0)]
    parts, losses = target_losses(outputs, torch.ones(4, 2), targets)
    parts.sum().backward()
    assert losses[1] > 0
    assert (outputs.grad[:, 1] == 0).all()
    assert (outputs.grad[:, 0] != 0).all()


def test_predictions_keep_the_order_of_the_outputs_and_the_range_of_the_labels() -> None:
    outputs = torch.linspace(0, 5, 11).unsqueeze(-1).expand(-1, 2).unsqueeze(0)  # (1, 11, 2)
    predicted = predictions(outputs, TWO_TARGETS)
    assert predicted.shape == outputs.shape
    assert (predicted.diff(dim=1) > 0).all()
    assert torch.allclose(predicted[..., 0], torch.sigmoid(outputs[..., 0]))
    assert torch.allclose(predicted[..., 1].log1p(), outputs[..., 1], atol=1e-5)
    assert predictions(torch.full((1, 2), -3.0), TWO_TARGETS)[0, 1] == 0

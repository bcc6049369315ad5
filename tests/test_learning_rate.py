"""The learning rate of every step, by a schedule and by where in the training the step is."""

from typing import Any, Dict, List

import pytest
import torch
from conftest import random_log
from torch.optim import SGD

from recbole_poem.learning_rate import SCHEDULES, constant, linear, scheduled
from recbole_poem.quick_start import run_recbole_poem


@pytest.fixture
def optimizer() -> SGD:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    return SGD(groups, lr=1.0)


def test_constant_keeps_the_rate_and_linear_ends_just_above_zero() -> None:
    assert [constant(step / 4) for step in range(4)] == [1.0] * 4
    assert [linear(step / 4) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]
    assert set(SCHEDULES) == {"constant", "linear"}


def test_each_step_has_its_rate_in_all_groups(optimizer: SGD) -> None:
    seen: List[List[float]] = []
    with scheduled(optimizer, lambda taken: 0.5**taken):
        for _ in range(3):
            optimizer.step()
            seen.append([group["lr"] for group in optimizer.param_groups])
    assert seen == [[1.0, 1.0], [0.5, 0.5], [0.25, 0.25]]


def test_outside_the_rate_is_left_alone_even_after_a_failure(optimizer: SGD) -> None:
    with pytest.raises(RuntimeError, match="stop"), scheduled(optimizer, lambda taken: 0.5):
        optimizer.step()
        raise RuntimeError("stop")
    for group in optimizer.param_groups:
        group["lr"] = 3.0
    optimizer.step()
    assert [group["lr"] for group in optimizer.param_groups] == [3.0, 3.0]


@pytest.mark.parametrize("model", ["POEM", "GRU4Rec"])
def test_the_rates_of_a_training_fall_to_zero_over_all_its_epochs(
    write_dataset: Any, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    rates: List[float] = []
    step = torch.optim.Adam.step

    def record(self: torch.optim.Adam, *args: Any, **kwargs: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", record)
    keys: Dict[str, Any] = {
        **write_dataset(random_log(1, n_users=40, n_items=25, longest=20)),
        "model": model,
        "hidden_size": 8,
        "n_candidates": 8,
        "train_batch_size": 64,
        "learning_rate": 0.02,
        "learning_rate_schedule": "linear",
        "epochs": 3,
    }
    run_recbole_poem(config_dict=keys, saved=False)
    assert len(rates) % 3 == 0 and len(rates) > 3
    expected = [0.02 * (1 - taken / len(rates)) for taken in range(len(rates))]
    assert rates == pytest.approx(expected)

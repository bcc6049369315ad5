"""The moving average: its equation, its place in evaluation, checkpoints and resumption."""

from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from conftest import random_log
from recbole.trainer import Trainer
from recbole.trainer.trainer import AbstractTrainer
from toy_training import killed_after

from recbole_poem.core.errors import InputError
from recbole_poem.training import checkpoint
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, run_recbole_poem
from recbole_poem.training.trainer import TrainingMixin
from recbole_poem.training.weight_average import WeightAverage


def _steps(model: torch.nn.Module, optimizer: torch.optim.Optimizer, n: int) -> Any:
    for _ in range(n):
        optimizer.zero_grad()
        model(torch.ones(1, 2)).square().sum().backward()
        optimizer.step()
        yield model.weight.detach().clone()


def _followed(decay: float) -> Any:
    model = torch.nn.Linear(2, 3, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    average = WeightAverage(model, decay)
    average.follow(optimizer)
    return model, optimizer, average


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_the_average_is_that_of_its_equation(decay: float) -> None:
    model, optimizer, average = _followed(decay)
    expected = model.weight.detach().clone()
    for n, weight in enumerate(_steps(model, optimizer, 20), start=1):
        b = min(decay, (1 + n) / (10 + n))
        expected = b * expected + (1 - b) * weight
    last = model.weight.detach().clone()
    with average.in_place():
        torch.testing.assert_close(model.weight.detach(), expected)
    assert torch.equal(model.weight, last)
    average.settle()
    torch.testing.assert_close(model.weight.detach(), expected)


def test_an_error_in_evaluation_gives_the_weights_back() -> None:
    model, optimizer, average = _followed(0.9)
    list(_steps(model, optimizer, 3))
    last = model.weight.detach().clone()
    with pytest.raises(KeyboardInterrupt), average.in_place():
        raise KeyboardInterrupt
    assert torch.equal(model.weight, last)


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    sizes = {"MAX_ITEM_LIST_LENGTH": 6, "hidden_size": 8, "inner_size": 8, "train_batch_size": 64}
    return {
        **write_dataset(log),
        **sizes,
        "model": "SASRec",
        "learning_rate": 0.02,
        "topk": [5],
        "valid_metric": "NDCG@5",
        "metric_decimal_place": 8,
        "ema_decay": 0.9,
    }


def test_what_is_evaluated_and_kept_is_the_average(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "epochs": 1})
    state = checkpoint.read(result["model_file"])
    averages = state["average"]["averages"]
    assert state["average"]["n_steps"] > 3
    for name, average in averages.items():
        assert torch.equal(state["state_dict"][name], average), name
    moved = [not torch.equal(state["last_state_dict"][name], averages[name]) for name in averages]
    assert all(moved)
    assert load(result["model_file"]).evaluate("valid") == result["best_valid_result"]
    assert load(result["model_file"]).evaluate("test") == result["test_result"]


def test_it_begins_with_the_weights_that_processes_agree_on(keys: Dict[str, Any]) -> None:
    class Agreeing(AbstractTrainer):
        """Gives the model other weights, as torch gives a process those of the first one."""

        def __init__(self, config: Any, model: Any) -> None:
            super().__init__(config, model)
            for weight in model.parameters():
                torch.nn.init.constant_(weight, 3.0)

    config = Config(config_dict=keys)
    experiment = assemble(config)
    trainer = type("Several", (TrainingMixin, Trainer, Agreeing), {})(config, experiment.model)
    with trainer._averaged():
        for name, weight in experiment.model.named_parameters():
            assert (weight == 3).all(), name


def test_without_a_checkpoint_the_model_has_the_average(keys: Dict[str, Any]) -> None:
    kept, not_kept = (
        run_recbole_poem(config_dict={**keys, "epochs": 1}, saved=saved) for saved in (True, False)
    )
    assert kept["test_result"] == not_kept["test_result"]


def test_the_optimizer_does_not_know_of_the_average(keys: Dict[str, Any]) -> None:
    files = [
        run_recbole_poem(config_dict={**keys, "epochs": 3, "ema_decay": decay})["model_file"]
        for decay in (0, 0.9)
    ]
    plain, averaged = (checkpoint.read(file) for file in files)
    assert plain["average"] is None
    for name, weight in plain["last_state_dict"].items():
        assert torch.equal(weight, averaged["last_state_dict"][name]), name
    assert not torch.equal(
        plain["state_dict"]["item_embedding.weight"],
        averaged["state_dict"]["item_embedding.weight"],
    )


def test_a_resumed_run_has_the_average_of_an_uninterrupted_one(keys: Dict[str, Any]) -> None:
    keys = {**keys, "epochs": 4}
    whole = run_recbole_poem(config_dict=keys)
    resumed = run_recbole_poem(config_dict={"resume": killed_after(1, keys)})
    assert resumed["test_result"] == whole["test_result"]
    ours, theirs = (checkpoint.read(each["model_file"])["average"] for each in (whole, resumed))
    assert ours["n_steps"] == theirs["n_steps"]
    for name, average in ours["averages"].items():
        assert torch.equal(average, theirs["averages"][name]), name


def test_a_run_without_an_average_is_resumed_with_one(keys: Dict[str, Any]) -> None:
    """It starts with the last weights, not with those of an untrained model."""
    file = killed_after(1, {**keys, "epochs": 3, "ema_decay": 0})
    resumed = run_recbole_poem(config_dict={"resume": file, "ema_decay": 0.9})
    state = checkpoint.read(resumed["model_file"])
    embedding = "item_embedding.weight"
    average, last = state["average"]["averages"][embedding], state["last_state_dict"][embedding]
    untrained = assemble(Config(config_dict=keys)).model.item_embedding.weight
    assert (average - last).norm() < (average - untrained).norm() / 3


@pytest.mark.parametrize("decay", [1, -0.1, "much"])
def test_a_decay_out_of_range_is_refused(keys: Dict[str, Any], decay: Any) -> None:
    with pytest.raises(InputError, match="ema_decay: expected a number from 0, below 1"):
        run_recbole_poem(config_dict={**keys, "ema_decay": decay})
    assert not list(Path(keys["checkpoint_dir"]).glob("*.pth"))

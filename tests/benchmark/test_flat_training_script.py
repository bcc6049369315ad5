"""The script that trains on a store takes the steps it names, and its checkpoint opens."""

import importlib
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
ROWS, ITEMS, SIZE, STEPS = 3000, 300, 4, 3


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    found = importlib.import_module("flat_training")
    monkeypatch.setitem(found.KEYS, "train_batch_size", 100)
    monkeypatch.setitem(found.KEYS, "sampled_negatives", 20)
    return found


@pytest.mark.parametrize("rankings", [False, True])
def test_the_first_steps_are_taken_and_the_checkpoint_opens(
    script: Any, tmp_path: Path, rankings: bool
) -> None:
    folder = str(tmp_path)
    script.generate(folder, ROWS, ITEMS)
    found = script.train(folder, ROWS, SIZE, STEPS, rankings)
    steps = ["before_steps", "steps", "checkpoint"]
    assert [*found] == ["opening", "split_and_loaders", "model", *steps, "process"]
    assert found["steps"]["number"] == STEPS and found["steps"]["loss"] > 0
    assert found["process"]["anonymous"] > found["steps"]["anonymous"]
    # the best rows, and the last ones with two moments and their average
    assert found["checkpoint"]["bytes"] > 5 * 4 * ITEMS * SIZE
    assert script.open_checkpoint(folder)["load"]["scores"] == ITEMS


def test_an_epoch_ends_with_the_last_batch_where_it_has_fewer(script: Any) -> None:
    assert [*script.FirstSteps([1, 2, 3], 2)] == [1, 2]
    assert len(script.FirstSteps([1, 2, 3], 9)) == 3

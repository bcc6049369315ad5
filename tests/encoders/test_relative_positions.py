"""Numbers of distances and of times: where each stands, and times that are not known."""

import math
from typing import Any

import pytest
import torch

from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(8, 10, 2, 2, 16, 0.0, 0.0, seed=0)
HEADS = torch.zeros(2, 2, 4, 4)


def position(name: str) -> Any:
    made = POSITIONS.choose(name, "position").make(SIZES)
    with torch.no_grad():
        for offset, table in enumerate(made.parameters()):
            table.copy_(torch.arange(len(table)) + 1000.0 * offset)
    return made


def bias(seconds: Any, name: str = "relative_time", at: Any = None) -> torch.Tensor:
    rows = {"time": torch.tensor(seconds, dtype=torch.float64)}
    return position(name).bias(HEADS, HEADS, rows, at)


def test_the_number_of_a_distance_is_added_wherever_it_is() -> None:
    relative = position("relative")
    found = relative.bias(HEADS, HEADS, {}, None)
    assert found.shape == (1, 1, 4, 4)
    assert found[0, 0].tril().tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [2, 1, 0, 0], [3, 2, 1, 0]]
    at = relative.bias(HEADS, HEADS, {}, torch.tensor([3, 1]))
    assert at.shape == (2, 1, 1, 4)
    assert at[0, 0, 0].tolist() == [3, 2, 1, 0]
    assert at[1, 0, 0, :2].tolist() == [1, 0]


@pytest.mark.parametrize("name", ["relative", "relative_time"])
def test_it_begins_at_nothing_and_moves_scores_alone(name: str) -> None:
    made = POSITIONS.choose(name, "position").make(SIZES)
    rows = {"time": torch.rand(2, 4, dtype=torch.float64)}
    assert not made.bias(HEADS, HEADS, rows, None).any()
    tokens = torch.randn(2, 4, 8)
    assert made.add(tokens, rows) is tokens
    assert made.rotate(HEADS, HEADS, rows, None) == (HEADS, HEADS)


def test_the_bucket_of_a_time_is_its_logarithm() -> None:
    day = 86400
    seconds = [[1.6e9, 1.6e9 + 2, 1.6e9 + 62, 1.6e9 + day], [0.0, 0.0, 0.0, 0.0]]
    found = bias(seconds) - position("relative").bias(HEADS, HEADS, {}, None) - 1000
    slow = [
        [math.floor(math.log(max(1, a - b)) / 0.301) for b in seconds[0][: t + 1]]
        for t, a in enumerate(seconds[0])
    ]
    assert slow[-1] == [37, 37, 37, 0]
    assert slow[2] == [13, 13, 0]
    for t, expected in enumerate(slow):
        assert found[0, 0, t, : t + 1].tolist() == expected
    assert not found[1].any()
    at = bias(seconds, at=torch.tensor([2, 1])) - 1000
    assert at[0, 0, 0, :3].tolist() == [13 + 2, 13 + 1, 0]
    assert at[1, 0, 0, :2].tolist() == [1, 0]


def test_a_time_that_is_not_known_or_runs_backwards_is_in_the_first_bucket() -> None:
    found = bias([[0.0, 1.6e9, 1.6e9 + 62, 1.6e9]] * 2)
    place = position("relative").bias(HEADS, HEADS, {}, None)
    of_time = (found - place - 1000)[0, 0]
    assert of_time[1, 0] == of_time[3, 0] == 0  # since a row without a time
    assert of_time[3, 2] == 0  # which came before the row before it
    assert of_time[2, 1] == 13


def test_the_longest_time_is_in_the_last_bucket() -> None:
    assert bias([[1.0, 1e15, 1e15, 1e15]] * 2)[0, 0, 1, 0] == 1000 + 79 + 1

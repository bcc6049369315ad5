"""What counts as a number."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from recbole_poem.core.number_types import is_number, is_whole_number, plain, types_of


@pytest.mark.parametrize("value", [0, -7, 10**30, np.int64(3), np.uint8(3), np.int32(-1)])
def test_whole_numbers_of_python_and_numpy_are_whole_numbers(value: Any) -> None:
    assert is_whole_number(value)
    assert is_number(value)


@pytest.mark.parametrize(
    "value",
    [True, np.bool_(True), 3.0, np.float64(3), "3", None, np.timedelta64(3, "s"), np.array(3), [3]],
)
def test_nothing_else_is_a_whole_number(value: Any) -> None:
    assert not is_whole_number(value)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float64(-1e300)])
def test_fractions_are_numbers(value: Any) -> None:
    assert is_number(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), np.float32("inf"), True, "0.5", None, 1j]
)
def test_what_is_not_finite_is_no_number(value: Any) -> None:
    assert not is_number(value)


def test_types_are_those_that_occur() -> None:
    assert types_of([1, "a", None]) == {int, str, type(None)}
    assert types_of([]) == set()
    assert types_of(np.array([1, 2])) == {np.int64}
    assert types_of(np.array([1, "a"], dtype=object)) == {int, str}
    assert types_of(pd.Series([1.5])) == {np.float64}
    assert types_of(torch.tensor([1.0])) == {np.float32}


def test_numbers_of_numpy_become_pythons_wherever_they_stand() -> None:
    found = plain({"a": np.int64(3), "b": [np.float32(0.5), {"c": np.bool_(True)}], "d": "x"})
    assert found == {"a": 3, "b": [0.5, {"c": True}], "d": "x"}
    assert type(found["a"]) is int
    assert type(found["b"][1]["c"]) is bool
    assert plain(np.array([1, 2])) == [1, 2]

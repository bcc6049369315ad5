"""Numbers and switches that users set."""

from typing import Any

import numpy as np
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.bounds import above_zero, switch, whole_number, whole_numbers


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_is_one_of_python_or_numpy(value: Any) -> None:
    found = whole_number("k", value)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("value", [0, -1, True, np.bool_(True), 2.0, "2", None, 2**63])
def test_what_is_no_whole_number_from_one_is_named(value: Any) -> None:
    with pytest.raises(InputError, match=r"^k: expected a whole number from 1, not "):
        whole_number("k", value)


@pytest.mark.parametrize("values", [[0, 5], (np.int32(0), 5), np.array([0, 5], np.uint16)])
def test_whole_numbers_are_taken_as_they_are_listed(values: Any) -> None:
    found = whole_numbers("draws", values)
    assert found.dtype == np.int64
    assert found.tolist() == [0, 5]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, True], "expected whole numbers from 0, not True at place 1"),
        ([1.5], r"expected whole numbers from 0, not 1\.5 at place 0"),
        (np.array([2.0]), r"expected whole numbers from 0, not 2\.0 at place 0"),
        (["1"], "expected whole numbers from 0, not '1' at place 0"),
        ("12", "expected a list of whole numbers from 0, not '12'"),
        (3, "expected a list of whole numbers from 0, not 3"),
        ([-1], r"expected whole numbers from 0, below 2\^63"),
        ([2**70], r"expected whole numbers from 0, below 2\^63"),
        (np.array([2**63], np.uint64), r"expected whole numbers from 0, below 2\^63"),
    ],
)
def test_what_are_no_whole_numbers_is_named(values: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"^draws: {words}"):
        whole_numbers("draws", values)


def test_a_switch_is_true_or_false_and_no_text() -> None:
    assert switch("filter_seen", np.bool_(False)) is False
    for value in ("False", 0, None):
        with pytest.raises(InputError, match=r"^filter_seen: expected True or False, not "):
            switch("filter_seen", value)


def test_a_bound_is_a_number_above_zero() -> None:
    above_zero(seconds=float("inf"), size=np.int64(1))
    for value in (0, -1.0, float("nan"), True, "3"):
        with pytest.raises(InputError, match=r"^size: expected a number above 0, not "):
            above_zero(size=value)  # type: ignore[arg-type]

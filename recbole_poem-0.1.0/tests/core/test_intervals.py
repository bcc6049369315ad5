"""Intervals of RecBole's keys: what they hold, and what is no interval."""

import numpy as np
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.core.intervals import is_interval, parse_intervals, spelt, within

VALUES = np.array([1, 2, 3, 4, 5, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[2,4)", [2, 3]),
        ("(2,inf)", [3, 4, 5]),
        (" [ 2 , 3 ) ", [2]),
        ("[1,1];(4,inf)", [1, 5]),
        ([2, 4], [2, 3, 4]),  # what a command line makes of [2,4]
        ([4, "inf"], [4, 5, np.inf]),
    ],
)
def test_what_lies_within(value, expected):
    assert is_interval(value)
    assert VALUES[within(VALUES, parse_intervals(value, "key"))].tolist() == expected


@pytest.mark.parametrize(
    "value",
    [
        *("4", 4, 13.0, None, "", "[4,inf);", "[5,4]", "[1,2];[9,1]", "[a,4]", "[nan,4]"),
        *("[1,2", "1,2", "[1;2]", "[1,2,3]", "rating>3"),
        *(["i1", "i2"], [1, 2, 3], [], True, {"a": 1}),
    ],
)
def test_what_is_none(value):
    assert not is_interval(value)
    with pytest.raises(InputError, match=r"^key: expected an interval such as \[5,inf\)") as caught:
        parse_intervals(value, "key")
    assert str(caught.value).endswith(f"not {value!r}")


def test_they_are_spelt_as_recbole_does():
    assert spelt(parse_intervals("[5, inf) ; (0.5,1]", "key")) == "[5,inf);(0.5,1]"
    assert spelt(parse_intervals("[1650000000123,inf)", "key")) == "[1650000000123,inf)"

"""Cells of a table."""

import math
from typing import Any

import pytest

from recbole_poem.serving.files.cells import value_of


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("request", " 7 ", " 7 "),
        ("history", " i1  i2\ti3", ["i1", "i2", "i3"]),
        ("history", "i\u00a01", ["i\u00a01"]),
        ("history", "", []),
        ("deny", "i1 i2", ["i1", "i2"]),
        ("allow", " ", None),
        ("times", "3 4.5", [3.0, 4.5]),
        ("times", "", None),
        ("times", "soon 1_000", ["soon", "1_000"]),
        ("k", "12", 12),
        ("k", "", None),
        ("k", "2.5", "2.5"),
        ("k", "-1", "-1"),
        ("filter_seen", "False", False),
        ("filter_seen", "true", True),
        ("filter_seen", "", None),
        ("filter_seen", "no", "no"),
    ],
)
def test_a_cell_says_what_its_column_holds(column: str, text: str, value: Any) -> None:
    assert value_of(column, text) == value
    assert type(value_of(column, text)) is type(value)


def test_an_unknown_time_may_be_written_as_nan() -> None:
    first, second = value_of("times", "nan 5")
    assert math.isnan(first)
    assert second == 5.0

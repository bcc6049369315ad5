"""What is odd about the times of a log."""

import pytest

from recbole_poem.core.times import doubt


@pytest.mark.parametrize(
    ("first", "last", "unit", "words"),
    [
        (1.7e9, 1.8e9, "s", ""),
        (1.7e12, 1.8e12, "ms", ""),
        (0, 1.7e9, "s", ""),  # some are well
        (
            1.7e9, 1.8e9, "ms",
            "they lie before 1980, read as ms, and look like seconds; say time_unit: s",
        ),
        (
            1.7e12, 1.8e12, "s",
            "they lie after 2100, read as s, and look like milliseconds; say time_unit: ms",
        ),
        (
            1.7e15, 1.8e15, "s",
            "they lie after 2100, read as s, and look like microseconds; divide them by 1000 and "
            "say time_unit: ms",
        ),
        (
            0, 99, "s",
            "they lie before 1980, read as s; that is well if they number steps, and the hour "
            "means nothing",
        ),
        (5, 5, "s", "all rows have the same time, so their order is that of the file"),
    ],
)  # fmt: skip
def test_the_likely_unit_is_said(first: float, last: float, unit: str, words: str) -> None:
    assert doubt(first, last, unit) == words

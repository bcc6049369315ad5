"""How lengths of time are said."""

import pytest

from recbole_poem.core.times import span


@pytest.mark.parametrize(
    ("length", "unit", "words"),
    [
        (0, "s", "0.0 seconds"),
        (59.9, "s", "59.9 seconds"),
        (90, "s", "1.5 minutes"),
        (5_400_000, "ms", "1.5 hours"),
        (86_400 * 37, "s", "37.0 days"),
    ],
)
def test_a_length_is_said_in_the_largest_unit_that_it_reaches(length, unit, words):
    assert span(length, unit) == words

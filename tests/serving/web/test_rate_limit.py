"""The bucket of each caller."""

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.core.errors import InputError
from recbole_poem.serving.web.rate_limit import RateLimit


def test_a_burst_is_admitted_and_then_the_rate() -> None:
    now = [100.0]
    limit = RateLimit(rate=2, burst=3, clock=lambda: now[0])
    assert [limit.admits("a") for _ in range(5)] == [True, True, True, False, False]
    assert limit.admits("b")  # everybody has their own
    now[0] = 100.5
    assert [limit.admits("a") for _ in range(2)] == [True, False]
    now[0] = 200.0
    assert [limit.admits("a") for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.5, 5), st.integers(1, 5))
def test_no_more_than_the_burst_and_the_rate_are_admitted(
    pauses: List[float], rate: float, burst: int
) -> None:
    now = [0.0]
    limit = RateLimit(rate, burst, clock=lambda: now[0])
    admitted = []
    for pause in pauses:
        now[0] += pause
        if limit.admits("a"):
            admitted.append(now[0])
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - begin) + 1e-6


@pytest.mark.parametrize("bounds", [(0, 1), (1, 0)])
def test_bounds_are_above_0(bounds: "tuple[float, int]") -> None:
    with pytest.raises(InputError, match="expected a number above 0"):
        RateLimit(*bounds)

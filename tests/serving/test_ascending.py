"""Ascending arrays as sets: what numpy's own set functions say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.serving.ascending import is_in, summed

ITEMS = st.lists(st.integers(0, 9), max_size=12).map(lambda items: np.array(items, dtype=np.int64))


@given(ITEMS)
def test_the_values_of_an_item_are_summed(item: np.ndarray) -> None:
    value = np.arange(len(item)) + 0.5
    unique, place = np.unique(item, return_inverse=True)
    found, sums = summed(item, value)
    np.testing.assert_array_equal(found, unique)
    np.testing.assert_array_equal(sums, np.bincount(place, value, len(unique)))


@given(ITEMS, ITEMS)
def test_members_are_told(item: np.ndarray, some: np.ndarray) -> None:
    np.testing.assert_array_equal(is_in(item, np.sort(some)), np.isin(item, some))

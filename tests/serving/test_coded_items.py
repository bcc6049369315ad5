"""The coded catalogue: whatever the embeddings, the best items are in the list."""

from typing import Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recbole_poem.serving.coded_items import CodedItems

# 0, or what float32 holds the products of
NUMBER = st.floats(-1e3, 1e3, width=32).map(lambda x: x if abs(x) >= 2.0**-60 else 0.0)
NUMBER |= st.sampled_from([1.0, 2.0**-60])


@st.composite
def worlds(draw: st.DrawFn) -> Tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """Draw embeddings, a state, a number of items, and items that are not looked for."""
    n, d = draw(st.integers(1, 300)), draw(st.integers(1, 5))
    items = draw(arrays(np.float32, (n, d), elements=NUMBER))
    state = draw(arrays(np.float32, d, elements=NUMBER))
    without = draw(st.sets(st.integers(0, n - 1)))
    return items, state, draw(st.integers(1, 20)), np.array(sorted(without), dtype=np.int64)


@settings(max_examples=200)
@given(worlds())
def test_no_other_item_exceeds_the_limit_and_m_of_the_list_reach_it(
    world: Tuple[np.ndarray, np.ndarray, int, np.ndarray],
) -> None:
    items, state, m, without = world
    found, limit = CodedItems(items).find(state, m, without)
    others = np.setdiff1d(np.arange(len(items)), without)
    assert len(set(found)) == len(found)
    assert set(found) <= set(others)
    product = items.astype(float) @ state.astype(float)
    assert (product[np.setdiff1d(others, found)] <= limit).all()
    assert len(found) >= min(m, len(others))
    if len(found) < len(others):
        assert (product[found] >= limit).sum() >= m


@pytest.mark.parametrize("n", [1, 127, 128, 129, 20_000])
@pytest.mark.parametrize("m", [1, 50])
def test_the_list_of_a_usual_catalogue_is_short(n: int, m: int) -> None:
    rng = np.random.default_rng(n + m)
    items = rng.normal(size=(n, 16)).astype(np.float32)
    state = rng.normal(size=16).astype(np.float32)
    without = np.sort(rng.permutation(n)[: n // 10])
    found, _ = CodedItems(items).find(state, m, without)
    product = items @ state
    product[without] = -np.inf
    m = min(m, n - len(without))
    assert set(np.argsort(-product)[:m]) <= set(found)
    assert len(found) <= max(20, 2 * m) or n < 256


def test_all_items_may_be_barred() -> None:
    items = np.ones((130, 2), dtype=np.float32)
    found, limit = CodedItems(items).find(items[0], 3, np.arange(130))
    assert len(found) == 0
    assert limit == -np.inf

"""The choice of the candidates against sorting: exact, whatever the ties and the width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.scores.reciprocal_rank import rank_gains
from recbole_poem.retrieval.selection import best_fused, in_fused_order, largest


def slow_largest(row, n):
    """Sort a row: columns of its positive values, the largest first, then the lower column."""
    found = sorted(np.flatnonzero(row > 0), key=lambda column: (-row[column], column))[:n]
    return found + [0] * (n - len(found))


@settings(max_examples=150)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 9),
    width=st.integers(1, 90),
    levels=st.sampled_from([1, 3, 50, 10**6]),
    zeros=st.sampled_from([0.0, 0.5, 0.97, 1.0]),
)
def test_largest_equals_a_sort_with_ties_to_the_lower_column(seed, n, width, levels, zeros):
    rng = np.random.default_rng(seed)
    values = (rng.integers(1, levels + 1, (6, width)) / levels).astype(np.float32)
    values *= rng.random(values.shape) >= zeros
    column, value = largest(values, n)
    expected = [slow_largest(row, n) for row in values]
    assert column.tolist() == expected
    taken = np.take_along_axis(values, column, axis=1)
    np.testing.assert_array_equal(value, np.where(value > 0, taken, 0))
    assert ((value > 0).sum(axis=1) == np.minimum((values > 0).sum(axis=1), n)).all()


def test_the_smallest_and_the_largest_numbers_are_found():
    tiny, huge = np.nextafter(np.float32(0), np.float32(1)), np.finfo(np.float32).max
    values = np.zeros((1, 500), dtype=np.float32)
    values[0, [7, 300, 499]] = tiny, huge, 1
    column, value = largest(values, 4)
    assert column.tolist() == [[300, 499, 7, 0]]
    assert value.tolist() == [[huge, 1, tiny, 0]]


def test_no_row_and_no_value():
    assert [part.shape for part in largest(np.zeros((0, 5), np.float32), 3)] == [(0, 3), (0, 3)]
    assert not np.any(largest(np.zeros((2, 5), np.float32), 3))


@pytest.mark.parametrize("width", [6, 40])
def test_a_row_depends_on_no_other(width):
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 4, (3, 20, width)).astype(np.float32)
    scores[..., 0] = 0
    gains = rng.random((3, 5)).astype(np.float32)
    together = best_fused(scores, gains)
    for row in range(20):
        np.testing.assert_array_equal(best_fused(scores[:, row : row + 1], gains)[0], together[row])


@pytest.mark.parametrize("seed", range(20))
def test_best_fused_equals_a_loop_over_the_rankings(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (3, 4, 30)).astype(np.float32)
    scores[..., 0] = 0
    gains = np.float32([0.5, 0.3, 0.2])[:, None] * rank_gains(6, 1.0, 2.0)
    found = best_fused(scores, gains)
    for request in range(4):
        fused = np.zeros(30, dtype=np.float32)
        for m in range(3):
            for rank, column in enumerate(slow_largest(scores[m, request], 6)):
                fused[column] += gains[m, rank] * (column > 0)
        assert found[request].tolist() == slow_largest(fused, 6)


def test_in_fused_order_equals_a_loop_and_ties_keep_their_order():
    rng = np.random.default_rng(3)
    items = rng.permuted(np.tile(np.arange(1, 9), (20, 1)), axis=1) * (rng.random((20, 8)) < 0.8)
    scores = rng.integers(0, 4, (20, 8, 2)).astype(np.float32)
    weights = [0.7, 0.3]
    block = {"name": "reciprocal_rank", "weights": weights, "kappa": 1.0, "power": 2.0}
    fusion = SCORE_FUSIONS.choose(block, "score_fusion").make(2)
    found, kept = in_fused_order(items, scores, fusion, 5)
    for row in range(20):
        there = np.flatnonzero(items[row])
        fused = np.zeros(8)
        for m, weight in enumerate(weights):
            column = scores[row, there, m]
            ranks = np.array([1 + (column > value).sum() for value in column])
            share = (1.0 + ranks) ** -2.0
            fused[there] += weight * share / share.sum()
        order = sorted(there, key=lambda place: (-round(fused[place], 6), place))[:5]
        n = len(order)
        assert found[row, :n].tolist() == items[row, order].tolist()
        np.testing.assert_array_equal(kept[row, :n], scores[row, order])
        assert not found[row, n:].any() and not kept[row, n:].any()

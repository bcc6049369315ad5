"""The two ways of summing Swing: same bits, whatever the way, the cut, the order or the workers."""

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.graph import swing, swing_by_item, swing_by_user
from recbole_poem.graph.swing_terms import terms_of
from recbole_poem.graph.top_k import keep_largest

WAYS = [swing_by_user.swing_by_user, swing_by_item.swing_by_item]


def log_matrix(seed, n_users=60, n_items=30, density=0.2):
    rng = np.random.default_rng(seed)
    popularity = density * 2 * rng.random(n_items)
    return sp.csr_matrix((rng.random((n_users, n_items)) < popularity).astype(np.float32))


def assert_same_bits(one, other):
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def backwards(function, tasks):
    return reversed([function(task) for task in reversed(tasks)])


def through_pickle(function, tasks):
    function, tasks = pickle.loads(pickle.dumps((function, tasks)))
    return [pickle.loads(pickle.dumps(function(task))) for task in tasks]


@pytest.fixture(params=WAYS, ids=["by_user", "by_item"])
def way(request):
    return request.param


@pytest.fixture
def small_tiles(monkeypatch):
    """Let a toy log pass through several chunks, blocks, batches and parts."""
    monkeypatch.setattr(swing_by_user, "CHUNK_USERS", 7)
    monkeypatch.setattr(swing_by_user, "BLOCK_ROWS", 3)
    monkeypatch.setattr(swing_by_user, "LEAST_WORK", 1)
    monkeypatch.setattr(swing_by_item, "BATCH_ENTRIES", 40)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_users=st.integers(2, 40),
    n_items=st.integers(2, 30),
    density=st.floats(0.05, 0.5),
    alpha=st.sampled_from([0.0, 0.5, 1.0, 1e300]),
    top_k=st.sampled_from([None, 1, 3, 100]),
)
def test_both_ways_agree_to_the_bit(seed, n_users, n_items, density, alpha, top_k):
    terms, items = terms_of(log_matrix(seed, n_users, n_items, density), alpha)
    if len(items) == 0:
        return
    by_user, by_item = (way(terms, top_k, 2**20, map) for way in WAYS)
    assert_same_bits(by_user, by_item)
    assert by_user.dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), tile_entries=st.sampled_from([1, 2**20]))
def test_relabelled_users_and_items_change_no_bit(seed, tile_entries):
    consumed = log_matrix(seed)
    rng = np.random.default_rng(seed)
    users, items = rng.permutation(60), rng.permutation(30)
    expected = swing(consumed, top_k=30, tile_entries=tile_entries).toarray()
    result = swing(consumed[users][:, items], top_k=30, tile_entries=tile_entries).toarray()
    np.testing.assert_array_equal(result, expected[np.ix_(items, items)])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), density=st.floats(0.02, 0.6))
def test_all_similarities_are_symmetric_to_the_bit(seed, density):
    result = swing(log_matrix(seed, density=density))
    assert_same_bits(result, result.T.tocsr())


@pytest.mark.parametrize("tile_entries", [1, 33, 200, 2**20])
def test_no_cut_changes_a_bit(way, small_tiles, tile_entries):
    terms, _ = terms_of(log_matrix(1), 1.0)
    expected = swing_by_user.swing_by_user(terms, 5, 2**20, map)
    assert_same_bits(way(terms, 5, tile_entries, map), expected)


@pytest.mark.parametrize("parallel_map", [backwards, through_pickle])
@pytest.mark.parametrize("top_k", [None, 4])
def test_no_order_and_no_transport_changes_a_bit(way, small_tiles, parallel_map, top_k):
    terms, _ = terms_of(log_matrix(2), 1.0)
    expected = way(terms, top_k, 100, map)
    assert_same_bits(way(terms, top_k, 100, parallel_map), expected)


@pytest.mark.parametrize("tile_entries", [1, 2**20])
def test_two_threads_and_two_processes_give_the_bits_of_one(tile_entries):
    consumed = log_matrix(3, 200, 50)
    arguments = {"top_k": 10, "tile_entries": tile_entries}
    expected = swing(consumed, **arguments)
    with ThreadPoolExecutor(2) as threads:
        assert_same_bits(swing(consumed, parallel_map=threads.map, **arguments), expected)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert_same_bits(swing(consumed, parallel_map=processes.map, **arguments), expected)


@pytest.mark.parametrize("tile_entries", [1, 2**20])
def test_top_k_is_the_head_of_the_full_rows_and_lower_items_win_ties(tile_entries):
    # Two users who consumed all items: every similarity is the same.
    tied = swing(sp.csr_matrix(np.ones((2, 6))), top_k=2, tile_entries=tile_entries)
    assert tied.indices.reshape(6, 2).tolist() == [[1, 2], [0, 2], *[[0, 1]] * 4]

    consumed = log_matrix(4)
    full = swing(consumed).toarray()
    order = np.argsort(-full, axis=1, kind="stable")[:, :5]
    expected = np.zeros_like(full)
    np.put_along_axis(expected, order, np.take_along_axis(full, order, axis=1), axis=1)
    result = swing(consumed, top_k=5, tile_entries=tile_entries)
    np.testing.assert_array_equal(result.toarray(), expected)
    assert (result.data > 0).all()
    assert result.has_sorted_indices


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), top_k=st.integers(1, 8))
def test_keep_largest(seed, top_k):
    rng = np.random.default_rng(seed)
    dense = rng.choice([0, 0, 1e-30, 0.5, 1.5, 2e30], (6, 9)).astype(np.float32)
    result = keep_largest(sp.csr_matrix(dense), top_k)
    for row, values in enumerate(dense):
        best = sorted(np.flatnonzero(values), key=lambda column: (-values[column], column))
        assert result[row].indices.tolist() == sorted(best[:top_k])
        np.testing.assert_array_equal(result[row].data, values[result[row].indices])


def test_the_rounding_of_the_terms_is_far_below_float32():
    consumed = log_matrix(5, 400, 60, 0.3)
    terms, items = terms_of(consumed, 1.0)
    dense = terms.consumed.toarray().astype(np.float64)
    weights = np.outer(terms.weight, terms.weight) / (1 + dense @ dense.T)
    np.fill_diagonal(weights, 0)
    parts = swing_by_user.parts_of(np.diff(terms.consumed.indptr), len(items), 2**20)
    units = sum(swing_by_user.upper_sum(terms, part) for part in parts)
    for i in range(len(items)):
        column = dense * dense[:, i : i + 1]
        expected = (column * (weights @ column)).sum(axis=0)[i + 1 :] / 2
        np.testing.assert_allclose(units[i, i + 1 :] * terms.unit, expected, rtol=1e-10)


def test_partial_sums_stay_within_the_bits_that_hold_them():
    # All users consumed the same two items: the largest sum that these weights allow.
    terms, _ = terms_of(sp.csr_matrix(np.ones((1000, 2))), 0.0)
    units = sum(
        swing_by_user.upper_sum(terms, part)
        for part in swing_by_user.parts_of(np.full(1000, 2), 2, 2**20)
    )
    assert units[0, 1] * terms.unit == pytest.approx(1000 * 999 / 2 / 2 / 2)
    one_user = terms.weigh(terms.weight[0], terms.weight[1:], np.full(999, 1.0)).sum()
    assert one_user < 2**53


@pytest.mark.parametrize("tile_entries", [1, 50, 2**20])
def test_every_pair_of_users_is_in_exactly_one_part(tile_entries):
    sizes = np.sort(np.random.default_rng(0).integers(2, 30, 53))
    seen = np.zeros((53, 53), dtype=int)
    for part in swing_by_user.parts_of(sizes, 30, tile_entries):
        for user in range(*part.users):
            first, last = part.partners
            seen[user, max(first, user + 1) : last] += 1
    np.testing.assert_array_equal(seen, np.triu(np.ones((53, 53), dtype=int), k=1))


def test_the_cheaper_way_is_the_dense_one_for_dense_logs_only():
    dense, _ = terms_of(log_matrix(6, 500, 100, 0.3), 1.0)
    sparse, _ = terms_of(log_matrix(6, 5000, 500, 0.002), 1.0)
    assert swing_by_user.cost_by_user(dense) < swing_by_item.cost_by_item(dense)
    assert swing_by_user.cost_by_user(sparse) > swing_by_item.cost_by_item(sparse)

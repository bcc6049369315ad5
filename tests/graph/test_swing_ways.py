"""The two ways of summing Swing: same bits, whatever the way, the cut, the order or the workers."""

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.graph import swing, swing_by_item, swing_by_user
from recbole_poem.graph.compiled import compiled
from recbole_poem.graph.swing_terms import terms_of, weigh
from recbole_poem.graph.top_k import LAST, LOW, keep_largest, rows_from_keys

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


def rows_by(way, terms_and_items, top_k, tile_entries, run):
    terms, items = terms_and_items
    return way(terms, np.argsort(items), top_k or len(items), tile_entries, run)


@pytest.fixture(params=WAYS, ids=["by_user", "by_item"])
def way(request):
    return request.param


@pytest.fixture
def many_parts(monkeypatch):
    """Let a toy log pass through many parts."""
    monkeypatch.setattr(swing_by_user, "FEWEST_PARTS", 20)


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
    prepared = terms_of(log_matrix(seed, n_users, n_items, density), alpha)
    if len(prepared[1]) == 0:
        return
    by_user, by_item = (rows_by(way, prepared, top_k, 2**20, map) for way in WAYS)
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
def test_no_cut_changes_a_bit(way, many_parts, tile_entries):
    prepared = terms_of(log_matrix(1), 1.0)
    expected = rows_by(swing_by_user.swing_by_user, prepared, 5, 2**20, map)
    assert_same_bits(rows_by(way, prepared, 5, tile_entries, map), expected)


@pytest.mark.parametrize("parallel_map", [backwards, through_pickle])
@pytest.mark.parametrize("top_k", [None, 4])
def test_no_order_and_no_transport_changes_a_bit(way, many_parts, parallel_map, top_k):
    prepared = terms_of(log_matrix(2), 1.0)
    expected = rows_by(way, prepared, top_k, 100, map)
    assert_same_bits(rows_by(way, prepared, top_k, 100, parallel_map), expected)


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
@given(seed=st.integers(0, 2**31), top_k=st.integers(1, 12))
def test_keep_largest(seed, top_k):
    rng = np.random.default_rng(seed)
    values = rng.choice([0, 1e-30, 0.5, 1.5, 2e30], 9).astype(np.float32)
    columns = rng.permutation(20)[:9].astype(np.uint32)
    kept = np.empty(top_k, np.uint64)
    size = keep_largest(values, columns, np.uint64(8), kept)  # the ninth does not count
    row = rows_from_keys(kept[:size], np.array([size]), 20)
    best = sorted(np.flatnonzero(values[:8]), key=lambda entry: (-values[entry], columns[entry]))
    expected = sorted(best[:top_k], key=lambda entry: columns[entry])
    assert row.indices.tolist() == columns[expected].tolist()
    np.testing.assert_array_equal(row.data, values[expected])


def test_the_order_of_the_keys_is_that_of_values_then_of_lower_columns():
    values, columns = np.array([2, 1, 2, 3e-39], np.float32), np.array([7, 0, 3, 2], np.uint32)
    keys = np.empty(4, np.uint64)
    assert keep_largest(values, columns, np.uint64(4), keys) == 4
    assert (LAST - (np.sort(keys)[::-1] & LAST)).tolist() == [3, 7, 0, 2]
    assert (np.sort(keys) >> LOW).astype(np.uint32).view(np.float32)[-1] == 2


def dense_of(terms):
    """Return 1 for every user and item of the terms, by user and by item."""
    n_users, n_items = len(terms.weight), len(terms.user_starts) - 1
    by_user = sp.csr_matrix((np.ones(len(terms.items)), terms.items, terms.item_starts))
    by_item = sp.csr_matrix((np.ones(len(terms.users)), terms.users, terms.user_starts))
    assert by_user.shape == by_item.shape[::-1] == (n_users, n_items)
    np.testing.assert_array_equal(by_user.toarray(), by_item.toarray().T)
    return by_user.toarray()


def test_the_rounding_of_the_terms_is_far_below_float32():
    terms, items = terms_of(log_matrix(5, 400, 60, 0.3), 1.0)
    dense = dense_of(terms)
    weights = np.outer(terms.weight, terms.weight) / (1 + dense @ dense.T)
    np.fill_diagonal(weights, 0)
    units = sum(swing_by_user.upper_sum(terms, part) for part in swing_by_user.parts_of(terms))
    assert not np.tril(units).any()
    for i in range(len(items)):
        column = dense * dense[:, i : i + 1]
        expected = (column * (weights @ column)).sum(axis=0)[i + 1 :] / 2
        np.testing.assert_allclose(units[i, i + 1 :] * terms.unit, expected, rtol=1e-10)


def test_partial_sums_stay_within_the_bits_that_hold_them():
    # All users consumed the same two items: the largest sum that these weights allow.
    terms, _ = terms_of(sp.csr_matrix(np.ones((1000, 2))), 0.0)
    units = sum(swing_by_user.upper_sum(terms, part) for part in swing_by_user.parts_of(terms))
    assert units[0, 1] * terms.unit == pytest.approx(1000 * 999 / 2 / 2 / 2)
    one_user = sum(weigh(terms, 0, other, 1) for other in range(1, 1000))
    assert one_user == round(one_user)
    assert 2**40 < one_user < 2**53


@pytest.mark.parametrize(("fewest", "ample"), [(2, 64), (20, 64), (2, 0.01)])
def test_every_user_is_in_exactly_one_part(monkeypatch, fewest, ample):
    monkeypatch.setattr(swing_by_user, "FEWEST_PARTS", fewest)
    monkeypatch.setattr(swing_by_user, "AMPLE_WORK", ample)
    terms, _ = terms_of(log_matrix(6, 300), 1.0)
    parts = swing_by_user.parts_of(terms)
    assert fewest - 1 <= len(parts) <= 64
    users = [user for part in parts for user in range(*part)]
    assert users == list(range(len(terms.weight)))


def test_users_of_few_items_and_items_of_many_users_come_first():
    consumed = log_matrix(7, 100, 40, 0.1)
    terms, items = terms_of(consumed, 1.0)
    dense = dense_of(terms)
    known = consumed.toarray()[consumed.sum(axis=1).A1 >= 2]
    assert (np.diff(1 / terms.weight) >= 0).all()
    assert (np.diff(dense.sum(axis=0)) <= 0).all()
    np.testing.assert_array_equal(dense.sum(axis=0), known.sum(axis=0)[items])
    assert sorted(items) == np.flatnonzero(known.sum(axis=0) >= 2).tolist()


def test_code_that_cannot_be_kept_is_compiled_all_the_same():
    scope = {}
    exec("def twice(number):\n    return 2 * number", scope)  # from no file
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(scope["twice"])
    twice = compiled(scope["twice"])
    assert twice(21) == 42
    assert twice.signatures

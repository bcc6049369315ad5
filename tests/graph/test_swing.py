"""Swing against a slow reference, its invariances, and the graph made of it."""

import importlib.util
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.graph import item_graph, swing

N_USERS, N_ITEMS = 7, 6

logs = st.lists(st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1)), min_size=1)
alphas = st.sampled_from([0.0, 0.5, 1.0, 10.0])


def matrix(log, shape=(N_USERS, N_ITEMS)):
    """CSR of (user, item) events that keeps repetitions as separate entries."""
    log = sorted(log)
    users = np.array([user for user, _ in log], dtype=np.int64)
    indptr = np.searchsorted(users, np.arange(shape[0] + 1))
    items = np.array([item for _, item in log], dtype=np.int32)
    return sp.csr_matrix((np.full(len(log), 3.0), items, indptr), shape=shape)


def slow_swing(log, alpha=1.0, n_items=N_ITEMS):
    """Loop over the pairs of users, then over their pairs of items: the equation as written."""
    consumed = {}
    for user, item in log:
        consumed.setdefault(user, set()).add(item)
    result = np.zeros((n_items, n_items))
    for u, v in combinations(sorted(consumed), 2):
        common = consumed[u] & consumed[v]
        weight = (len(consumed[u]) * len(consumed[v])) ** -0.5
        for i in common:
            for j in common - {i}:
                result[i, j] += weight / (alpha + len(common))
    return result


def random_log(seed, n_users=40, n_items=25, density=0.3):
    rng = np.random.default_rng(seed)
    return np.argwhere(rng.random((n_users, n_items)) < density).tolist()


@settings(max_examples=60, deadline=None)
@given(log=logs, alpha=alphas, tile_entries=st.sampled_from([1, 8, 2**24]))
def test_equals_the_equation(log, alpha, tile_entries):
    result = swing(matrix(log), alpha=alpha, tile_entries=tile_entries, top_k=N_ITEMS)
    np.testing.assert_allclose(result.toarray(), slow_swing(log, alpha), rtol=1e-5, atol=0)


def test_three_users_by_hand():
    # 0: {1, 2, 3}, 1: {1, 2}, 2: {1, 2, 3}. Swings of (1, 2): users 01 and 12 with two common
    # items, 02 with three; of (1, 3) and (2, 3): 02 alone.
    log = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]
    result = swing(matrix(log, (3, 4)), alpha=1.0).toarray()
    pair = 2 / (6**0.5 * 3) + 1 / (3 * 4)
    single = 1 / (3 * 4)
    expected = [[0, 0, 0, 0], [0, 0, pair, single], [0, pair, 0, single], [0, single, single, 0]]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("tile_entries", [1, 100, 2**24])
def test_larger_log_is_exact_symmetric_and_without_diagonal(tile_entries):
    log = random_log(0)
    result = swing(matrix(log, (40, 25)), tile_entries=tile_entries, top_k=25)
    assert result.dtype == np.float32
    assert (result != result.T).nnz == 0
    assert (result.data > 0).all()
    assert not result.diagonal().any()
    np.testing.assert_allclose(result.toarray(), slow_swing(log, n_items=25), rtol=1e-5)


def test_values_and_order_of_the_input_do_not_count():
    consumed = matrix(random_log(1), (40, 25)).toarray()
    expected = swing(sp.csr_matrix(consumed)).toarray()
    rng = np.random.default_rng(2)
    users, items = rng.permutation(40), rng.permutation(25)
    given_matrix = sp.csr_matrix(-7 * consumed[users][:, items])
    result = swing(given_matrix).toarray()
    np.testing.assert_allclose(result, expected[np.ix_(items, items)], rtol=1e-5)
    assert (given_matrix.data == -21).all(), "the caller's matrix was changed"


def test_stored_zeros_are_not_interactions_and_opposite_duplicates_are():
    indptr, items = [0, 3, 6], [0, 1, 1, 0, 1, 2]
    consumed = sp.csr_matrix(([1, 1, -1, 1, 1, 0.0], items, indptr), shape=(2, 3))
    expected = slow_swing([(0, 0), (0, 1), (1, 0), (1, 1)], n_items=3)
    np.testing.assert_allclose(swing(consumed).toarray(), expected, rtol=1e-6)


def test_item_cap_is_the_exact_swing_of_a_uniform_sample():
    both_read_all = sp.csr_matrix(np.ones((2, 12)))
    ever_kept = set()
    for seed in range(20):
        result = swing(both_read_all, max_items_per_user=5, seed=seed)
        again = swing(both_read_all, max_items_per_user=5, seed=seed)
        assert (result != again).nnz == 0
        n_common = len(set(result.indices))
        assert 0 <= n_common <= 5
        assert result.nnz == n_common * (n_common - 1)
        np.testing.assert_allclose(result.data, 1 / 5 / (1 + n_common), rtol=1e-6)
        ever_kept |= set(result.indices)
    assert ever_kept == set(range(12))


def test_user_cap_bounds_the_swings_of_a_pair():
    all_read_both = sp.csr_matrix(np.ones((12, 2)))
    seen = set()
    for seed in range(60):
        result = swing(all_read_both, max_users_per_item=3, seed=seed)
        # k of the 3 + 3 sampled users are the same: k (k - 1) / 2 swings of 1/2 / (1 + 2).
        n_swings = result[0, 1] * 6
        assert n_swings == pytest.approx(round(n_swings), abs=1e-5)
        seen.add(round(n_swings))
    assert seen <= {0, 1, 3}
    assert 1 in seen


def test_caps_above_every_count_change_nothing():
    consumed = matrix(random_log(3), (40, 25))
    exact = swing(consumed)
    capped = swing(consumed, max_users_per_item=40, max_items_per_user=25, seed=9)
    assert (exact != capped).nnz == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"alpha": -0.1}, "alpha must be a finite number >= 0"),
        ({"alpha": float("nan")}, "alpha must be a finite number >= 0"),
        ({"max_users_per_item": 0}, "max_users_per_item must be at least 1"),
        ({"max_items_per_user": 0}, "max_items_per_user must be at least 1"),
        ({"tile_entries": 0}, "tile_entries must be at least 1"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"tile_entries": N_ITEMS**2 - 1}, "6 items exceed tile_entries .35.: give top_k"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        swing(matrix([(0, 1)]), **arguments)


def test_an_empty_matrix_is_an_error_and_one_without_pairs_is_not():
    with pytest.raises(ValueError, match="holds no interaction"):
        swing(sp.csr_matrix((4, 5)))
    lonely = swing(matrix([(0, 1), (1, 1), (2, 3)]))
    assert lonely.shape == (N_ITEMS, N_ITEMS)
    assert lonely.nnz == 0


def test_progress_bar_only_on_demand(capsys):
    swing(matrix(random_log(4), (40, 25)))
    assert capsys.readouterr().err == ""
    swing(matrix(random_log(4), (40, 25)), show_progress=True)
    assert "swing" in capsys.readouterr().err  # it goes when it is done


def distinct_similarity(seed, n_items=30, density=0.5):
    """Symmetric, zero diagonal, empty padding row, no two pairs alike."""
    rng = np.random.default_rng(seed)
    values = np.triu(rng.random((n_items, n_items)) * (rng.random((n_items,) * 2) < density), k=1)
    values[0] = 0
    return (values + values.T).astype(np.float32)


@pytest.mark.parametrize("top_k", [1, 4, 100])
def test_graph_keeps_exactly_the_top_k(top_k):
    similarity = distinct_similarity(5)
    graph = item_graph(sp.csr_matrix(similarity), top_k)
    source, target = (ids.numpy() for ids in graph.edges())
    edges = dict(zip(zip(source.tolist(), target.tolist()), graph.edata["similarity"].tolist()))
    expected = {}
    for i, row in enumerate(similarity):
        best = sorted(np.flatnonzero(row), key=lambda j: -row[j])[:top_k]
        expected.update({(int(j), i): float(row[j]) for j in best})
    assert edges == expected
    assert graph.num_nodes() == 30
    assert len(source) == len(expected), "parallel edges"


def test_graph_drops_self_loops_and_stored_zeros():
    stored_zero = sp.csr_matrix(([2.0, 1.0, 0.0], ([1, 1, 2], [1, 2, 1])), shape=(3, 3))
    graph = item_graph(stored_zero, top_k=2)
    assert [ids.tolist() for ids in graph.edges()] == [[2], [1]]


@pytest.mark.parametrize(
    ("similarity", "top_k", "words"),
    [
        (np.eye(3)[[1, 0, 2]], 2, "padding"),
        (np.ones((3, 4)), 2, "square"),
        (-distinct_similarity(6), 2, "not negative"),
        (np.full((3, 3), np.nan), 2, "finite"),
        (distinct_similarity(6), 0, "top_k must be at least 1"),
    ],
)
def test_graph_refuses_what_it_cannot_hold(similarity, top_k, words):
    with pytest.raises(ValueError, match=words):
        item_graph(sp.csr_matrix(similarity), top_k)


def test_without_dgl_the_install_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dgl", None)
    path = Path(swing.__code__.co_filename)
    spec = importlib.util.spec_from_file_location("swing_without_dgl", path)
    with pytest.raises(ImportError, match=r"pip install dgl==1\.1\.3 packaging"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

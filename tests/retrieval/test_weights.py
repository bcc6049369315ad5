"""Similarities from counts: the normalisation's formula, the regression's, and what is kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from toy_components import counts_of, pairs_of, similarity_of
from toy_logs import log_of, random_log

from recbole_poem.core.errors import InputError
from recbole_poem.retrieval import weights
from recbole_poem.retrieval.weights import keep_largest, normalise, regression


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shrinkage=st.sampled_from([0.0, 1.0, 10.0]),
    top_k=st.integers(1, 8),
)
@pytest.mark.parametrize("name", ["cosine", "transition"])
def test_similarity_equals_the_dense_formula_row_by_row(name, seed, shrinkage, top_k):
    log = random_log(seed, n_users=8, n_items=8)
    parameters = {} if name == "cosine" else {"steps": 2, "discount": 0.5, "within": None}
    counts = counts_of(similarity_of(name, **parameters), log, np.arange(len(log)))
    n, d, e = counts.pairs.toarray(), counts.source, counts.target
    expected = np.zeros(n.shape, dtype=np.float32)
    for j in range(log.n_items):
        others = [c for c in range(log.n_items) if c != j and n[j, c] > 0]
        values = {c: np.float32(n[j, c] / (np.sqrt(d[j] * e[c]) + shrinkage)) for c in others}
        for c in sorted(others, key=lambda c, values=values: (-values[c], c))[:top_k]:
            expected[j, c] = values[c]
    found = normalise(counts, top_k, shrinkage)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.toarray(), expected)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), top_k=st.integers(1, 7))
def test_keep_largest_keeps_the_lower_column_of_a_tie(seed, top_k):
    dense = np.random.default_rng(seed).integers(0, 4, (5, 6)).astype(float)
    expected = np.zeros_like(dense)
    for row, values in enumerate(dense):
        for column in sorted(np.flatnonzero(values), key=lambda c, v=values: (-v[c], c))[:top_k]:
            expected[row, column] = values[column]
    matrix = sparse.csr_matrix(dense)
    backwards = [np.arange(b, e)[::-1] for b, e in zip(matrix.indptr, matrix.indptr[1:])]
    order = np.concatenate(backwards)  # columns may be stored in any order
    matrix = sparse.csr_matrix((matrix.data[order], matrix.indices[order], matrix.indptr), (5, 6))
    np.testing.assert_array_equal(keep_largest(matrix, top_k).toarray(), expected)


def consumed(log):
    """Return the users' items, (n_users, n_items) of 0 and 1."""
    matrix = np.zeros((log.n_users, log.n_items))
    matrix[log.user, log.item] = 1
    return matrix


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), ridge=st.sampled_from([0.5, 3.0, 200.0]))
def test_regression_predicts_each_item_from_the_others(seed, ridge):
    log = random_log(seed, n_users=9, n_items=7)
    counts = counts_of(similarity_of("ease"), log, np.arange(len(log)))
    found = regression(counts, top_k=99, ridge=ridge).toarray()

    users = consumed(log)
    for item in range(log.n_items):
        others = np.delete(np.arange(log.n_items), item)
        inputs = users[:, others]
        gram = inputs.T @ inputs + ridge * np.eye(len(others))
        expected = np.linalg.solve(gram, inputs.T @ users[:, item])
        np.testing.assert_allclose(
            found[others, item], np.where(expected > 1e-6, expected, 0), atol=1e-6
        )
    assert not found.diagonal().any()


def test_regression_explains_away_what_a_third_item_brings():
    # half of the users have item 1, and with it, each on its own, items 2 and 3
    draw = np.random.default_rng(0).random((400, 3)) < [0.5, 0.7, 0.7]
    users = [[1] + [item for item in (2, 3) if row[item - 1]] for row in draw if row[0]]
    log = log_of(users + [[4]] * 200, n_items=5)
    counts = counts_of(similarity_of("ease"), log, np.arange(len(log)))
    by_regression = regression(counts, top_k=4, ridge=1.0).toarray()
    by_cosine = normalise(counts, 4, 0.0).toarray()
    assert by_cosine[2, 3] > 0.8 * by_cosine[2, 1]
    assert by_regression[2, 3] < 0.2 * by_regression[2, 1]


def test_regression_keeps_the_largest_of_each_row():
    log = random_log(3, n_users=30, n_items=12)
    counts = counts_of(similarity_of("ease"), log, np.arange(len(log)))
    whole, kept = (regression(counts, top_k, 2.0).toarray() for top_k in (99, 3))
    for row, few in zip(whole, kept):
        assert sorted(few[few > 0]) == sorted(row[row > 0])[-3:]


def test_a_large_catalogue_is_refused_by_a_regression(monkeypatch):
    monkeypatch.setattr(weights, "_DENSE_ITEMS", 5)
    log = random_log(0, n_users=5, n_items=7)
    with pytest.raises(InputError, match=r"'ease' inverts .* 5 items at most, not 7; use 'cosine'"):
        pairs_of(similarity_of("ease"), log, np.arange(len(log)))

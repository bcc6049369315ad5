"""Every count against a loop over pairs of rows; counts that add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from toy_components import similarity_of
from toy_logs import log_of, random_log

from recbole_poem.retrieval.weights import normalise

SETTINGS = [
    ("cosine", {}),
    ("transition", {"steps": 1, "discount": 0.9, "within": None}),
    ("transition", {"steps": 4, "discount": 0.7, "within": None}),
    ("transition", {"steps": 4, "discount": 0.7, "within": 6}),
    ("session", {"steps": 3, "discount": 1.0, "within": None}),
    ("session", {"steps": 30, "discount": 0.8, "within": 0}),
]


def slow_cosine(log, rows):
    """Count the users of both items, for every pair."""
    pairs = np.zeros((log.n_items, log.n_items))
    for user in range(log.n_users):
        items = {log.item[row] for row in rows if log.user[row] == user}
        for j in items:
            for c in items:
                pairs[j, c] += 1
    return pairs, pairs.diagonal(), pairs.diagonal()


def slow_transition(log, rows, steps, discount, within):
    """Walk over all pairs of rows of evidence of a user."""
    pairs = np.zeros((log.n_items, log.n_items))
    for user in range(log.n_users):
        own = [row for row in rows if log.user[row] == user]
        for a, earlier in enumerate(own):
            for distance, later in enumerate(own[a + 1 : a + 1 + steps], start=1):
                if within is None or log.time[later] - log.time[earlier] <= within:
                    pairs[log.item[earlier], log.item[later]] += discount ** (distance - 1)
    return pairs, pairs.sum(axis=1), pairs.sum(axis=0)


def slow_session(log, rows, **parameters):
    forward, *_ = slow_transition(log, rows, **parameters)
    pairs = forward + forward.T
    return pairs, pairs.sum(axis=1), pairs.sum(axis=0)


SLOW = {"cosine": slow_cosine, "transition": slow_transition, "session": slow_session}


def evidence(log, seed):
    return np.flatnonzero(np.random.default_rng(seed).random(len(log)) < 0.8)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_counts_equal_a_loop_over_pairs_of_rows(name, parameters, seed):
    log = random_log(seed, n_users=6, n_items=7)
    rows = evidence(log, seed)
    counts = similarity_of(name, **parameters).count(log, rows)
    pairs, source, target = SLOW[name](log, rows, **parameters)
    np.testing.assert_allclose(counts.pairs.toarray(), pairs)
    np.testing.assert_allclose(counts.source, source)
    np.testing.assert_allclose(counts.target, target)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_counts_without_some_users_are_those_of_the_others(name, parameters, seed):
    log = random_log(seed, n_users=9, n_items=8)
    rows = evidence(log, seed)
    in_part = np.random.default_rng(seed + 1).random(log.n_users)[log.user[rows]] < 0.4
    count = similarity_of(name, **parameters).count

    found = count(log, rows).without(count(log, rows[in_part]))
    expected = count(log, rows[~in_part])

    for one, other in zip(found, expected):
        dense = [x.toarray() if sparse.issparse(x) else x for x in (one, other)]
        np.testing.assert_allclose(*dense, atol=1e-9)
    similarity, direct = (normalise(counts, 99, 2.0) for counts in (found, expected))
    np.testing.assert_allclose(similarity.toarray(), direct.toarray(), rtol=1e-5)
    # pairs that only the part has leave nothing behind
    assert ((similarity.toarray() > 0) == (direct.toarray() > 0)).all()


def test_nobody_is_evidence():
    log = random_log(0)
    for name, parameters in SETTINGS:
        counts = similarity_of(name, **parameters).count(log, np.zeros(0, dtype=np.int64))
        assert normalise(counts, 5, 0.0).nnz == 0


def test_cosine_by_hand():
    # item 1: users 1, 2, 3; item 2: users 1, 2; item 3: users 3, 4, 4 again
    log = log_of([[1, 2], [2, 1], [1, 3], [3, 3]], n_items=4)
    counts = similarity_of("cosine").count(log, np.arange(len(log)))
    similarity = normalise(counts, shrinkage=0.0, top_k=3).toarray()
    expected = np.zeros((4, 4))
    expected[1, 2] = expected[2, 1] = 2 / 6**0.5
    expected[1, 3] = expected[3, 1] = 1 / 6**0.5
    np.testing.assert_allclose(similarity, expected, rtol=1e-6)

"""Every count against a loop over pairs of rows; counts that add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from toy_components import counts_of, pairs_of, similarity_of
from toy_logs import log_of, random_log

from recbole_poem.retrieval.counts import Counts
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
    counts = counts_of(similarity_of(name, **parameters), log, rows)
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
    similarity = similarity_of(name, **parameters)
    everyone, part, expected = (
        counts_of(similarity, log, some) for some in (rows, rows[in_part], rows[~in_part])
    )
    found = Counts(*(one - other for one, other in zip(everyone[:3], part[:3])))

    for one, other in zip(found[:3], expected[:3]):
        dense = [x.toarray() if sparse.issparse(x) else x for x in (one, other)]
        np.testing.assert_allclose(*dense, atol=1e-9)
    less, direct = (normalise(counts, 99, 2.0).toarray() for counts in (found, expected))
    np.testing.assert_allclose(less, direct, rtol=1e-5)
    # pairs that only the part has leave nothing behind
    assert ((less > 0) == (direct > 0)).all()


def test_nobody_is_evidence():
    log = random_log(0)
    for name, parameters in SETTINGS:
        counts = counts_of(similarity_of(name, **parameters), log, np.zeros(0, dtype=np.int64))
        assert normalise(counts, 5, 0.0).nnz == 0


def test_cosine_by_hand():
    # item 1: users 1, 2, 3; item 2: users 1, 2; item 3: users 3, 4, 4 again
    log = log_of([[1, 2], [2, 1], [1, 3], [3, 3]], n_items=4)
    counts = counts_of(similarity_of("cosine"), log, np.arange(len(log)))
    similarity = normalise(counts, shrinkage=0.0, top_k=3).toarray()
    expected = np.zeros((4, 4))
    expected[1, 2] = expected[2, 1] = 2 / 6**0.5
    expected[1, 3] = expected[3, 1] = 1 / 6**0.5
    np.testing.assert_allclose(similarity, expected, rtol=1e-6)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), step=st.integers(1, 7))
@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_tiles_put_together_are_the_whole_to_the_bit(name, parameters, seed, step):
    log = random_log(seed, n_users=9, n_items=12, longest=30)
    pairs = pairs_of(similarity_of(name, **parameters), log, evidence(log, seed))
    whole = range(log.n_items)
    tiles = [range(begin, min(begin + step, log.n_items)) for begin in whole[::step]]
    rows = sparse.vstack([pairs.of(tile) for tile in tiles]).toarray()
    np.testing.assert_array_equal(rows, pairs.of(whole).toarray())
    sums = [np.concatenate(side) for side in zip(*(pairs.sums(tile) for tile in tiles))]
    for one, other in zip(sums, pairs.sums(whole)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_sums_are_those_of_rows_and_columns_to_the_bit(name, parameters):
    log = random_log(3, n_users=30, n_items=12, longest=60)
    pairs = pairs_of(similarity_of(name, **parameters), log, evidence(log, 3))
    counts = pairs.of(range(log.n_items))
    expected = [np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0)]
    if name == "cosine":
        expected = [counts.diagonal()] * 2
    for one, other in zip(pairs.sums(range(log.n_items)), expected):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_work_is_the_pairs_of_rows_that_there_can_be(name, parameters):
    log = random_log(5, n_users=9, n_items=12, longest=30)
    rows = evidence(log, 5)
    pairs = pairs_of(similarity_of(name, **parameters), log, rows)
    formed = SLOW_WORK[name](log, rows, parameters.get("steps"))
    np.testing.assert_array_equal(pairs.work, formed)
    found = np.diff(pairs.of(range(log.n_items)).indptr)
    assert (found <= pairs.work).all()
    assert found.sum() > 0


def work_of_users(log, rows, _):
    """Count what each user's items are multiplied with."""
    work = np.zeros(log.n_items, dtype=int)
    for user in range(log.n_users):
        items = {log.item[row] for row in rows if log.user[row] == user}
        for item in items:
            work[item] += len(items)
    return work


def work_of_rows(ways):
    """Count the rows of the same user up to some steps away, whatever the time between."""

    def work(log, rows, steps):
        found = np.zeros(log.n_items, dtype=int)
        for a, one in enumerate(rows):
            for b, other in enumerate(rows):
                near = (b - a if ways == 1 else abs(b - a)) in range(1, steps + 1)
                found[log.item[one]] += near and log.user[one] == log.user[other]
        return found

    return work


SLOW_WORK = {"cosine": work_of_users, "transition": work_of_rows(1), "session": work_of_rows(2)}

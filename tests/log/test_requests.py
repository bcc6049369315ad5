"""The request log against loops over its rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_logs import log_of, random_log

from recbole_poem.log.requests import first_rows
from recbole_poem.log.row_features.gap import Gap, gap_slots


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(1, 4), max_size=6), seed=st.integers(0, 100))
def test_first_rows_are_where_the_user_changes(lengths, seed):
    ids = np.random.default_rng(seed).permutation(100)[: len(lengths)]
    user = np.repeat(ids, lengths).astype(np.int64)
    expected = [user.tolist().index(u) for u in user]
    assert first_rows(user).tolist() == expected


def test_position_counts_the_earlier_rows_of_the_user():
    log = log_of([[1, 2, 3], [4], [5, 6]], n_items=7)
    assert log.position.tolist() == [0, 1, 2, 0, 0, 1]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), n_requests=st.integers(0, 9))
def test_rows_before_lists_every_earlier_row_of_the_user_and_no_other(seed, n_requests):
    log = random_log(seed, n_users=5)
    requests = np.random.default_rng(seed).integers(0, len(log), n_requests)
    expected = [
        (b, log.item[row])
        for b, request in enumerate(requests)
        for row in range(request)
        if log.user[row] == log.user[request]
    ]
    index, row = log.rows_before(requests)
    item = log.item[row]
    assert list(zip(index, item)) == expected


def test_training_part_ends_at_each_users_last_training_target():
    log = log_of([[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [1, 2, 3]], n_items=6)
    # user 1: rows 0-4, targets 1 and 3 (row 2 missed the feedback, row 4 is held out);
    # user 2: rows 5-7, target 6; user 3: rows 8-9, none; user 4: rows 10-12, all are targets
    trained = log.with_training_targets(np.array([12, 3, 1, 6, 11]))
    assert np.flatnonzero(trained.training).tolist() == [0, 1, 2, 3, 5, 6, 10, 11, 12]


def test_without_any_training_target_nothing_is_training():
    log = log_of([[1, 2, 3]], n_items=4).with_training_targets(np.zeros(0, dtype=np.int64))
    assert not log.training.any()


def test_training_part_before_a_moment_is_all_rows_before_it():
    log = log_of([[1, 2, 3], [4, 5]], n_items=6, times=[1.0, 2.0, 3.0, 2.0, 2.5])
    assert log.with_training_before(2.0).training.tolist() == [True, False, False, False, False]
    assert log.with_training_before(2.5).training.tolist() == [True, True, False, True, False]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), rows_at_once=st.sampled_from([1, 2, 5, 1000]))
def test_part_by_part_a_log_says_the_same(seed, rows_at_once):
    log = random_log(seed, n_users=5)
    assert log.has_history.tolist() == (log.position > 0).tolist()
    targets = np.flatnonzero(np.random.default_rng(seed).random(len(log)) < 0.4)
    last = np.full(log.n_users, -1)
    np.maximum.at(last, log.user[targets], targets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recbole_poem.log.requests.ROWS_AT_ONCE", rows_at_once)
        rows = [np.arange(len(log))[part] for part in log.blocks()]
        assert np.concatenate(rows).tolist() == list(range(len(log)))
        assert max(map(len, rows)) <= rows_at_once
        trained = log.with_training_targets_in_parts([targets[::2], targets[1::2]])
        assert trained.training.tolist() == (np.arange(len(log)) <= last[log.user]).tolist()
        assert log.with_training_targets(targets).training.tolist() == trained.training.tolist()
        gaps = Gap(Gap.Settings()).of_log(log, 1.0)
    assert gaps.tolist() == gap_slots(log.time, log.position == 0, 1.0).tolist()

"""Moments of rows: known ones, those that take the one before, and what they may not depend on."""

import numpy as np
import pytest

from recbole_poem.core.stages import ROW_FEATURES
from recbole_poem.log.requests import RequestLog

TIME = ROW_FEATURES.choose("time", "row_features")["time"].make()
GAP = ROW_FEATURES.choose("gap", "row_features")["gap"].make()


def test_a_row_without_a_time_has_that_of_the_row_before_it_in_its_own_history() -> None:
    time = np.array([np.nan, 3000, np.nan, np.nan, 5000, np.nan])
    first = np.array([True, False, False, True, False, True])
    found = TIME.of_request(time, first, 1000)
    assert found.tolist() == [0, 3, 3, 0, 5, 0]
    assert found.dtype == np.float64
    assert len(TIME.of_request(time[:0], first[:0], 1)) == 0


@pytest.mark.parametrize("feature", [TIME, GAP])
def test_a_log_and_a_request_say_the_same_of_a_history(feature) -> None:
    time = 1.6e9 + np.array([0.0, 1, 70, 5, 9])
    log = RequestLog(
        user=np.array([1, 1, 1, 2, 2]),
        item=np.ones(5, dtype=np.int64),
        time=time,
        first=np.array([0, 0, 0, 3, 3]),
        values={},
        n_users=3,
        n_items=2,
        training=np.ones(5, dtype=bool),
    )
    alone = [feature.of_request(t, np.arange(len(t)) == 0, 1) for t in (time[:3], time[3:])]
    assert feature.of_log(log, 1).tolist() == np.concatenate(alone).tolist()


def test_seconds_that_single_precision_cannot_tell_apart_are_told_apart() -> None:
    found = TIME.of_request(np.array([1.6e9, 1.6e9 + 1]), np.array([True, False]), 1)
    assert found[1] - found[0] == 1

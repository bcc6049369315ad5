"""What a request reads of a request cache: an earlier ranking, less what was consumed since."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_logs import random_log

from recbole_poem.cache.reading import read_latest, read_rankings
from recbole_poem.cache.request_cache import RequestCache


def memory_cache(log, seed):
    """Rankings that often hold items which the user has consumed or is about to."""
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(log.n_items)[:6] for _ in range(len(log))]).astype(np.int32)
    scores = rng.random((len(log), 6, 2)).astype(np.float32)
    return RequestCache(items, scores, ("click", "like"), None, np.arange(len(log)))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), lag=st.integers(0, 3))
def test_rankings_equal_a_loop_over_the_requests(seed, lag):
    log = random_log(seed, n_users=5, n_items=9, longest=7)
    cache = memory_cache(log, seed)
    requests = np.random.default_rng(seed).integers(-1, len(log), (4, 5))
    items, scores = read_rankings(cache, log, requests, lag)
    assert items.shape == (4, 5, 6)
    assert scores.shape == (4, 5, 6, 2)
    assert items.dtype == np.int64
    for at in np.ndindex(4, 5):
        request = requests[at]
        own = [r for r in range(len(log)) if request >= 0 and log.user[r] == log.user[request]]
        written = [r for r in own if r == request - lag]
        if not written:
            assert not items[at].any()
            continue
        consumed_since = {log.item[r] for r in own if written[0] <= r < request}
        expected = [0 if i in consumed_since else i for i in cache.items[written[0]]]
        assert items[at].tolist() == expected
        kept = items[at] > 0
        np.testing.assert_array_equal(scores[at][kept], cache.scores[written[0]][kept])


def test_reading_leaves_the_cache_as_it_is():
    log = random_log(0)
    cache = memory_cache(log, 0)
    before = np.array(cache.items)
    read_rankings(cache, log, np.arange(len(log)), 2)
    np.testing.assert_array_equal(cache.items, before)


def test_a_lag_longer_than_the_log_reads_nothing():
    log = random_log(0, n_users=2)
    items, _ = read_rankings(memory_cache(log, 0), log, np.arange(-1, len(log)), lag=len(log) + 3)
    assert not items.any()


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_the_next_request_reads_what_the_log_says_of_one_more_row(lag):
    log = random_log(7, n_users=6, n_items=9, longest=8)
    cache = memory_cache(log, 7)
    in_pairs = np.arange(len(log)) // 2 * 2  # rows that came of one ranking
    cache = replace(cache, request_start=np.maximum(log.first, in_pairs))
    final = np.flatnonzero(np.r_[log.user[1:] != log.user[:-1], True])
    final = final[log.position[final] > 0]
    final = final[cache.request_start[final] == final]  # asked anew
    assert len(final) > 1
    expected = read_rankings(cache, log, final, lag)
    for found, of_log in zip(read_latest(cache, log, final - 1, lag), expected):
        np.testing.assert_array_equal(found, of_log)

"""What a request reads of a request cache: an earlier ranking, less what was consumed since."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_caches import cache_of, padded
from toy_logs import random_log

from recbole_poem.cache.reading import (
    read_items,
    read_latest,
    read_outcomes,
    read_passed_over,
    read_rankings,
)


def memory_cache(log, seed, shared=False):
    """Rankings that often hold items which the user has consumed or is about to."""
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(log.n_items)[:6] for _ in range(len(log))]).astype(np.int32)
    scores = rng.random((len(log), 6, 2)).astype(np.float32) * (items > 0)[..., None]
    in_pairs = np.maximum(log.first, np.arange(len(log)) // 2 * 2)  # rows that share a ranking
    number = np.unique(in_pairs, return_inverse=True)[1] if shared else np.arange(len(log))
    return cache_of(log, items[: number.max() + 1], scores[: number.max() + 1], number)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), lag=st.integers(0, 3), shared=st.booleans())
def test_rankings_equal_a_loop_over_the_requests(seed, lag, shared):
    log = random_log(seed, n_users=5, n_items=9, longest=7)
    cache = memory_cache(log, seed, shared)
    whole, whole_scores = padded(cache)
    requests = np.random.default_rng(seed).integers(-1, len(log), (4, 5))
    items, scores, stages = read_rankings(cache, log, requests, lag)
    assert stages is None
    width = cache.width
    assert items.shape == (4, 5, width)
    assert scores.shape == (4, 5, width, 2)
    assert items.dtype == np.int64
    for at in np.ndindex(4, 5):
        request = requests[at]
        own = [r for r in range(len(log)) if request >= 0 and log.user[r] == log.user[request]]
        up_to = [cache.number[r] for r in own if r <= request]
        earlier = list(dict.fromkeys(up_to))[::-1]  # its own ranking, the one before, ...
        if len(earlier) <= lag:
            assert not items[at].any()
            continue
        led_to = [r for r in own if cache.number[r] == earlier[lag]]
        consumed_since = {log.item[r] for r in own if led_to[0] <= r < request}
        expected = [0 if i in consumed_since else i for i in whole[led_to[0]]]
        assert items[at].tolist() == expected
        kept = items[at] > 0
        np.testing.assert_array_equal(scores[at][kept], whole_scores[led_to[0]][kept])
        assert not scores[at][~kept].any()
    np.testing.assert_array_equal(read_items(cache, log, requests, lag), items)


def test_reading_leaves_the_cache_as_it_is():
    log = random_log(0)
    cache = memory_cache(log, 0)
    before = np.array(cache.parts[0].items)
    read_rankings(cache, log, np.arange(len(log)), 2)
    np.testing.assert_array_equal(cache.parts[0].items, before)


def test_a_lag_longer_than_the_log_reads_nothing():
    log = random_log(0, n_users=2)
    found = read_rankings(memory_cache(log, 0), log, np.arange(-1, len(log)), lag=len(log) + 3)
    assert not found.items.any()


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_the_next_request_reads_what_the_log_says_of_one_more_row(lag):
    log = random_log(7, n_users=6, n_items=9, longest=8)
    cache = memory_cache(log, 7, shared=True)
    final = np.flatnonzero(np.r_[log.user[1:] != log.user[:-1], True])
    final = final[log.position[final] > 0]
    final = final[cache.request_start[final] == final]  # asked anew
    assert len(final) > 1
    expected = read_rankings(cache, log, final, lag)
    for found, of_log in zip(read_latest(cache, log, final - 1, lag)[:2], expected):
        np.testing.assert_array_equal(found, of_log)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans())
def test_outcomes_equal_a_loop_over_the_requests(seed, shared):
    log = random_log(seed, n_users=5, n_items=9, longest=7)
    cache = memory_cache(log, seed, shared)
    rng = np.random.default_rng(seed)
    requests = rng.integers(-1, len(log), (4, 5))
    meets = rng.random((2, len(log))) < 0.7
    items, labels = read_outcomes(cache, log, requests, meets)
    np.testing.assert_array_equal(items, read_items(cache, log, requests, lag=0))
    assert labels.shape == (*items.shape, 2)
    for at in np.ndindex(4, 5):
        request = requests[at]
        rows = [
            r
            for r in range(len(log))
            if request >= 0 and r >= request and cache.number[r] == cache.number[request]
        ]
        for label, counts in enumerate(meets):
            came = {log.item[r] for r in rows if counts[r]}
            assert labels[at][:, label].tolist() == [item in came for item in items[at]]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans(), k=st.integers(1, 8))
def test_what_was_passed_over_equals_a_loop_over_the_requests(seed, shared, k):
    """Rows before the request's own one count as well: what they took was not passed over."""
    log = random_log(seed, n_users=5, n_items=9, longest=7)
    cache = memory_cache(log, seed, shared)
    whole, _ = padded(cache)
    rng = np.random.default_rng(seed)
    requests, taken = rng.integers(-1, len(log), (4, 5)), rng.random(len(log)) < 0.7
    found = read_passed_over(cache, log, requests, taken, k)
    for at in np.ndindex(4, 5):
        request = requests[at]
        if request < 0:
            assert not found[at].any()
            continue
        same = [r for r in range(len(log)) if cache.number[r] == cache.number[request]]
        took = {log.item[r] for r in same if taken[r]}
        assert found[at].tolist() == [0 if i in took else i for i in whole[request][:k]]

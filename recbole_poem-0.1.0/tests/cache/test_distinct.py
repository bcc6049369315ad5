"""Rankings that several readers have in common are kept once, and every reader finds its own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_caches import cache_of
from toy_logs import random_log

from recbole_poem.cache.distinct import distinct
from recbole_poem.cache.rankings import Rankings, stacked
from recbole_poem.cache.reading import read_rankings, written_at


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), lag=st.integers(0, 2), shared=st.booleans())
def test_everybody_finds_their_own_and_nothing_is_there_twice(
    seed: int, lag: int, shared: bool
) -> None:
    log = random_log(seed, n_users=6, n_items=9, longest=9)
    rng = np.random.default_rng(seed)
    number = np.arange(len(log))
    if shared:
        number = np.unique(np.maximum(log.first, number // 2 * 2), return_inverse=True)[1]
    n_rankings = number.max() + 1
    items = np.stack([rng.permutation(log.n_items)[:6] for _ in range(n_rankings)])
    items *= rng.random((n_rankings, 1)) < 0.8  # some are empty
    scores = rng.random((n_rankings, 6, 2)).astype(np.float32) * (items > 0)[..., None]
    cache = cache_of(log, items.astype(np.int32), scores, number)
    requests = rng.integers(-1, len(log), (5, 8))
    read = [read_rankings(cache, log, requests, lag + age) for age in range(3)]
    written = np.stack([written_at(cache, log, requests, lag + age) for age in range(3)], axis=-1)
    each = stacked(read, requests.ndim)
    found = distinct(each, written)
    assert found.place.shape == written.shape
    np.testing.assert_array_equal(found.rankings.items[found.place], each.items)
    np.testing.assert_array_equal(found.rankings.scores[found.place], each.scores)
    there = (each.items > 0).any(axis=-1)
    assert (found.written[found.place] == written)[there].all()
    assert (written <= requests[..., None]).all()  # nothing later
    contents = {
        (int(at), *row) if any(row) else ()
        for at, row in zip(written.ravel(), each.items.reshape(-1, each.items.shape[-1]).tolist())
    }
    assert len(found.rankings.items) == len(contents)


def test_stages_stay_with_their_candidates() -> None:
    items = np.array([[[3, 4], [3, 0]], [[3, 0], [5, 6]]])
    stages = np.array([[[1, 2], [1, 2]], [[1, 2], [0, 6]]], np.uint8)
    rankings = Rankings(items, np.ones((2, 2, 2, 1), np.float32), stages)
    found = distinct(rankings, np.array([[7, 7], [7, 2]]))
    assert len(found.rankings.items) == 3
    assert found.place[0, 1] == found.place[1, 0]
    assert found.rankings.stages is not None
    np.testing.assert_array_equal(found.rankings.stages[found.place], stages)

"""Rankers for the tests of the request cache, and how these build one of several parts."""

import numpy as np
from toy_logs import random_log

from recbole_poem.cache.opening import Building, open_or_build

N = 3  # candidates
LOG = random_log(0)


class FakeRanker:
    """Ranks by arithmetic on the number, and remembers what it was asked."""

    objectives = ("click", "like")
    has_stages = False

    def __init__(self, fails_at=None, failure=None, **changed_settings):
        self.asked = []
        self.fails_at, self.failure = fails_at, failure
        self.settings = {"kappa": 0.5, **changed_settings}

    def depends_on(self):
        return self.settings

    def numbers(self):
        return np.arange(len(LOG))

    def rank(self, rankings):
        if self.fails_at is not None and self.fails_at in rankings:
            raise self.failure
        self.asked.append(rankings.tolist())
        items = (rankings[:, None] + np.arange(N)) % (LOG.n_items - 1) + 1
        scores = rankings[:, None, None] + np.array([0.25, 0.5]) * np.arange(N)[:, None]
        return items, scores


IN_PARTS = Building(chunk=4, part_size=10)


class EstimatingFakeRanker(FakeRanker):
    """Knows nothing before it has estimated."""

    found_seconds = 7.0

    def estimate(self, parallel_map, show_progress):
        self.asked = list(parallel_map(abs, [-1, -2]))
        return FakeRanker()

    def rank(self, rankings):
        raise AssertionError("asked before it estimated")


def build(folder, log=LOG, ranker=None, how=IN_PARTS, raw_scores=True):
    """Open or build; return the cache and the numbers that the ranker was asked for."""
    ranker = ranker or FakeRanker()
    cache = open_or_build(folder, log, ranker, raw_scores=raw_scores, how=how)
    return cache, [number for chunk in ranker.asked for number in chunk]

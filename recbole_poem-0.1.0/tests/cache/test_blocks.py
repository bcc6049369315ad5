"""Stages in time: what each one learns from, what it answers, and that no future moves the past.

The rankers here are averages of labels: exact, quick, and moved by every row that they learn from.
"""

from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_caches import padded
from toy_components import objectives_of, targets_of
from toy_logs import log_of, random_log

from recbole_poem.cache import blocks
from recbole_poem.cache.blocks import (
    BlockRanker,
    block_begins,
    known_before,
    learned_between,
)
from recbole_poem.cache.opening import Building, open_or_build
from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.core.workers import open_map
from recbole_poem.log.exposures import Exposures, exposures
from recbole_poem.log.requests import first_rows
from recbole_poem.retrieval.item_to_item import ItemToItemRanker

TARGETS = targets_of({name: {"feedback": {name: "[4,inf)"}} for name in ("rating", "second")})
OBJECTIVES = {
    "liked": {"feedback": {"rating": "[3,inf)"}},
    "next": {"similarity": "transition", "steps": 2},
}
N = 6
WEIGHTS = [0.6, 0.25, 0.15]  # of two targets and of the retrieval


def retrieval(log):
    fusion = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion").make(2)
    return ItemToItemRanker(log, objectives_of(OBJECTIVES), N, 2, 20, fusion, 3)


@dataclass
class MeanLabels:
    """Scores an item by the labels it had, a little more where the user has just seen a smaller."""

    means: np.ndarray
    of: Exposures
    found_seconds: float = 0.0

    def score(self, requests, items):
        latest = self.of.recent(requests)[:, :1]
        own = (latest < items) * 1e-3 + self.of.gap[requests][:, None] * 1e-5
        return (self.means[items] + own[..., None]).astype(np.float32)


class Learning:
    """Goes on from stage to stage, and remembers what it was given."""

    def __init__(self, of):
        self.of, self.calls, self.known = of, [], []
        self.total = np.zeros((of.log.n_items, len(TARGETS)))
        self.count = np.ones(self.total.shape)

    def __call__(self, number: int, known: Any, rows: np.ndarray, next_rows: np.ndarray) -> Any:
        self.known.append(known.training)
        self.calls.append((number, rows.tolist(), next_rows.tolist()))
        labels = self.of.labels[rows]
        np.add.at(self.total, self.of.log.item[rows], np.nan_to_num(labels))
        np.add.at(self.count, self.of.log.item[rows], ~np.isnan(labels))
        return MeanLabels(self.total / self.count, self.of)


def exposures_of(log):
    return exposures(log, TARGETS, 3, "s")


def ranker_of(log, n_blocks=3, power=1.0):
    of = exposures_of(log)
    block = {"name": "reciprocal_rank", "weights": WEIGHTS, "kappa": 1.0, "power": power}
    by = SCORE_FUSIONS.choose(block, "score_fusion").make(len(WEIGHTS))
    names = [target.name for target in TARGETS]
    return BlockRanker(of, names, n_blocks, N, retrieval, Learning(of), by, {"of": "means"})


def world(seed, by_time=False, n_users=14):
    """Make a log of two feedbacks, of which one is sometimes missing."""
    log = random_log(seed, n_users=n_users, n_items=13, longest=14)
    rng = np.random.default_rng(seed)
    second = np.where(rng.random(len(log)) < 0.1, np.nan, rng.integers(1, 6, len(log)))
    log = replace(log, values={**log.values, "second": second})
    return log.with_training_before(28) if by_time else log


def rankings(log, begins=None):
    """Rank all requests; with `begins`, in blocks that begin there."""
    if begins is None:
        return ranker_of(log).rank(np.arange(len(log)))
    with patch.object(blocks, "block_begins", lambda of, n_blocks: begins):
        return ranker_of(log).rank(np.arange(len(log)))


# -- blocks ----------------------------------------------------------------------------------------


def test_blocks_begin_at_equal_shares_of_the_complete_training_rows():
    times = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100]
    rating = [1.0] * 11 + [5]
    rating[4] = np.nan  # at 40
    training = [True] * 10 + [False] * 2
    log = log_of([range(1, 13)], 13, training, times, rating=rating, second=[1.0, *[5.0] * 11])
    begins = block_begins(exposures_of(log), 3)
    # complete: 0 10 20 | 30 50 60 | 70 80 90; the last block begins behind the last training row
    assert begins.tolist() == [30, 70, np.nextafter(90.0, np.inf)]


@given(st.integers(0, 10**6), st.integers(2, 5), st.booleans())
def test_every_block_of_the_training_period_has_about_as_many_complete_rows(seed, n, by_time):
    log = world(seed, by_time, n_users=30)
    log = replace(log, time=log.time + np.arange(len(log)) * 1e-3)  # no ties
    of = exposures_of(log)
    begins = block_begins(of, n)
    assert len(begins) == n
    assert (np.diff(begins) > 0).all()
    usable = of.log.training & of.complete
    size = np.bincount(np.searchsorted(begins, log.time[usable], side="right"), minlength=n + 1)
    assert size[n] == 0
    assert np.ptp(size[:n]) <= 1
    assert begins[-1] > log.time[log.training].max()
    assert not (log.time[log.training] >= begins[-1]).any()
    if by_time:
        assert (log.time[~log.training] >= begins[-1]).all()


def test_more_blocks_than_different_times_are_refused():
    log = log_of(
        [[1, 2, 3, 4, 5]], 6, times=[7, 7, 7, 7, 8], rating=[1, 5, 1, 5, 1], second=[5] * 5
    )
    log.values["second"][0] = 1
    with pytest.raises(InputError, match=r"^ranking_source\.blocks: the 5 training rows "):
        block_begins(exposures_of(log), 2)
    with pytest.raises(InputError, match=r"have too few different times for 5 blocks$"):
        block_begins(exposures_of(replace(log, time=np.array([1.0, 2, 2, 2, 3]))), 5)
    assert len(block_begins(exposures_of(replace(log, time=np.arange(5.0))), 5)) == 5


def test_a_training_part_without_a_complete_row_is_refused():
    rating, second = [1, 5, np.nan, np.nan, 1], [np.nan, np.nan, 1, 5, 1]
    log = log_of([[1, 2, 3, 4, 5]], 6, [1, 1, 1, 1, 0], rating=rating, second=second)
    with pytest.raises(
        InputError, match=r"^targets: no training row is labelled for every target$"
    ):
        block_begins(exposures_of(log), 2)


def test_only_training_rows_before_a_time_are_known():
    log = world(2)
    assert known_before(log, 20.0).training.tolist() == [
        bool(log.training[row] and log.time[row] < 20) for row in range(len(log))
    ]


def test_a_stage_goes_on_with_the_labelled_training_rows_of_one_period():
    log = world(3)
    blank = np.arange(len(log)) % 5 == 0  # rows without any label
    log = replace(log, values={k: np.where(blank, np.nan, v) for k, v in log.values.items()})
    of, of_all = exposures_of(log), ranker_of(log)
    begins = block_begins(of, 3)
    period = {
        b: [
            row
            for row in range(len(log))
            if log.training[row] and not blank[row] and (log.time[row] >= begins).sum() == b
        ]
        for b in range(4)
    }
    of_all.estimate(map)
    assert of_all._training.calls == [(b + 1, period[b], period[b + 1]) for b in range(3)]
    for begin, known in zip(begins, of_all._training.known):
        np.testing.assert_array_equal(known, log.training & (log.time < begin))
    assert period[3] == []
    assert min(map(len, list(period.values())[:3])) > 3
    listed = learned_between(of, np.array([-np.inf, *begins, np.inf]))
    assert [rows.tolist() for rows in listed] == list(period.values())


# -- rankings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_time", [False, True], ids=["leave one out", "by time"])
def test_rankings_of_a_block_are_the_candidates_of_its_stage_in_its_order(by_time):
    log = world(4, by_time)
    items, scores = rankings(log)
    of, begins = exposures_of(log), block_begins(exposures_of(log), 3)
    learning, since = Learning(of), learned_between(of, np.r_[-np.inf, begins])
    block = np.searchsorted(begins, log.time, side="right")
    assert set(block) == {0, 1, 2, 3}
    assert not items[block == 0].any()
    assert not scores[block == 0].any()
    for b in (1, 2, 3):
        ranker = learning(b, log, since[b - 1], since[b - 1])
        requests = np.flatnonzero(block == b)
        candidates, _ = retrieval(known_before(log, begins[b - 1])).rank(requests)
        expected = ranker.score(requests, candidates)
        assert candidates.any()
        for r, request in enumerate(requests):
            by_item = {
                int(i): [*s, N - place]
                for place, (i, s) in enumerate(zip(candidates[r], expected[r]))
                if i > 0
            }
            found = items[request][items[request] > 0].tolist()
            assert sorted(found) == sorted(by_item)
            for place, item in enumerate(found):
                assert scores[request, place].tolist() == by_item[item]
            values = np.array([by_item[item] for item in found]).reshape(-1, 3)
            rank = 1 + (values[:, None] < values).sum(axis=1)
            worth = 1.0 / (1 + rank)
            fused = worth / worth.sum(axis=0) @ WEIGHTS if found else np.zeros(0)
            assert (np.diff(fused) < 1e-6).all()
            assert not items[request, len(found) :].any()
            assert not scores[request, len(found) :].any()


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=8)
def test_no_candidate_was_consumed_before(seed, by_time):
    log = world(seed, by_time)
    items, _ = rankings(log)
    for request in range(len(log)):
        found = items[request][items[request] > 0].tolist()
        assert not set(found) & set(log.item[log.first[request] : request].tolist())
        assert len(set(found)) == len(found)


@pytest.mark.parametrize("workers", [{}, {"threads": 3}], ids=["one", "threads"])
def test_a_ranking_does_not_depend_on_the_other_requests_nor_on_who_ranks(tmp_path, workers):
    log = world(5, n_users=40)
    items, scores = rankings(log)
    some = np.random.default_rng(0).permutation(len(log))[:50]
    of_some = ranker_of(log).rank(some)
    np.testing.assert_array_equal(of_some[0], items[some])
    np.testing.assert_array_equal(of_some[1], scores[some])
    with open_map(**workers) as parallel_map:
        how = Building(chunk=7, part_size=30, parallel_map=parallel_map)
        cache = open_or_build(tmp_path, log, ranker_of(log), None, True, how)
    found, found_scores = padded(cache)
    np.testing.assert_array_equal(found, items)
    np.testing.assert_array_equal(found_scores, scores)
    assert cache.request_start.tolist() == list(range(len(log)))


def test_other_blocks_and_settings_are_another_cache(tmp_path):
    log = world(6)
    ways = [ranker_of(log), ranker_of(log, n_blocks=2), ranker_of(log, power=2.0)]
    assert ways[0].depends_on()["of"] == "means"
    assert ways[0].depends_on()["blocks"] == block_begins(exposures_of(log), 3).tolist()
    paths = {open_or_build(tmp_path, log, way).path for way in [*ways[:2], ranker_of(log)]}
    assert len(paths) == 2


# -- the future ------------------------------------------------------------------------------------

WORLDS = {
    "seed": st.integers(0, 10**6),
    "by_time": st.booleans(),
    "share": st.floats(0.05, 0.99),
}


def must_stay(log, begins, moment):
    """Mark the requests up to the moment's block whose users have no row in their future."""
    block = np.searchsorted(begins, log.time, side="right")
    future_rows = np.cumsum(log.time >= moment)
    before = np.r_[0, future_rows][np.arange(len(log))] - np.r_[0, future_rows][log.first]
    return (block <= np.searchsorted(begins, moment, side="right")) & (before == 0)


def assert_the_same(before, after, rows_before, rows_after):
    np.testing.assert_array_equal(before[0][rows_before], after[0][rows_after])
    np.testing.assert_array_equal(before[1][rows_before], after[1][rows_after])


@given(**WORLDS)
@settings(max_examples=20)
def test_what_happens_later_moves_no_ranking(seed, by_time, share):
    """Other items and labels from some moment on, and some of them swapped between users."""
    log, rng = world(seed, by_time), np.random.default_rng(seed)
    begins = block_begins(exposures_of(log), 3)
    moment = np.quantile(log.time, share)
    later = np.flatnonzero(log.time >= moment)
    item, rating = log.item.copy(), log.values["rating"].copy()
    item[later] = rng.permutation(item[later])
    half = later[rng.random(len(later)) < 0.5]
    item[half], rating[later] = rng.integers(1, 13, len(half)), rng.integers(1, 6, len(later))
    other = replace(log, item=item, values={**log.values, "rating": rating})
    assert block_begins(exposures_of(other), 3).tolist() == begins.tolist()
    stays = must_stay(log, begins, moment)
    assert stays[log.time < moment].all()
    assert_the_same(rankings(log), rankings(other), stays, stays)


@given(**WORLDS)
@settings(max_examples=20)
def test_a_future_that_never_was_moves_no_ranking(seed, by_time, share):
    """No row at all from some moment on; the blocks begin where they did."""
    log = world(seed, by_time)
    begins = block_begins(exposures_of(log), 3)
    moment = np.quantile(log.time, share)
    kept = np.flatnonzero(log.time < moment)
    user = log.user[kept]
    columns = {"rating": log.values["rating"][kept], "second": log.values["second"][kept]}
    past = replace(
        log, user=user, item=log.item[kept], time=log.time[kept], first=first_rows(user),
        values=columns, training=log.training[kept],
    )  # fmt: skip
    try:
        exposures_of(past)
    except InputError:  # too early: some task has had one answer alone
        return
    assert_the_same(rankings(log, begins), rankings(past, begins), kept, np.arange(len(kept)))


@pytest.mark.parametrize("by_time", [False, True], ids=["leave one out", "by time"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_what_happened_before_a_block_does_move_its_rankings(by_time, block):
    log = world(7, by_time, n_users=40)
    of, begins = exposures_of(log), block_begins(exposures_of(log), 3)
    items, scores = rankings(log)
    mine = np.searchsorted(begins, log.time, side="right") == block
    for row in np.flatnonzero(of.log.training & (log.time < begins[block - 1]))[-3:]:
        rating = log.values["rating"].copy()
        rating[row] = 6 - rating[row] if rating[row] != 3 else 5
        other = replace(log, values={**log.values, "rating": rating})
        others = rankings(other)
        of_user = log.user == log.user[row]
        assert (others[1] != scores)[mine & ~of_user].any()
    # and another item moves the candidates
    item = log.item.copy()
    early = np.flatnonzero(log.training & (log.time < begins[block - 1]))[::2]
    item[early] = item[early] % 12 + 1
    assert (rankings(replace(log, item=item))[0] != items)[mine].any()

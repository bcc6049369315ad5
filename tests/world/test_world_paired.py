"""Intervals of differences cover the truth as often as they say."""

import numpy as np
import pytest

from recbole_poem.world.paired import disjoint, linearised, paired, sequence


def test_the_paired_interval_covers_no_difference_in_95_of_100_tests() -> None:
    rng, misses, n = np.random.default_rng(0), 0, 400
    for _ in range(n):
        user = rng.exponential(size=150)  # as skew as watch times are
        a, b = (user + rng.exponential(size=150) for _ in range(2))
        found = paired(a, b, n_resamples=400)
        misses += not found.low <= 0 <= found.high
    assert 0.02 <= misses / n <= 0.09


def test_an_arm_differs_from_itself_by_exactly_nothing() -> None:
    values = np.random.default_rng(0).exponential(size=(50, 7))
    found = paired(values[:, 0], values[:, 0])
    assert (found.difference, found.low, found.high, found.relative) == (0, 0, 0, 0)
    assert np.abs(sequence(values - values)).max() < 1e-100


def test_pairs_by_user_are_narrower_than_disjoint_users() -> None:
    rng = np.random.default_rng(1)
    user = rng.normal(10, 3, 2000)
    a, b = user + rng.normal(size=2000), user + 0.3 + rng.normal(size=2000)
    before = user + rng.normal(size=2000)
    close = paired(a, b)
    assert close.low < 0.3 < close.high
    apart = disjoint(a[:1000], b[1000:], before[:1000], before[1000:])
    without = disjoint(a[:1000], b[1000:], np.zeros(1000), np.zeros(1000))
    widths = [each.high - each.low for each in (close, apart, without)]
    assert widths[0] < widths[1] < 0.6 * widths[2]
    assert apart.low < 0.3 < apart.high


def test_cuped_covers_the_truth() -> None:
    rng, misses = np.random.default_rng(2), 0
    for _ in range(600):
        user = rng.normal(size=80)
        value, before = user + rng.normal(size=80), user + rng.normal(size=80)
        found = disjoint(value[:40], value[40:] + 1, before[:40], before[40:])
        misses += not found.low <= 1 <= found.high
    assert 0.02 <= misses / 600 <= 0.09


def test_the_confidence_sequence_holds_on_all_days_at_once() -> None:
    rng, missed, peeked, n = np.random.default_rng(3), 0, 0, 600
    for _ in range(n):
        differences = rng.normal(size=(60, 1)) + 2 * rng.normal(size=(60, 28))
        interval = sequence(differences)
        missed += ((interval[:, 0] > 0) | (interval[:, 1] < 0)).any()
        so_far = np.cumsum(differences, axis=1) / np.arange(1, 29)
        z = so_far.mean(axis=0) / (so_far.std(axis=0, ddof=1) / np.sqrt(60))
        peeked += (np.abs(z) > 1.96).any()
    assert missed / n <= 0.05
    assert peeked / n > 0.1  # which is what looking every day does to an ordinary interval


def test_the_confidence_sequence_finds_a_difference_that_is_there() -> None:
    differences = 0.5 + np.random.default_rng(4).normal(size=(400, 14))
    interval = sequence(differences)
    assert interval[-1, 0] > 0 and interval[-1, 0] < 0.5 < interval[-1, 1]
    assert (np.diff(interval[:, 1] - interval[:, 0]) < 0).all()


def test_linearised_values_have_the_ratio_as_their_mean() -> None:
    numerator, denominator = np.array([3.0, 0.0, 7.0]), np.array([1.0, 0.0, 4.0])
    assert linearised(numerator, denominator).mean() == pytest.approx(2.0)
    assert linearised(numerator, np.ones(3)) == pytest.approx(numerator)
    assert np.isnan(linearised(numerator, np.zeros(3))).all()

"""The two levels of each duration: planted ones, a slow reference, and what neighbours lend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from recbole_poem.log.two_levels import Cells, TwoLevels, is_upper_half, mixture_means, two_levels


def planted(seed, durations=range(10, 40), n_rows=400):
    """Rows of which 40 % are of interest (4/5 of the duration) and the rest are noise (2 s)."""
    rng = np.random.default_rng(seed)
    duration = np.repeat(np.array(durations, float), n_rows)
    interested = rng.random(len(duration)) < 0.4
    watched = np.where(interested, 0.8 * duration, 2) + rng.normal(0, 0.7, len(duration))
    return np.clip(watched, 0, duration), duration


def test_planted_bias_and_noise_are_recovered():
    levels = two_levels(*planted(0), window=1)
    assert levels.durations.tolist() == list(range(10, 40))
    assert levels.low == pytest.approx(np.full(30, 2), abs=0.3)
    assert levels.high == pytest.approx(0.8 * levels.durations, abs=0.3)
    low, high = two_levels(*planted(0), window=3).at(np.array([20.0, 30.4]))
    assert low == pytest.approx([2, 2], abs=0.15)
    assert high == pytest.approx([16, 24], abs=0.15)


@pytest.mark.parametrize("seed", range(3))
def test_all_durations_at_once_are_the_mixtures_of_each(seed, monkeypatch):
    """Scikit-learn's mixture, duration by duration, on watch times with ties and a heavy tail."""
    monkeypatch.setattr("recbole_poem.log.two_levels._TOLERANCE", 1e-8)
    rng = np.random.default_rng(seed)
    duration = rng.integers(5, 30, 5000).astype(float)
    watched = np.minimum(rng.exponential(6, 5000) * (rng.random(5000) < 0.9), duration)
    levels = two_levels(watched, duration, window=1)
    for length, low, high in zip(levels.durations, levels.low, levels.high):
        slow = slow_means(np.rint(watched[duration == length]))
        assert [low, high] == pytest.approx(slow, abs=1e-3), length


def slow_means(watched):
    """Fit one duration with scikit-learn, from the best of twenty runs of its k-means."""
    rows = watched[:, None]
    part = KMeans(2, n_init=20, random_state=0).fit_predict(rows)
    parts = [rows[part == number] for number in (0, 1)]
    mixture = GaussianMixture(
        2,
        covariance_type="spherical",
        max_iter=500,
        tol=1e-8,
        weights_init=[len(of) / len(rows) for of in parts],
        means_init=[of.mean(axis=0) for of in parts],
        precisions_init=[1 / (of.var() + 1e-6) for of in parts],
    )
    return np.sort(mixture.fit(rows).means_.ravel())


def test_the_order_of_the_rows_does_not_matter():
    watched, duration = planted(1)
    order = np.random.default_rng(0).permutation(len(watched))
    one, two = two_levels(watched, duration, 2), two_levels(watched[order], duration[order], 2)
    assert np.array_equal(one.low, two.low) and np.array_equal(one.high, two.high)


@given(
    rows=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), min_size=2, max_size=8),
)
def test_the_first_split_is_the_best_there_is(rows):
    """The least squares within both parts, among all splits of one duration."""
    watched, number = map(np.array, zip(*sorted(dict(rows).items())))
    if len(watched) < 2:
        return
    cells = Cells(np.zeros(len(watched), int), watched.astype(float), number.astype(float))

    def within(upper):
        parts = (np.repeat(watched[part], number[part]) for part in (upper, ~upper))
        return sum(((part - part.mean()) ** 2).sum() for part in parts)

    splits = [np.arange(len(watched)) >= begin for begin in range(1, len(watched))]
    assert within(is_upper_half(cells)) == pytest.approx(min(map(within, splits)))


def test_every_duration_has_its_own_split_and_mixture():
    """A duration beside others is fitted as if it were alone."""
    rng = np.random.default_rng(0)
    watched = [np.unique(rng.integers(0, 50, 9)).astype(float) for _ in range(6)]
    rows = [rng.integers(1, 9, len(each)).astype(float) for each in watched]
    of = np.repeat(np.arange(6), [len(each) for each in watched])
    together = mixture_means(Cells(of, np.concatenate(watched), np.concatenate(rows)))
    for d in range(6):
        alone = mixture_means(Cells(np.zeros(len(watched[d]), int), watched[d], rows[d]))
        assert np.ravel(alone) == pytest.approx([together[0][d], together[1][d]])


@pytest.mark.parametrize("window", [1, 2, 3, 10])
def test_levels_are_averages_over_the_window_weighted_by_rows(window):
    rng = np.random.default_rng(window)
    durations = np.sort(rng.choice(np.arange(5.0, 60), 25, replace=False))
    rows, low = rng.integers(3, 90, 25).astype(float), rng.uniform(0, 4, 25)
    levels = TwoLevels(durations, rows, low, low + rng.uniform(1, 9, 25), window)
    near = [np.abs(durations - d) < window for d in durations]
    for found, own in zip(levels.at(durations), (levels.low, levels.high)):
        slow = [np.average(own[of], weights=rows[of]) for of in near]
        assert found == pytest.approx(slow)


def test_a_duration_without_rows_borrows_from_its_neighbours():
    of = np.array([10.0, 11, 20])
    levels = TwoLevels(of, np.array([30.0, 10, 5]), np.array([2.0, 6, 8]), of, window=2)
    low, _ = levels.at(np.array([9, 12, 14, 19.6, 1, 500]))
    near_10, near_11 = (30 * 2 + 10 * 6) / 40, (30 * 2 + 10 * 6) / 40
    assert low[0] == pytest.approx(2)  # 10 alone is less than 2 s away
    assert low[1] == pytest.approx(6)  # 11 alone
    assert low[2] == pytest.approx(near_11 + (8 - near_11) * 3 / 9)  # between 11 and 20
    assert low[3] == 8  # 20, to whole seconds
    assert low[4] == pytest.approx(near_10) and low[5] == 8  # the outermost
    alone = [levels.at(np.array([d]))[0][0] for d in (9, 12, 14, 19.6, 1, 500)]
    assert np.array_equal(alone, low)


def test_two_rows_or_one_watch_time_make_no_levels():
    duration = np.repeat([5.0, 6, 7, 8], [2, 3, 3, 4])
    watched = np.array([1, 5, 2, 2, 2.3, 1, 1, 6, 0, 0, 8, 8])
    levels = two_levels(watched, duration, window=1)
    assert levels.durations.tolist() == [7, 8]
    assert levels.low == pytest.approx([1, 0]) and levels.high == pytest.approx([6, 8])
    assert len(two_levels(watched[:5], duration[:5], window=1).durations) == 0

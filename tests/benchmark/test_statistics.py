"""The statistics against scipy, hand-made examples and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recbole_poem.benchmark import statistics


def test_the_interval_is_that_of_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(0).exponential(size=300)
    low, high = statistics.bootstrap_interval(values, n_resamples=20000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", random_state=1, batch=500
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    samples = rng.exponential(size=(300, 200))
    bounds = [statistics.bootstrap_interval(sample, n_resamples=500) for sample in samples]
    assert 0.90 < np.mean([low < 1 < high for low, high in bounds]) < 0.98


@given(st.integers(1, 10**6), st.integers(1, 200))
def test_resamples_do_not_depend_on_the_chunks_or_on_other_columns(seed: int, entries: int) -> None:
    values = np.random.default_rng(seed).integers(0, 2, (7, 3)).astype(float)
    whole = statistics.resampled_means(values, 40, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_ENTRIES", entries)
        assert np.array_equal(statistics.resampled_means(values, 40, seed), whole)
    assert statistics.resampled_means(values[:, [2]], 40, seed)[:, 0] == pytest.approx(whole[:, 2])
    assert set(np.round(whole * 7, 9).ravel()) <= set(range(8))  # means of seven zeros and ones


def test_the_test_is_scipys_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 50))
    assert statistics.paired_test(one, other) == pytest.approx(stats.ttest_rel(one, other).pvalue)
    # differences 1, 2, 3: t = 2 sqrt(3) of 2 degrees of freedom
    p = statistics.paired_test(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    assert p == pytest.approx(2 * stats.t.sf(2 * np.sqrt(3), 2))


def test_where_no_test_is_possible_none_is_claimed() -> None:
    values = np.array([0.1, 0.2, 0.7])
    assert statistics.paired_test(values, values) == 1.0
    assert np.isnan(statistics.paired_test(values + 0.1, values))  # no spread
    assert np.isnan(statistics.paired_test(values[:1], values[1:2]))  # one user
    assert np.isnan(statistics.bootstrap_interval(values[:1])).all()
    assert np.isnan(statistics.detectable_difference(0.1, 1))


def test_holm_of_a_known_example() -> None:
    # sorted 0.005 0.01 0.03 0.04, times 4 3 2 1, never falling
    corrected = statistics.holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert corrected == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm(np.array([0.7, 0.8])).tolist() == [1.0, 1.0]
    assert statistics.holm(np.array([])).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list, random: object) -> None:
    rejected, still = set(), True
    for step, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        still = still and p_values[at] * (len(p_values) - step) <= 0.05
        rejected |= {at} if still else set()
    corrected = statistics.holm(np.array(p_values))
    assert {at for at, p in enumerate(corrected) if p <= 0.05} == rejected


def test_holm_does_not_count_what_is_no_test() -> None:
    corrected = statistics.holm(np.array([np.nan, 0.02, 0.01]))
    assert np.isnan(corrected[0]) and corrected[1:] == pytest.approx([0.02, 0.02])


def test_the_detectable_difference_is_detected_as_often_as_said() -> None:
    n_users, deviation = 40, 0.3
    found = statistics.detectable_difference(deviation, n_users)
    # the exact power, by the noncentral t
    shift, edge = found / deviation * np.sqrt(n_users), stats.t.ppf(0.975, n_users - 1)
    power = stats.nct.sf(edge, n_users - 1, shift) + stats.nct.cdf(-edge, n_users - 1, shift)
    assert power == pytest.approx(0.8, abs=0.005)
    assert statistics.detectable_difference(deviation, 4 * n_users) == pytest.approx(
        found / 2, rel=0.03
    )

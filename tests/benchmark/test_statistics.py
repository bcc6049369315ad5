"""The statistics against scipy, hand-made examples and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recbole_poem.benchmark import statistics

USERS = np.arange(1000)  # each with one row, the first so many of them


def rows_of_users(seed: int, n_users: int = 60, most: int = 5) -> "tuple[np.ndarray, np.ndarray]":
    """Draw values of test rows that resemble each other inside a user, in a mixed order."""
    rng = np.random.default_rng(seed)
    user = rng.permutation(np.repeat(np.arange(n_users), rng.integers(1, most + 1, n_users)))
    return rng.normal(size=n_users)[user] + 0.5 * rng.normal(size=len(user)), user


def test_the_interval_is_that_of_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(0).exponential(size=300)
    low, high = statistics.bootstrap_interval(values, USERS[:300], n_resamples=20000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", random_state=1, batch=500
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    samples = rng.exponential(size=(300, 200))
    bounds = [
        statistics.bootstrap_interval(sample, USERS[:200], n_resamples=500) for sample in samples
    ]
    assert 0.90 < np.mean([low < 1 < high for low, high in bounds]) < 0.98


@given(st.integers(1, 10**6), st.integers(1, 200))
def test_resamples_do_not_depend_on_the_chunks_or_on_other_columns(seed: int, entries: int) -> None:
    values, user = np.random.default_rng(seed).integers(0, 2, (7, 3)).astype(float), USERS[:7]
    whole = statistics.resampled_means(values, user, 40, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_ENTRIES", entries)
        assert np.array_equal(statistics.resampled_means(values, user, 40, seed), whole)
    alone = statistics.resampled_means(values[:, [2]], user, 40, seed)
    assert alone[:, 0] == pytest.approx(whole[:, 2])
    assert set(np.round(whole * 7, 9).ravel()) <= set(range(8))  # means of seven zeros and ones


def test_the_test_is_scipys_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 50))
    theirs = stats.ttest_rel(one, other).pvalue
    assert statistics.paired_test(one, other, USERS[:50]) == pytest.approx(theirs)
    # differences 1, 2, 3: t = 2 sqrt(3) of 2 degrees of freedom
    p = statistics.paired_test(np.array([1.0, 2.0, 3.0]), np.zeros(3), USERS[:3])
    assert p == pytest.approx(2 * stats.t.sf(2 * np.sqrt(3), 2))


def test_where_no_test_is_possible_none_is_claimed() -> None:
    values = np.array([0.1, 0.2, 0.7])
    assert statistics.paired_test(values, values, USERS[:3]) == 1.0
    assert np.isnan(statistics.paired_test(values + 0.1, values, USERS[:3]))  # no spread
    for alike in ([0.2, 0.0, 0.2, 0.0], [0.3, -0.3, 0.3, -0.3]):  # rows differ, users do not
        found = statistics.paired_test(np.array(alike), np.zeros(4), np.array([1, 1, 2, 2]))
        assert np.isnan(found)
    one_user = np.zeros(3, dtype=int)
    assert np.isnan(statistics.paired_test(values, np.zeros(3), one_user))
    assert np.isnan(statistics.bootstrap_interval(values, one_user)).all()
    assert np.isnan(statistics.standard_error(values, one_user))
    assert np.isnan(statistics.detectable_difference(0.1, 1))


def test_one_row_a_user_is_the_ordinary_bootstrap_and_error() -> None:
    values = np.random.default_rng(0).random((40, 2))
    found = statistics.resampled_means(values, USERS[:40], 50, seed=3)
    drawn = np.random.default_rng(3).integers(0, 40, (50, 40))
    assert np.allclose(found, values[drawn].mean(1), rtol=0, atol=1e-15)
    error = np.std(values[:, 0], ddof=1) / np.sqrt(40)
    assert statistics.standard_error(values[:, 0], USERS[:40]) == pytest.approx(error)


def test_users_are_drawn_with_all_their_rows() -> None:
    values, user = rows_of_users(0)
    found = statistics.resampled_means(values[:, None], user, 50, seed=3)[:, 0]
    rows = [values[user == one] for one in range(60)]
    drawn = np.random.default_rng(3).integers(0, 60, (50, 60))
    slow = [np.concatenate([rows[one] for one in sample]).mean() for sample in drawn]
    assert found == pytest.approx(slow)


def test_the_test_allows_for_rows_of_one_user() -> None:
    """Against the sandwich of a regression on a constant, summed pair of rows by pair of rows."""
    (one, user), (other, _) = rows_of_users(1), rows_of_users(1)
    other = other + np.random.default_rng(5).normal(0.05, 0.3, 60)[user]
    difference = one - other
    residual = difference - difference.mean()
    meat = sum(
        residual[i] * residual[j]
        for i in range(len(user))
        for j in range(len(user))
        if user[i] == user[j]
    )
    error = np.sqrt(60 / 59 * meat) / len(user)
    assert statistics.standard_error(difference, user) == pytest.approx(error)
    p = statistics.paired_test(one, other, user)
    assert p == pytest.approx(2 * stats.t.sf(abs(difference.mean()) / error, 59))
    assert p > stats.ttest_rel(one, other).pvalue, "as if the rows were independent"


@given(st.integers(0, 10**6), st.integers(2, 4))
def test_rows_said_twice_are_no_more_evidence(seed: int, times: int) -> None:
    values, user = rows_of_users(seed, n_users=12)
    again, users = np.tile(values, times), np.tile(user, times)
    error = statistics.standard_error(values, user)
    assert statistics.standard_error(again, users) == pytest.approx(error)
    p = statistics.paired_test(values, np.zeros_like(values), user)
    assert statistics.paired_test(again, np.zeros_like(again), users) == pytest.approx(p)
    assert statistics.bootstrap_interval(again, users, n_resamples=99) == pytest.approx(
        statistics.bootstrap_interval(values, user, n_resamples=99)
    )


def test_a_true_hypothesis_is_rejected_as_often_as_said() -> None:
    rejected = [statistics.paired_test(v, np.zeros_like(v), u) < 0.05 for v, u in
                (rows_of_users(seed) for seed in range(400))]  # fmt: skip
    assert 0.03 < np.mean(rejected) < 0.08


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
    found = statistics.detectable_difference(deviation / np.sqrt(n_users), n_users)
    # the exact power, by the noncentral t
    shift, edge = found / deviation * np.sqrt(n_users), stats.t.ppf(0.975, n_users - 1)
    power = stats.nct.sf(edge, n_users - 1, shift) + stats.nct.cdf(-edge, n_users - 1, shift)
    assert power == pytest.approx(0.8, abs=0.005)
    four_times = statistics.detectable_difference(deviation / np.sqrt(4 * n_users), 4 * n_users)
    assert four_times == pytest.approx(found / 2, rel=0.03)


def test_without_a_difference_of_users_the_seeds_alone_are_welchs_test() -> None:
    one, other = [0.31, 0.33, 0.36, 0.3], [0.28, 0.3, 0.25]
    difference = float(np.mean(one) - np.mean(other))
    found = statistics.paired_test_with_seeds(difference, 0.0, 1000, one, other)
    expected = stats.ttest_ind(one, other, equal_var=False)
    assert found == pytest.approx(expected.pvalue)


def test_with_seeds_that_do_not_scatter_it_is_the_test_over_users() -> None:
    rng = np.random.default_rng(0)
    one, other, user = rng.random(90), rng.random(90), USERS[:90]
    difference = float((one - other).mean())
    error = statistics.standard_error(one - other, user)
    found = statistics.paired_test_with_seeds(difference, error, 90, [0.5, 0.5], [0.4, 0.4])
    assert found == pytest.approx(statistics.paired_test(one, other, user))


@pytest.mark.parametrize(
    ("n_users", "one", "other"),
    [(90, [0.5], [0.4, 0.3]), (90, [0.5, 0.4], [0.3]), (1, [0.5, 0.4], [0.4, 0.3])],
)
def test_one_seed_or_user_says_nothing_of_chance(n_users: int, one: list, other: list) -> None:
    assert np.isnan(statistics.paired_test_with_seeds(0.1, 0.01, n_users, one, other))
    assert np.isnan(statistics.paired_test_with_seeds(0.1, 0.0, 90, [0.5, 0.5], [0.4, 0.4]))

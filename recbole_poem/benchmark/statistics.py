"""Is a difference between two rankings more than noise? Intervals and tests over users.

The unit is the user: a row's value for a user is averaged over the row's seeds first, so that
seeds of one model do not count as more users. What the seeds scatter is reported beside it, as a
standard deviation.

The paired test is Student's t-test on the users' differences. Smucker, Allan and Carterette (*A
Comparison of Statistical Significance Tests for Information Retrieval Evaluation*, CIKM 2007)
found that it agrees with the randomisation and bootstrap tests, which ask for no distribution,
while the Wilcoxon and sign tests do not measure a difference of means. Several tests in a table
are corrected by Holm's method (*A Simple Sequentially Rejective Multiple Test Procedure*,
Scandinavian Journal of Statistics, 1979), which holds for dependent tests too.
"""

from typing import Tuple

import numpy as np
from scipy import stats
from tqdm import tqdm

LEVEL = 0.95
ALPHA = 0.05
POWER = 0.8
N_RESAMPLES = 5000
_ENTRIES = 1 << 22  # counts that the bootstrap holds at once
_LONG = 1 << 29  # draws that take more than a few seconds


def resampled_means(
    values: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Return the means of `values` over bootstrap resamples of the users.

    All columns see the same resamples, so the difference of two columns of the result is that of
    a paired bootstrap. Memory is bounded: resamples are drawn and averaged chunk by chunk.

    Parameters
    ----------
    values : (U, C) float
        A row for each user, a column for each quantity.
    n_resamples : int
        R; resamples of U users, with replacement.
    seed : int
        The same seed draws the same resamples.

    Returns
    -------
    (R, C) float64
    """
    n_users = len(values)
    generator = np.random.default_rng(seed)
    step = max(1, _ENTRIES // n_users)
    means = np.empty((n_resamples, values.shape[1]))
    starts = range(0, n_resamples, step)
    for start in tqdm(starts, "bootstrap", leave=False, disable=n_users * n_resamples < _LONG):
        rows = min(step, n_resamples - start)
        drawn = generator.integers(0, n_users, (rows, n_users))
        drawn += np.arange(rows)[:, None] * n_users
        counts = np.bincount(drawn.ravel(), minlength=rows * n_users).reshape(rows, n_users)
        means[start : start + rows] = counts @ values / n_users
    return means


def percentile_interval(samples: np.ndarray, level: float = LEVEL) -> Tuple[np.ndarray, np.ndarray]:
    """Return the bounds between which the middle `level` of each column of `samples` lies.

    Parameters
    ----------
    samples : (R, C) or (R,) float
        Resampled means, or differences of them.
    level : float
        In (0, 1).

    Returns
    -------
    low, high : (C,) or () float64
    """
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def bootstrap_interval(
    values: np.ndarray, level: float = LEVEL, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Tuple[float, float]:
    """Return the percentile bootstrap interval of the users' mean.

    Parameters
    ----------
    values : (U,) float
        One value a user.
    level, n_resamples, seed
        As in `percentile_interval` and `resampled_means`.

    Returns
    -------
    low, high : float
        NaN for fewer than two users, who say nothing about the spread.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    low, high = percentile_interval(
        resampled_means(values[:, None], n_resamples, seed)[:, 0], level
    )
    return float(low), float(high)


def paired_test(one: np.ndarray, other: np.ndarray) -> float:
    """Return the two-sided p of the paired t-test, whose hypothesis is that the means are equal.

    Parameters
    ----------
    one, other : (U,) float
        The same users' values in the same order.

    Returns
    -------
    float
        In [0, 1]; 1 if no user differs. NaN, because the test is not defined, for fewer than two
        users and where all differ by one and the same amount, which leaves no spread to compare
        the difference with.
    """
    difference = np.asarray(one) - np.asarray(other)
    if len(difference) < 2:
        return float("nan")
    if not difference.any():
        return 1.0
    if np.ptp(difference) <= 1e-12 * np.abs(difference).max():
        return float("nan")
    return float(stats.ttest_1samp(difference, 0.0).pvalue)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number by Holm's step-down method.

    Parameters
    ----------
    p_values : (T,) float
        In [0, 1]; a NaN is no test: it stays NaN and does not count.

    Returns
    -------
    (T,) float64
        In [0, 1], none smaller than what was given, in the same order.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(p_values.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(p_values))
    order = tests[np.argsort(p_values[tests], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def detectable_difference(
    deviation: float, n_users: int, power: float = POWER, alpha: float = ALPHA
) -> float:
    """Return the smallest true difference that a paired test of so many users finds.

    It is (t_{1-alpha/2} + t_{power}) s / sqrt(U) with the quantiles of Student's t of U - 1
    degrees of freedom: Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988.

    Parameters
    ----------
    deviation : float
        s, the standard deviation of the users' differences.
    n_users : int
        U.
    power : float
        Share of repetitions in which the test is to find the difference, in (0, 1).
    alpha : float
        Two-sided level of the single test, before any correction.

    Returns
    -------
    float
        At least 0; NaN for fewer than two users.
    """
    if n_users < 2:
        return float("nan")
    quantiles = stats.t.ppf([1 - alpha / 2, power], n_users - 1)
    return float(quantiles.sum() * deviation / np.sqrt(n_users))

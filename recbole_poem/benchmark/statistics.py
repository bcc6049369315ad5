"""Is a difference between two rankings more than noise? Intervals and tests over users.

A row's value for a test row is averaged over the row's seeds first, so that seeds of one model do
not count as more users. What the seeds scatter is reported beside it, as a standard deviation, and
by a test that takes both for chance.

What is reported is the mean over test rows. The unit of chance is the user: a user's test rows, of
which a split by time leaves several, resemble each other. The bootstrap therefore draws users with
all their rows, a mean being the sum of the drawn users' sums over the number of their rows
(Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8). And the paired
test is Student's t-test with the standard error that allows for any dependence inside a user
(Liang and Zeger, *Longitudinal Data Analysis Using Generalized Linear Models*, Biometrika, 1986).
With one test row a user these are the ordinary bootstrap and the ordinary paired t-test.

Smucker, Allan and Carterette (*A Comparison of Statistical Significance Tests for Information
Retrieval Evaluation*, CIKM 2007) found that the paired t-test agrees with the randomisation and
bootstrap tests, which ask for no distribution, while the Wilcoxon and sign tests do not measure a
difference of means. Several tests in a table are corrected by Holm's method (*A Simple
Sequentially Rejective Multiple Test Procedure*, Scandinavian Journal of Statistics, 1979), which
holds for dependent tests too.
"""

from typing import Sequence, Tuple

import numpy as np
from scipy import stats
from tqdm import tqdm

LEVEL = 0.95
ALPHA = 0.05
POWER = 0.8
N_RESAMPLES = 5000
_ENTRIES = 1 << 22  # counts that the bootstrap holds at once
_LONG = 1 << 29  # draws that take more than a few seconds


def user_totals(values: np.ndarray, user: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Sum values over the test rows of each user.

    Parameters
    ----------
    values : (N, C) float
        A row for each test row, a column for each quantity.
    user : (N,)
        Whose row it is: names or numbers.

    Returns
    -------
    totals : (U, C) float64
        In the order of the users' names.
    n_rows : (U,) int64
        Test rows of each user, from 1.
    """
    users, code = np.unique(user, return_inverse=True)
    totals = np.empty((len(users), values.shape[1]))
    for column in range(values.shape[1]):
        totals[:, column] = np.bincount(code, values[:, column], minlength=len(users))
    return totals, np.bincount(code, minlength=len(users))


def resampled_means(
    values: np.ndarray, user: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Return the means of `values` over the test rows of bootstrap resamples of the users.

    All columns see the same resamples, so the difference of two columns of the result is that of
    a paired bootstrap. Memory is bounded: resamples are drawn and averaged chunk by chunk.

    Parameters
    ----------
    values : (N, C) float
        A row for each test row, a column for each quantity.
    user : (N,)
        Whose row it is, of U users.
    n_resamples : int
        R; resamples of U users, with replacement.
    seed : int
        The same seed draws the same resamples.

    Returns
    -------
    (R, C) float64
    """
    totals, n_rows = user_totals(values, user)
    n_users = len(totals)
    generator = np.random.default_rng(seed)
    step = max(1, _ENTRIES // n_users)
    means = np.empty((n_resamples, values.shape[1]))
    starts = range(0, n_resamples, step)
    for start in tqdm(starts, "bootstrap", leave=False, disable=n_users * n_resamples < _LONG):
        chunk = min(step, n_resamples - start)
        drawn = generator.integers(0, n_users, (chunk, n_users))
        drawn += np.arange(chunk)[:, None] * n_users
        times = np.bincount(drawn.ravel(), minlength=chunk * n_users).reshape(chunk, n_users)
        means[start : start + chunk] = times @ totals / (times @ n_rows)[:, None]
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
    values: np.ndarray,
    user: np.ndarray,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Tuple[float, float]:
    """Return the percentile bootstrap interval of the mean over test rows.

    Parameters
    ----------
    values : (N,) float
    user : (N,)
        Whose row each is.
    level, n_resamples, seed
        As in `percentile_interval` and `resampled_means`.

    Returns
    -------
    low, high : float
        NaN for fewer than two users, who say nothing about the spread.
    """
    if (user == user[0]).all():
        return float("nan"), float("nan")
    means = resampled_means(values[:, None], user, n_resamples, seed)[:, 0]
    low, high = percentile_interval(means, level)
    return float(low), float(high)


def standard_error(values: np.ndarray, user: np.ndarray) -> float:
    """Return the standard error of the mean over test rows that are dependent inside a user.

    It is sqrt(U / (U - 1) sum_u e_u^2) / N with e_u the sum of the user's deviations from the
    mean, the sandwich estimate of a regression on a constant. With one row a user it is the
    standard deviation over sqrt(U).

    Parameters
    ----------
    values : (N,) float
    user : (N,)
        Whose row each is, of U users.

    Returns
    -------
    float
        At least 0; NaN for fewer than two users.
    """
    totals, n_rows = user_totals(values[:, None], user)
    n_users = len(totals)
    if n_users < 2:
        return float("nan")
    deviations = totals[:, 0] - n_rows * values.mean()
    return float(np.sqrt(n_users / (n_users - 1) * (deviations**2).sum()) / len(values))


def paired_test(one: np.ndarray, other: np.ndarray, user: np.ndarray) -> float:
    """Return the two-sided p of the paired t-test, whose hypothesis is that the means are equal.

    The t value is the mean difference over its `standard_error`, of U - 1 degrees of freedom.

    Parameters
    ----------
    one, other : (N,) float
        Values of the same test rows in the same order.
    user : (N,)
        Whose row each is, of U users.

    Returns
    -------
    float
        In [0, 1]; 1 if no row differs. NaN, because the test is not defined, for fewer than two
        users and where the users do not differ among each other, which leaves no spread to
        compare the difference with.
    """
    difference = np.asarray(one) - np.asarray(other)
    n_users = len(np.unique(user))
    if n_users < 2:
        return float("nan")
    if not difference.any():
        return 1.0
    error = standard_error(difference, user)
    if error <= 1e-12 * np.abs(difference).max():
        return float("nan")
    t = difference.mean() / error
    return float(2 * stats.t.sf(abs(t), n_users - 1))


def paired_test_with_seeds(
    difference: float, error: float, n_users: int, one: Sequence[float], other: Sequence[float]
) -> float:
    """Return the two-sided p of a difference, of which other users and other trainings are chance.

    To the squared `standard_error` over users come the variances of the two means over seeds; the
    degrees of freedom are Welch's and Satterthwaite's (Biometrics Bulletin, 1946). What scatters
    between users and seeds together counts in both, so the p is rather too large.

    Parameters
    ----------
    difference, error : float
        Of the means, and its standard error over users.
    n_users : int
    one, other : sequence of float
        Means of both sides, one a seed.

    Returns
    -------
    float
        In [0, 1]; NaN with fewer than two seeds of a side, fewer than two users, or no scatter.
    """
    if min(len(one), len(other), n_users) < 2:
        return float("nan")
    variances = np.array(
        [error**2, np.var(one, ddof=1) / len(one), np.var(other, ddof=1) / len(other)]
    )
    total = variances.sum()
    if not total > 0:
        return float("nan")
    freedom = total**2 / (variances**2 / [n_users - 1, len(one) - 1, len(other) - 1]).sum()
    return float(2 * stats.t.sf(abs(difference) / np.sqrt(total), freedom))


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
    error: float, n_users: int, power: float = POWER, alpha: float = ALPHA
) -> float:
    """Return the smallest true difference that a paired test of so many users finds.

    It is (t_{1-alpha/2} + t_{power}) times the standard error, with the quantiles of Student's t
    of U - 1 degrees of freedom: Cohen, *Statistical Power Analysis for the Behavioral Sciences*,
    1988.

    Parameters
    ----------
    error : float
        The `standard_error` of the difference.
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
    return float(stats.t.ppf([1 - alpha / 2, power], n_users - 1).sum() * error)

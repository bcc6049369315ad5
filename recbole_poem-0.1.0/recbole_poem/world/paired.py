"""Differences of two arms: paired by user, by disjoint users, and looked at day by day."""

from typing import NamedTuple

import numpy as np

from recbole_poem.benchmark.statistics import N_RESAMPLES, bootstrap_interval

_SMALLEST = 1e-300  # in place of a variance of nothing


class Difference(NamedTuple):
    """B less A.

    Attributes
    ----------
    a, b : float
        Means over users.
    low, high : float
        Of the 95 % interval of the difference.
    """

    a: float
    b: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """B less A."""
        return self.b - self.a

    @property
    def relative(self) -> float:
        """The same as a share of A; NaN where A is not above 0."""
        return self.difference / self.a if self.a > 0 else float("nan")


def linearised(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return values of users whose mean is a ratio of sums, and whose differences can be paired.

    With R = sum N / sum D they are R + (N - R D) / mean D: the delta method user by user (Budylin,
    Drutsa, Katsev and Tsoy, WSDM 2018).

    Parameters
    ----------
    numerator, denominator : (U,) float

    Returns
    -------
    (U,) float
        NaN where the denominators add up to 0.
    """
    total = denominator.sum()
    if total == 0:
        return np.full(len(numerator), np.nan)
    ratio = numerator.sum() / total
    values: np.ndarray = ratio + (numerator - ratio * denominator) / denominator.mean()
    return values


def paired(
    a: np.ndarray, b: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Difference:
    """Compare two arms with the same users: percentile bootstrap of the differences.

    Parameters
    ----------
    a, b : (U,) float
        Of the same users in the same order.
    n_resamples, seed : int
        Of the bootstrap.
    """
    low, high = bootstrap_interval(b - a, np.arange(len(a)), n_resamples=n_resamples, seed=seed)
    return Difference(float(a.mean()), float(b.mean()), low, high)


def disjoint(
    a: np.ndarray, b: np.ndarray, before_a: np.ndarray, before_b: np.ndarray
) -> Difference:
    """Compare two arms with different users, as a platform has to: CUPED, normal interval.

    What each user did before the test explains a part of what it does in it, and is taken off
    (Deng, Xu, Kohavi and Walker, WSDM 2013).

    Parameters
    ----------
    a, before_a : (U,) float
    b, before_b : (V,) float
    """
    value, before = np.concatenate([a, b]), np.concatenate([before_a, before_b])
    spread = before.var()
    slope = np.cov(value, before, bias=True)[0, 1] / spread if spread > 0 else 0.0
    own, other = a - slope * (before_a - before.mean()), b - slope * (before_b - before.mean())
    error = np.sqrt(own.var(ddof=1) / len(own) + other.var(ddof=1) / len(other))
    low, middle, high = (float(other.mean() - own.mean() + z * error) for z in (-1.96, 0.0, 1.96))
    mean = float(own.mean())
    return Difference(mean, mean + middle, low, high)


def sequence(differences: np.ndarray, tau: float = 0.1, level: float = 0.05) -> np.ndarray:
    """Return intervals that hold on all days at once: a mixture of sequential tests.

    The normal mixture's confidence sequence (Robbins, 1970; the mSPRT of Johari, Koomen, Pekelis
    and Walsh, KDD 2017). Looking early and stopping at will does not break it.

    Parameters
    ----------
    differences : (U, days) float
        B less A of each user and day; a day is one look.
    tau : float
        Standard deviation of the effects that are thought of, in those of a difference.
    level : float
        Share of sequences that may miss the truth.

    Returns
    -------
    (days, 2) float
        Low and high for the mean difference of a user and day, by all days so far.
    """
    days = np.arange(1, differences.shape[1] + 1)
    so_far = np.cumsum(differences, axis=1) / days
    n = len(differences)
    error = np.maximum(so_far.var(axis=0, ddof=1) / n, _SMALLEST)  # of the mean so far
    mixed = max(tau**2 * differences.var(ddof=1), _SMALLEST)
    width = np.sqrt(error * (1 + error / mixed) * np.log((error + mixed) / (error * level**2)))
    mean = so_far.mean(axis=0)
    return np.stack([mean - width, mean + width], axis=1)

"""Differences of two arms: paired by user, by disjoint users, and looked at day by day."""

from typing import NamedTuple

import numpy as np

_DRAWS = 2000


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
        """The same as a share of A."""
        return self.difference / self.a if self.a else float("nan")


def paired(a: np.ndarray, b: np.ndarray, seed: int = 0) -> Difference:
    """Compare two arms with the same users: percentile bootstrap over users.

    Parameters
    ----------
    a, b : (U,) float
        Of the same users in the same order.
    seed : int
        Of the bootstrap.
    """
    low, high = _bootstrap(b - a, seed)
    return Difference(float(a.mean()), float(b.mean()), low, high)


def disjoint(
    a: np.ndarray, b: np.ndarray, before_a: np.ndarray, before_b: np.ndarray
) -> Difference:
    """Compare two arms with different users, as a platform has to: CUPED, normal interval.

    What each user did before the test explains a part of what it does in it, and is taken off
    (Deng et al., WSDM 2013).

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
    difference = other.mean() - own.mean()
    middle = float(own.mean())
    return Difference(
        middle, middle + float(difference),
        float(difference - 1.96 * error), float(difference + 1.96 * error),
    )  # fmt: skip


def sequence(differences: np.ndarray, tau: float = 0.1, level: float = 0.05) -> np.ndarray:
    """Return intervals that hold at all days at once: a mixture of sequential tests.

    The normal mixture's confidence sequence (Robbins, 1970; the mSPRT of Johari et al., KDD 2017).
    Looking early and stopping at will does not break it.

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
    mean, variance = so_far.mean(axis=0), np.maximum(so_far.var(axis=0, ddof=1), 1e-300)
    # n users by day t count as t looks of n users; the variance is that of their means
    mixed = (tau**2) * differences.var(ddof=1)
    error = variance / n
    width = np.sqrt(error * (1 + error / mixed) * np.log((error + mixed) / (error * level**2)))
    return np.stack([mean - width, mean + width], axis=1)


def _bootstrap(values: np.ndarray, seed: int) -> "tuple[float, float]":
    """Return the 95 % interval of the mean."""
    rng = np.random.default_rng(seed)
    n = len(values)
    # how often each user is drawn is all that a mean needs
    means = [rng.multinomial(n, np.full(n, 1 / n)) @ values / n for _ in range(_DRAWS)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)

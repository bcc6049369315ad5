"""Comparing two rows of a benchmark, of one seed or several, from their stored ranks."""

from typing import NamedTuple

import numpy as np

from recbole_poem.benchmark.sides import Side, paired_values
from recbole_poem.benchmark.statistics import (
    bootstrap_interval,
    detectable_difference,
    paired_test,
    paired_test_with_seeds,
    standard_error,
)


class Difference(NamedTuple):
    """How one row differs from another on the same test rows; NaN where it is not defined."""

    one_mean: float
    other_mean: float
    difference: float  # one - other
    relative: float  # difference / other
    low: float  # of the 95 % bootstrap interval of the difference
    high: float
    p: float  # two-sided paired t-test over users, not corrected
    p_with_seeds: float  # with other trainings as chance too; NaN with one seed of a side
    detectable: float  # smallest true difference found with 80 % power
    n_users: int
    n_rows: int  # test rows, whose means these are; a user may have several


def compare(
    one: Side, other: Side, metric: str = "NDCG@10", protocol: str = "masked"
) -> Difference:
    """Compare two rows test row by test row; intervals and test are clustered by user.

    Parameters
    ----------
    one, other : sequence of Run
        Finished runs of one row, such as `sides.side_of` reads; several seeds are averaged for
        each test row.
    metric : str
        ``HR@k``, ``NDCG@k`` or ``MRR@k``.
    protocol : str
        ``masked`` or ``recbole``.

    Raises
    ------
    InputError
        If a run has no ranks, the metric or protocol is unknown, or the users differ.
    """
    pairs = paired_values(one, other, metric, protocol)
    return difference(pairs.user, pairs.one, pairs.other)


def difference(user: np.ndarray, one: np.ndarray, other: np.ndarray) -> Difference:
    """Test the difference of the means of two rows over their seeds.

    Parameters
    ----------
    user : (R,)
        Of the test rows.
    one, other : (S, R) float
        Values of a metric, one row a seed of that side.
    """
    seeds = one.mean(axis=1), other.mean(axis=1)
    one, other = one.mean(axis=0), other.mean(axis=0)
    by_row = one - other
    n_users = len(np.unique(user))
    one_mean, other_mean = float(one.mean()), float(other.mean())
    low, high = bootstrap_interval(by_row, user)
    error = standard_error(by_row, user)
    return Difference(
        one_mean,
        other_mean,
        one_mean - other_mean,
        (one_mean - other_mean) / other_mean if other_mean else float("nan"),
        low,
        high,
        paired_test(one, other, user),
        paired_test_with_seeds(one_mean - other_mean, error, n_users, *seeds),
        detectable_difference(error, n_users),
        n_users,
        len(user),
    )

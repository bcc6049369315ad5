"""Comparing two finished runs, or two rows of several seeds, from their stored ranks.

python -m recbole_poem.benchmark.significance RUN_A RUN_B
python -m recbole_poem.benchmark.significance RUN_A_SEED_1 RUN_A_SEED_2 --against RUN_B_SEED_1 ...
"""

import argparse
import sys
from typing import List, NamedTuple, Optional

import numpy as np

from recbole_poem.benchmark.report.document import number, p_equation, percent, signed
from recbole_poem.benchmark.results import PROTOCOLS
from recbole_poem.benchmark.sides import Paths, over, paired_values, title_of
from recbole_poem.benchmark.statistics import (
    bootstrap_interval,
    detectable_difference,
    paired_test,
    standard_error,
)
from recbole_poem.cli.command import exit_status


class Difference(NamedTuple):
    """How one row differs from another on the same test rows; NaN where it is not defined."""

    one_mean: float
    other_mean: float
    difference: float  # one - other
    relative: float  # difference / other
    low: float  # of the 95 % bootstrap interval of the difference
    high: float
    p: float  # two-sided paired t-test, not corrected
    detectable: float  # smallest true difference found with 80 % power
    n_users: int
    n_rows: int  # test rows, whose means these are; a user may have several


def compare(
    one: Paths, other: Paths, metric: str = "NDCG@10", protocol: str = "masked"
) -> Difference:
    """Compare two rows test row by test row; intervals and test are clustered by user.

    Parameters
    ----------
    one, other : path or list of paths
        Folder of a finished run, or those of several seeds of one row, which are averaged for
        each test row.
    metric : str
        ``HR@k``, ``NDCG@k`` or ``MRR@k``.
    protocol : str
        ``masked`` or ``recbole``.

    Raises
    ------
    InputError
        If a run has no ranks, a side mixes rows or has a seed twice, or the users differ.
    """
    pairs = paired_values(one, other, metric, protocol)
    return difference(pairs.user, pairs.one, pairs.other)


def difference(user: np.ndarray, one: np.ndarray, other: np.ndarray) -> Difference:
    """Test the difference of two rows on the test rows of `user`, all (R,)."""
    by_row = one - other
    n_users = len(np.unique(user))
    one_mean, other_mean = float(one.mean()), float(other.mean())
    low, high = bootstrap_interval(by_row, user)
    return Difference(
        one_mean,
        other_mean,
        one_mean - other_mean,
        (one_mean - other_mean) / other_mean if other_mean else float("nan"),
        low,
        high,
        paired_test(one, other, user),
        detectable_difference(standard_error(by_row, user), n_users),
        n_users,
        len(user),
    )


def main(arguments: Optional[List[str]] = None) -> int:
    """Read the command line, print the comparison, and return the exit status: 0, or 2."""
    parser = argparse.ArgumentParser(
        prog="python -m recbole_poem.benchmark.significance",
        description="Compare two finished runs on their test rows: the first minus the second. "
        "Several seeds of a row are averaged.",
    )
    parser.add_argument("run", nargs="+", help="folder of a run: A and B, or the seeds of A")
    parser.add_argument("--against", nargs="+", metavar="RUN", help="the seeds of B")
    parser.add_argument(
        "--metric", default="NDCG@10", help="HR@k, NDCG@k or MRR@k (default: NDCG@10)"
    )
    parser.add_argument(
        "--protocol", default="masked", choices=PROTOCOLS, help="seen items (default: masked)"
    )
    given = parser.parse_args(arguments)
    if given.against is None and len(given.run) != 2:
        parser.error("give two runs, or the seeds of one row --against those of the other")
    one, other = (
        (given.run[:1], given.run[1:]) if given.against is None else (given.run, given.against)
    )
    return exit_status(lambda: _print(one, other, given.metric, given.protocol))


def _print(one: List[str], other: List[str], metric: str, protocol: str) -> int:
    one, other = over(one), over(other)
    found = compare(one, other, metric, protocol)
    names = [title_of(side) for side in (one, other)]
    print("\n".join(_lines(found, names, metric.upper(), protocol)))
    return 0


def _lines(found: Difference, names: List[str], metric: str, protocol: str) -> List[str]:
    width = max(map(len, names))
    of_users = f"{found.n_users:,} user{'s' if found.n_users > 1 else ''}"
    if found.n_rows > found.n_users:
        of_users = f"{found.n_rows:,} test rows of {of_users}"
    lines = [
        f"{metric}, {protocol}, {of_users}",
        f"{names[0]:{width}}  {number(found.one_mean)}",
        f"{names[1]:{width}}  {number(found.other_mean)}",
    ]
    if found.n_users < 2:
        return [*lines, "One user says nothing about noise: no interval and no test."]
    return [
        *lines,
        f"{names[0]} minus {names[1]}: {signed(found.difference)} ({percent(found.relative)}), "
        f"95 % interval {signed(found.low)} to {signed(found.high)}",
        f"{p_equation(found.p)} (paired t-test); with 80 % power these users show a difference "
        f"of {number(found.detectable)}",
    ]


if __name__ == "__main__":
    sys.exit(main())

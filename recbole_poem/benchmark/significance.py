"""Comparing two finished runs, or two rows of several seeds, from their stored ranks.

python -m recbole_poem.benchmark.significance RUN_A RUN_B
python -m recbole_poem.benchmark.significance RUN_A_SEED_1 RUN_A_SEED_2 --against RUN_B_SEED_1 ...
"""

import argparse
import sys
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Union

import numpy as np

from recbole_poem.benchmark.ranking import parse_metric, user_values
from recbole_poem.benchmark.report.document import number, p_equation, percent, signed
from recbole_poem.benchmark.results import PROTOCOLS, Run, pairing, read_run
from recbole_poem.benchmark.statistics import (
    bootstrap_interval,
    detectable_difference,
    paired_test,
    standard_error,
)
from recbole_poem.command import exit_status
from recbole_poem.errors import InputError

Paths = Union[str, Path, Sequence[Union[str, Path]]]


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
    metric = "{}@{}".format(*parse_metric(metric))
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol: '{protocol}' is none of {', '.join(PROTOCOLS)}")
    sides = [_runs(one), _runs(other)]
    reference = (str(sides[0][0].folder), sides[0][0].ranks())
    means = []
    for runs in sides:
        values: List[np.ndarray] = []
        for run in runs:
            ranks = run.ranks()
            order = pairing(reference, (str(run.folder), ranks))
            values.append(user_values(ranks.rank[protocol][order], metric))
        means.append(np.mean(values, axis=0))
    user = reference[1].user
    difference = means[0] - means[1]
    n_users = len(np.unique(user))
    one_mean, other_mean = float(means[0].mean()), float(means[1].mean())
    low, high = bootstrap_interval(difference, user)
    return Difference(
        one_mean,
        other_mean,
        one_mean - other_mean,
        (one_mean - other_mean) / other_mean if other_mean else float("nan"),
        low,
        high,
        paired_test(means[0], means[1], user),
        detectable_difference(standard_error(difference, user), n_users),
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
    one, other = _over(one), _over(other)
    found = compare(one, other, metric, protocol)
    names = [_title(side) for side in (one, other)]
    print("\n".join(_lines(found, names, metric.upper(), protocol)))
    return 0


def _over(paths: List[str]) -> List[str]:
    """Leave out, and name, runs in progress or interrupted ones that a pattern of the shell finds.

    A side that has no other is left as it is.
    """
    begun = [path for path in paths if Path(path, "job.json").exists()]
    unfinished = [path for path in begun if not Path(path, "record.json").exists()]
    over = [path for path in paths if path not in unfinished]
    if not over:
        return paths
    for path in unfinished:
        print(f"{path} is not over, and left out", file=sys.stderr)
    return over


def _runs(paths: Paths) -> List[Run]:
    """Read the runs of one side, and see that they are seeds of one row.

    Tuning trials, which a pattern of the shell finds beside the runs, are passed over.
    """
    listed = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if not listed:
        raise InputError("a side of the comparison names no run")
    found = [read_run(path) for path in listed]
    runs = [run for run in found if run.record["purpose"] == "test"] or found
    for run in runs:
        if not run.finished or run.record["purpose"] != "test":
            raise InputError(f"{run.folder}: only runs of purpose 'test' that finished have ranks")
        for key in ("row", "dataset"):
            if run.record[key] != runs[0].record[key]:
                raise InputError(
                    f"{runs[0].folder} and {run.folder}: seeds of one row are averaged, and these "
                    f"are of '{runs[0].record[key]}' and '{run.record[key]}'"
                )
    seeds = [run.record["seed"] for run in runs]
    for run, seed in zip(runs, seeds):
        if seeds.count(seed) > 1:
            raise InputError(f"{run.folder}: seed {seed} is there twice")
    return runs


def _title(paths: Sequence[str]) -> str:
    runs = _runs(paths)
    return f"{runs[0].record['row']} ({len(runs)} seed{'s' if len(runs) > 1 else ''})"


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

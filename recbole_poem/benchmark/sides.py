"""The two sides of a comparison: the finished runs of one row each, paired test row by test row."""

import sys
from pathlib import Path
from typing import List, NamedTuple, Sequence, Union

import numpy as np

from recbole_poem.benchmark.ranking import parse_metric, user_values
from recbole_poem.benchmark.results import PROTOCOLS, Run, read_run
from recbole_poem.benchmark.stored_ranks import pairing
from recbole_poem.core.errors import InputError

#: folder of a finished run, or those of several seeds of one row, which are averaged
Paths = Union[str, Path, Sequence[Union[str, Path]]]


class Pairs(NamedTuple):
    """What both sides made of R test rows.

    Attributes
    ----------
    user, target : (R,) str
    one, other : (R,) float64
        Values of the metric, means over the seeds.
    """

    user: np.ndarray
    target: np.ndarray
    one: np.ndarray
    other: np.ndarray


def paired_values(one: Paths, other: Paths, metric: str, protocol: str) -> Pairs:
    """Read both sides; parameters and errors are those of `significance.compare`."""
    metric = "{}@{}".format(*parse_metric(metric))
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol: '{protocol}' is none of {', '.join(PROTOCOLS)}")
    sides = [runs_of_side(one), runs_of_side(other)]
    reference = (str(sides[0][0].folder), sides[0][0].ranks())
    means = []
    for runs in sides:
        values: List[np.ndarray] = []
        for run in runs:
            ranks = run.ranks()
            order = pairing(reference, (str(run.folder), ranks))
            values.append(user_values(ranks.rank[protocol][order], metric))
        means.append(np.mean(values, axis=0))
    return Pairs(reference[1].user, reference[1].target, *means)


def runs_of_side(paths: Paths) -> List[Run]:
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


def over(paths: List[str]) -> List[str]:
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


def title_of(paths: Sequence[str]) -> str:
    """Return the name of a side's row and the number of its seeds."""
    runs = runs_of_side(paths)
    return f"{runs[0].record['row']} ({len(runs)} seed{'s' if len(runs) > 1 else ''})"

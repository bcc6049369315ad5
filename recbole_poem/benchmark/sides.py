"""The two sides of a comparison: the finished runs of one row each, paired test row by test row."""

from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Union

import numpy as np

from recbole_poem.benchmark.ranking import parse_metric, user_values
from recbole_poem.benchmark.results import (
    PROTOCOLS,
    Plan,
    Run,
    read_plan,
    read_run,
    rows_of,
    runs_of_plan,
)
from recbole_poem.benchmark.stored_ranks import pairing, with_known
from recbole_poem.core.errors import InputError, nearest

#: finished runs of one row, one of each seed; they are averaged
Side = Sequence[Run]


class Pairs(NamedTuple):
    """What both sides made of R test rows.

    Attributes
    ----------
    user, target : (R,) str
    one, other : (S, R) float64
        Values of the metric, one row a seed of that side.
    seen : (R,) bool, optional
        Whether the user had dealt with the target before. None = no run says it.
    n_before : (R,) int64, optional
        Rows of the user before the test row. None = no run says it.
    """

    user: np.ndarray
    target: np.ndarray
    one: np.ndarray
    other: np.ndarray
    seen: Optional[np.ndarray]
    n_before: Optional[np.ndarray]


def side_of(
    folder: Union[str, Path],
    row: str,
    dataset: Optional[str] = None,
    seeds: Optional[Sequence[int]] = None,
) -> List[Run]:
    """Read the finished runs of one row of a benchmark, in the order of their seeds.

    Parameters
    ----------
    folder : path
        Of the results.
    row : str
        Name of the row, as the report has it.
    dataset : str, optional
        May be left out where the benchmark has one data set.
    seeds : sequence of int, optional
        Of the runs; default: of all that have finished.

    Raises
    ------
    InputError
        For a row or data set that the benchmark does not have, a seed that has not finished, and a
        folder that cannot be read.
    """
    plan = read_plan(folder)
    rows = rows_of(runs_of_plan(folder), plan, _dataset(folder, plan, dataset))
    if row not in rows:
        raise InputError(f"{folder}: there is no row '{row}'{nearest(row, rows)}")
    finished = {run.record["seed"]: run for run in rows[row] if run.finished}
    if not finished:
        raise InputError(f"{folder}: no run of '{row}' has finished")
    for seed in seeds or []:
        if seed not in finished:
            listed = ", ".join(map(str, finished))
            raise InputError(
                f"{folder}: no run of '{row}' with seed {seed} has finished; there are those of "
                f"{listed}"
            )
    return [run for seed, run in finished.items() if seeds is None or seed in seeds]


def side_of_run(folder: Union[str, Path]) -> List[Run]:
    """Read one finished run, such as ``results/ml-100k/runs/ml-100k-POEM-2020-0123abcd``.

    Raises
    ------
    InputError
        If it has failed, is a tuning trial, which ranks no test rows, or cannot be read.
    """
    run = read_run(folder)
    if not run.finished:
        raise InputError(f"{folder}: this run has failed; there is nothing to compare")
    if run.record["purpose"] != "test":
        raise InputError(f"{folder}: this is a tuning trial, which ranks no test rows")
    return [run]


def is_run(folder: Union[str, Path]) -> bool:
    """Tell the folder of a run from that of a benchmark, which has a plan."""
    return Path(folder).resolve().parent.name == "runs" and not Path(folder, "plan.yaml").exists()


def _dataset(folder: Union[str, Path], plan: Plan, dataset: Optional[str]) -> str:
    if dataset is None and len(plan.datasets) > 1:
        raise InputError(
            f"{folder} holds results of {', '.join(plan.datasets)}; name one of them by --dataset"
        )
    if dataset is not None and dataset not in plan.datasets:
        raise InputError(
            f"{folder}: there is no data set '{dataset}'{nearest(dataset, plan.datasets)}"
        )
    return plan.datasets[0] if dataset is None else dataset


def paired_values(one: Side, other: Side, metric: str, protocol: str) -> Pairs:
    """Pair both sides; parameters and errors are those of `significance.compare`."""
    metric = "{}@{}".format(*parse_metric(metric))
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol: '{protocol}' is none of {', '.join(PROTOCOLS)}")
    reference = (str(one[0].folder), one[0].ranks())
    known = reference[1]
    sides: List[np.ndarray] = []
    for runs in (one, other):
        values: List[np.ndarray] = []
        for run in runs:
            ranks = run.ranks()
            order = pairing(reference, (str(run.folder), ranks))
            values.append(user_values(ranks.rank[protocol][order], metric))
            known = with_known(known, ranks, order)
        sides.append(np.stack(values))
    one_values, other_values = sides
    return Pairs(known.user, known.target, one_values, other_values, known.seen, known.n_before)


def title_of(side: Side) -> str:
    """Return the name of a side's row and the number of its seeds."""
    return f"{side[0].record['row']} ({len(side)} seed{'s' if len(side) > 1 else ''})"

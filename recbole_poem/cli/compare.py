"""``recbole-poem compare results/ml-100k --between POEM SASRec``: two rows of a benchmark.

Or two runs: ``recbole-poem compare results/ml-100k/runs/RUN_A results/ml-100k/runs/RUN_B``.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List

from recbole_poem.cli.command import show, verb_parser
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError

if TYPE_CHECKING:
    from recbole_poem.benchmark.sides import Side
    from recbole_poem.benchmark.significance import Difference


def parse(arguments: List[str]) -> argparse.Namespace:
    """Read a command line.

    Raises
    ------
    InputError
        For options that do not go together.
    """
    parser = verb_parser(
        "compare",
        "Compare two rows of a benchmark, or two runs, on their test rows: the first minus the "
        "second. Several seeds of a row are averaged; intervals and tests are clustered by user.",
    )
    add = parser.add_argument
    add(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULTS",
        help="folder of a benchmark; two of them: row A is of the first, row B of the second. Or "
        "folders of two runs (RESULTS/runs/...), without --between",
    )
    add("--between", nargs=2, metavar=("A", "B"), help="names of the two rows")
    add("--dataset", metavar="NAME", help="of the rows, where the benchmark has several")
    add("--seeds", nargs="+", type=int, metavar="N", help="of both rows (default: all there are)")
    add("--metric", default="NDCG@10", help="HR@k, NDCG@k or MRR@k (default: NDCG@10)")
    add(
        "--protocol",
        default="masked",
        help="masked (default): seen items are ranked last; recbole: like all others",
    )
    add(
        "--by",
        choices=["length", "target"],
        help="parts of the test rows instead of all: by the length of the history, or whether the "
        "target is new to its user",
    )
    add(
        "--lengths",
        nargs="+",
        type=int,
        metavar="N",
        help="shortest history of each part, with --by length (default: 1 4 10 20)",
    )
    options = parser.parse_args(arguments)
    if len(options.results) > 2:
        raise InputError(f"RESULTS: expected one folder or two, not {len(options.results)}")
    _check_form(options)
    if options.lengths is not None and options.by != "length":
        raise InputError("--lengths: it has a meaning with --by length alone; add that")
    return options


def _check_form(options: argparse.Namespace) -> None:
    """Refuse what names neither two rows nor two runs."""
    from recbole_poem.benchmark.sides import is_run

    runs = [folder for folder in options.results if is_run(folder)]
    if options.between is not None:
        if runs:
            raise InputError(f"--between: {runs[0]} is a run and has no rows; leave it out")
        folders = {folder.resolve() for folder in options.results}
        if len(folders) == 1 and len(set(options.between)) == 1:
            raise InputError(
                f"--between: {options.between[0]} is both rows; name two, or a second folder"
            )
        return
    if len(runs) < 2:
        raise InputError("name two rows by --between A B, or give the folders of two runs")
    for name in ("dataset", "seeds"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name}: two runs are named by their folders; leave it out")


def run(arguments: List[str]) -> int:
    """Compare, print what is found, and return the exit status."""
    options = parse(arguments)
    stack.require()
    # numpy and the rest are loaded now, after their versions have been checked
    from recbole_poem.benchmark.sides import side_of, side_of_run, title_of

    if options.between is None:
        one, other = map(side_of_run, options.results)
    else:
        one, other = (
            side_of(folder, row, options.dataset, options.seeds)
            for folder, row in zip((options.results[0], options.results[-1]), options.between)
        )
    names = [title_of(one), title_of(other)]
    lines = _on_all_rows if options.by is None else _on_parts
    show("\n".join([*lines(options, one, other, names), *_cautions(one, other, names)]))
    return 0


def _cautions(one: "Side", other: "Side", names: List[str]) -> List[str]:
    """Say what may explain a difference: extras that one side lacks, and trainings cut short."""
    from recbole_poem.benchmark.endings import cut_short
    from recbole_poem.benchmark.extras import extras_of

    having = [extras_of(side[0].record["config"]) for side in (one, other)]
    said = []
    if having[0] != having[1]:
        words = [" and ".join(extras) or "no extras" for extras in having]
        said.append(
            f"Unequal extras: {names[0]} has {words[0]}, {names[1]} has {words[1]}; every row "
            "might have them, and a part of the difference is theirs."
        )
    for name, side in zip(names, (one, other)):
        if words_of_end := cut_short(side):
            said.append(f"{name} was stopped by {words_of_end} and may be better with more.")
    return said


def _on_all_rows(
    options: argparse.Namespace, one: "Side", other: "Side", names: List[str]
) -> List[str]:
    """Compare on all test rows; return what to print."""
    from recbole_poem.benchmark.report.document import number, p_equation, percent, signed
    from recbole_poem.benchmark.significance import compare

    found = compare(one, other, options.metric, options.protocol)
    width = max(map(len, names))
    of_users = f"{found.n_users:,} user{'s' if found.n_users > 1 else ''}"
    if found.n_rows > found.n_users:
        of_users = f"{found.n_rows:,} test rows of {of_users}"
    lines = [
        f"{options.metric.upper()}, {options.protocol}, {of_users}",
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
        *_with_other_trainings(found.p_with_seeds),
    ]


def _with_other_trainings(p: float) -> List[str]:
    """Say what p is with other trainings as chance, or that one training cannot tell."""
    from recbole_poem.benchmark.report.document import p_equation

    if p != p:
        return ["One seed of a row: what another training would give is not known."]
    return [
        f"With other trainings as chance too: {p_equation(p)} (Welch's t-test, rather too large)"
    ]


def _on_parts(
    options: argparse.Namespace, one: "Side", other: "Side", names: List[str]
) -> List[str]:
    """Compare on parts of the test rows; return what to print."""
    from recbole_poem.benchmark.report.document import number, p_equation, percent

    lines = [f"{options.metric.upper()}, {options.protocol}: {names[0]} against {names[1]}"]
    for name, found in _parts(options, one, other).items():
        lines.append(
            f"{name:>10}: {found.n_rows:>7,} rows, {number(found.one_mean)} against "
            f"{number(found.other_mean)} ({percent(found.relative)}, {p_equation(found.p)})"
        )
    return lines


def _parts(options: argparse.Namespace, one: "Side", other: "Side") -> "Dict[str, Difference]":
    from recbole_poem.benchmark.parts import BEGINS, by_length, by_target

    if options.by == "target":
        return by_target(one, other, options.metric, options.protocol)
    return by_length(one, other, options.metric, options.protocol, options.lengths or BEGINS)

"""``recbole-poem benchmark --models POEM SASRec --datasets ml-100k``: models side by side."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from recbole_poem.cli.command import read_arguments, show, verb_parser
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError

if TYPE_CHECKING:
    from recbole_poem.benchmark.plan import Plan


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into the named options and the keys of all rows.

    Raises
    ------
    InputError
        For an argument of another form, or one that is given twice.
    """
    parser = verb_parser(
        "benchmark",
        "Train models side by side; report which is better, and whether it is noise.",
        "Any key of the configuration may follow as --key=value; it holds for all rows.",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="models of the plugin or RecBole (default: POEM); Pop, Upstream and Upstream-lag0 "
        "need no training",
    )
    parser.add_argument(
        "--datasets", nargs="+", metavar="NAME", help="names of data sets (default: ml-100k)"
    )
    parser.add_argument("--config", type=Path, help="YAML file of a named experiment")
    parser.add_argument("--config_files", nargs="+", default=None, help="YAML files of every row")
    parser.add_argument("--seeds", type=int, help="runs of each row (default: 1)")
    parser.add_argument("--tune", type=int, metavar="N", help="trials of each row (default: 0)")
    parser.add_argument(
        "--time_limit",
        type=float,
        metavar="S",
        help="seconds one run may prepare and train (default: 3600); on the CPU, of the processor",
    )
    parser.add_argument(
        "--tune_time_limit", type=float, metavar="S", help="the same for a trial (default: as long)"
    )
    parser.add_argument("--ablate", action="store_true", default=None, help="add POEM's ablations")
    parser.add_argument("--at_once", type=int, default=1, help="runs side by side (default: 1)")
    parser.add_argument("--name", help="of the results (default: the file's, or the data sets')")
    parser.add_argument(
        "--output", type=Path, default=Path("results"), help="where they go (default: results)"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="run nothing, write the report of what is there again; only --output and what names "
        "the results (--name, --config, --datasets) count beside it, the rest is ignored",
    )
    if not arguments:
        parser.error("name the --models to compare, or a --config file of them")
    options, keys = read_arguments(parser, arguments)
    if options.at_once < 1:
        raise InputError(f"--at_once: expected a number from 1, not {options.at_once}")
    return options, keys


def plan_of(options: argparse.Namespace, keys: Dict[str, Any]) -> "Plan":
    """Return what is asked for, by the command line and, below it, by the file that it names.

    Raises
    ------
    InputError
        For what the file or the plan cannot be.
    """
    from recbole_poem.benchmark.plan import make_plan, read_plan
    from recbole_poem.core.blocks import laid

    asked = read_plan(options.config) if options.config is not None else {}
    keys = laid(asked.pop("keys", None) or {}, keys)
    named = {
        "rows": options.models,
        "datasets": options.datasets,
        "config_files": options.config_files,
        "seeds": options.seeds,
        "tune": options.tune,
        "time_limit": options.time_limit,
        "tune_time_limit": options.tune_time_limit,
        "ablate": options.ablate,
    }
    asked.update({name: value for name, value in named.items() if value is not None})
    rows, datasets = asked.pop("rows", ["POEM"]), asked.pop("datasets", ["ml-100k"])
    return make_plan(rows, datasets, keys=keys, **asked)


def run(arguments: List[str]) -> int:
    """Carry the plan out and report it; return the exit status: 0, or 1 if a run failed.

    The same command goes on where it was interrupted.
    """
    _end_politely()
    options, keys = parse(arguments)
    stack.require()
    # RecBole, torch and the rest are loaded now, after their versions have been checked
    from recbole_poem.benchmark.report.writing import write_report
    from recbole_poem.benchmark.results import runs_of_plan

    plan = plan_of(options, keys)
    name = options.name
    if name is None:
        name = options.config.stem if options.config else "-".join(plan.datasets)
    folder: Path = options.output / name
    if not options.report:
        _carry_out(plan, folder, options)
    report = write_report(folder)
    show(f"{report.in_short}\n\n{folder / 'report.md'} and {report.page}")
    failed = [run.record for run in runs_of_plan(folder) if run.record["status"] == "failed"]
    for record in failed:
        print(f"recbole_poem: {record['id']} failed: {record['reason']}", file=sys.stderr)
    return 1 if failed else 0


def _carry_out(plan: "Plan", folder: Path, options: argparse.Namespace) -> None:
    """Run what has not been run; say what an interrupted benchmark leaves."""
    from recbole_poem.benchmark.checking import check_configurations, check_folder
    from recbole_poem.benchmark.runner import carry_out
    from recbole_poem.core.files import alone

    _ensure_worlds(plan)
    check_configurations(plan)
    if options.name is None:
        check_folder(plan, folder)
    try:
        with alone(folder / ".lock", "another benchmark is at work here"):
            carry_out(plan, folder, options.at_once)
    except (KeyboardInterrupt, SystemExit):
        if (folder / "plan.yaml").exists():
            print(f"recbole_poem: {_kept(folder)}", file=sys.stderr)
        raise


def _ensure_worlds(plan: "Plan") -> None:
    """Write the data sets of worlds that the plan asks for and that are not there.

    Raises
    ------
    InputError
        For what a world cannot be, and for a data set of another world.
    """
    if not plan.worlds:
        return
    from recbole_poem.core.blocks import laid
    from recbole_poem.core.workers import open_map
    from recbole_poem.world.asked import ensure_world

    home = Path(str(laid(*plan.config_files, plan.keys).get("data_path", "dataset")))
    with open_map(threads=os.cpu_count() or 1) as run_blocks:
        for name, asked in plan.worlds.items():
            if ensure_world(home / name, asked, run_blocks):
                show(f"{home / name}: written")


def _end_politely() -> None:
    """Have SIGTERM, and SIGHUP unless nohup has it ignored, end the runs in progress too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: sys.exit(128 + number))


def _kept(folder: Path) -> str:
    """Say what an interrupted benchmark leaves, and how to go on."""
    from recbole_poem.benchmark.results import runs_of_plan

    over = [run for run in runs_of_plan(folder) if run.finished]
    runs = "1 finished run is" if len(over) == 1 else f"{len(over)} finished runs are"
    return (
        f"{runs} kept in {folder}, those in progress are lost; the same command goes on, and with "
        "--report it writes the report of what is there"
    )

"""The command: ``python -m recbole_poem.benchmark --models POEM SASRec --datasets ml-100k``."""

import argparse
import signal
import sys
from pathlib import Path
from typing import List, Optional

from recbole_poem.benchmark.checking import check_configurations, check_folder
from recbole_poem.benchmark.plan import Plan, make_plan, read_plan
from recbole_poem.benchmark.report.writing import write_report
from recbole_poem.benchmark.results import runs_of_plan
from recbole_poem.benchmark.runner import carry_out
from recbole_poem.cli.command import exit_status, split_keys
from recbole_poem.core import stack
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import alone


def parse(arguments: List[str]) -> "tuple[argparse.Namespace, Plan]":
    """Read a command line, and the file it names.

    Raises
    ------
    InputError
        For an argument of another form, and what `make_plan` refuses.
    """
    parser = argparse.ArgumentParser(
        prog="python -m recbole_poem.benchmark",
        description="Train models side by side; report which is better, and whether it is noise.",
        epilog="Any key of the configuration may follow as --key=value; it holds for all rows.",
        allow_abbrev=False,
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
        help="seconds one run may train (default: 3600); on the CPU, of the processor",
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
    options, rest = parser.parse_known_args(arguments)
    asked = read_plan(options.config) if options.config is not None else {}
    keys = laid(asked.pop("keys", None) or {}, split_keys(rest))
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
    plan = make_plan(asked.pop("rows", ["POEM"]), asked.pop("datasets", ["ml-100k"]), keys=keys,
                     **asked)  # fmt: skip
    options.named = options.name is not None
    if not options.named:
        options.name = options.config.stem if options.config else "-".join(plan.datasets)
    if options.at_once < 1:
        raise InputError(f"--at_once: expected a number from 1, not {options.at_once}")
    return options, plan


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command; return its exit status: 0, 1 (a run failed), 2 (bad input) or 130.

    The same command goes on where it was interrupted.
    """
    return exit_status(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: List[str]) -> int:
    _end_politely()
    stack.require()
    options, plan = parse(arguments)
    folder: Path = options.output / options.name
    if not options.report:
        check_configurations(plan)
        if not options.named:
            check_folder(plan, folder)
        try:
            with alone(folder / ".lock", "another benchmark is at work here"):
                carry_out(plan, folder, options.at_once)
        except (KeyboardInterrupt, SystemExit):
            if (folder / "plan.yaml").exists():
                print(f"recbole_poem: {_kept(folder)}", file=sys.stderr)
            raise
    write_report(folder)
    print(f"{folder / 'report.md'} and {folder / 'report.html'}")
    failed = [run.record for run in runs_of_plan(folder) if run.record["status"] == "failed"]
    for record in failed:
        print(f"recbole_poem: {record['id']} failed: {record['reason']}", file=sys.stderr)
    return 1 if failed else 0


def _end_politely() -> None:
    """Have SIGTERM, and SIGHUP unless nohup has it ignored, end the runs in progress too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: sys.exit(128 + number))


def _kept(folder: Path) -> str:
    """Say what an interrupted benchmark leaves, and how to go on."""
    over = [run for run in runs_of_plan(folder) if run.finished]
    runs = "1 finished run is" if len(over) == 1 else f"{len(over)} finished runs are"
    return (
        f"{runs} kept in {folder}, those in progress are lost; the same command goes on, and with "
        "--report it writes the report of what is there"
    )


if __name__ == "__main__":
    sys.exit(main())

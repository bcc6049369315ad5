"""``recbole-poem simulate data|ab|calibrate``: a closed-loop world, its data, its tests."""

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

from recbole_poem.cli.command import read_arguments, show, verb_parser
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError

#: flags that are short for a dial of the world
_SHORT = {
    "users": "people.users",
    "items": "catalogue.items",
    "knowledge": "ranking_stage.knowledge",
    "seed": "seed",
}


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into its options and the dials of the world, which are dotted.

    Raises
    ------
    InputError
        For an argument of another form, or one that is given twice.
    """
    command = verb_parser(
        "simulate",
        "A closed-loop world: write its data set, test two retrievals in it, fit it to a log.",
        "Dials follow as --part.setting=value, such as --list.shown=5; docs/world.md has all.",
    )
    kinds = command.add_subparsers(dest="what", required=True, metavar="WHAT")
    data = kinds.add_parser("data", help="write exposures, rankings, and what could be known")
    data.add_argument("--output", type=Path, required=True, help="folder, such as dataset/world")
    data.add_argument("--requests", type=int, default=30, help="of each user (default: 30)")
    data.add_argument("--users", type=int, help="people (default: 1500)")
    data.add_argument("--items", type=int, help="videos (default: 1500)")
    data.add_argument("--knowledge", type=float, help="of the ranking stage, 0 to 1 (default: 1)")
    data.add_argument("--seed", type=int, help="of every chance (default: 0)")
    data.add_argument("--workers", type=int, default=1, help="blocks of users at once (default: 1)")
    test = kinds.add_parser("ab", help="let two retrievals live with the same people")
    test.add_argument("--data", type=Path, required=True, help="folder that `simulate data` wrote")
    test.add_argument("--a", required=True, help="checkpoint, or: own, everything, best")
    test.add_argument("--b", required=True, help="the same")
    test.add_argument("--days", type=int, default=7, help="of the test (default: 7)")
    test.add_argument(
        "--candidates", type=int, default=50, help="a checkpoint is asked for (default: 50)"
    )
    test.add_argument(
        "--alone", action="store_true", help="without the platform's own retrieval beside it"
    )
    test.add_argument("--output", type=Path, default=Path("ab"), help="folder (default: ab)")
    test.add_argument("--workers", type=int, default=1, help="blocks of users at once (default: 1)")
    fit = kinds.add_parser("calibrate", help="fit the reactions to a log of watch times")
    fit.add_argument("--log", type=Path, required=True, help=".inter with watch times")
    fit.add_argument("--play", default="play_time_ms", help="column (default: play_time_ms)")
    fit.add_argument("--duration", default="duration_ms", help="column (default: duration_ms)")
    fit.add_argument("--unit", choices=("ms", "s"), default="ms", help="of both (default: ms)")
    fit.add_argument("--output", type=Path, help="YAML file for the fitted dials")
    return read_arguments(command, arguments)


def run(arguments: List[str]) -> int:
    """Do what is asked, and return the exit status."""
    options, dials = parse(arguments)
    stack.require()
    return {"data": _data, "ab": _ab, "calibrate": _calibrate}[options.what](options, dials)


def _data(options: argparse.Namespace, dials: Dict[str, Any]) -> int:
    from recbole_poem.core.workers import open_map
    from recbole_poem.world.dataset import write_dataset
    from recbole_poem.world.settings import world_settings
    from recbole_poem.world.world import World

    for flag, dial in _SHORT.items():
        given = getattr(options, flag)
        if given is not None and dial in dials:
            raise InputError(f"--{flag} and --{dial} say the same; give one of them")
        if given is not None:
            dials[dial] = given
    if options.requests < 2:
        raise InputError(f"--requests: expected a whole number from 2, not {options.requests}")
    world = World(world_settings(nested(dials)))
    with open_map(options.workers) as run_blocks:
        told = write_dataset(world, options.requests, options.output, run_blocks)
    show(
        f"{options.output}\n{told.users:,} users, {told.items:,} videos, {told.requests:,} requests, "
        f"{told.exposures:,} exposures\n"
    )
    show(_oracle_table(told.oracle["test"]))
    return 0


def nested(dials: Dict[str, Any]) -> Dict[str, Any]:
    """Return dotted dials as blocks: ``{"people.users": 10}`` as ``{"people": {"users": 10}}``."""
    from recbole_poem.core.literals import literal

    blocks: Dict[str, Any] = {}
    for name, value in dials.items():
        part, _, setting = name.partition(".")
        if setting:
            blocks.setdefault(part, {})[setting] = literal(value)
        else:
            blocks[part] = literal(value)
    return blocks

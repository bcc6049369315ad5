"""``recbole-poem simulate data|ab|calibrate|dials``: a closed-loop world, its data, its tests."""

import argparse
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Tuple

from recbole_poem.cli.command import (
    command_line,
    named_checkpoint,
    read_arguments,
    show,
    verb_parser,
)
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError, nearest

if TYPE_CHECKING:
    from recbole_poem.core.workers import Map
    from recbole_poem.world.settings import WorldSettings

#: what the verb does, by the word behind it
KINDS = {
    "data": "write a data set with its rankings, and what could be known of it",
    "ab": "let two cascades live with the same people",
    "calibrate": "fit the reactions of the world to a log of watch times",
    "dials": "list the dials of the world",
}
#: flags that are short for a dial
_SHORT = {
    "users": "people.users",
    "items": "catalogue.items",
    "knowledge": "ranking_stage.knowledge",
    "seed": "seed",
}
_DIALS = (
    "Dials of the world follow as --part.setting=value, such as --list.shown=5; "
    "recbole-poem simulate dials lists them."
)
_OF_RAY = "so many processes of Ray (default: threads, one a core)"


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into its options, ``kind`` among them, and the dials of the world.

    Raises
    ------
    InputError
        For an unknown kind, an argument of another form, or one that is given twice.
    """
    kind, rest = arguments[:1], arguments[1:]
    if not kind or kind[0].startswith("-"):
        command = verb_parser(
            "simulate",
            "A closed-loop world: " + "; ".join(f"{name}, {KINDS[name]}" for name in KINDS) + ".",
            "recbole-poem simulate KIND --help shows the options of a kind.",
        )
        command.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
        command.parse_args(kind)
    if kind[0] not in KINDS:
        raise InputError(f"simulate: there is no '{kind[0]}'{nearest(kind[0], KINDS)}")
    options, dials = read_arguments(_PARSERS[kind[0]](), rest)
    options.kind = kind[0]
    if options.kind in ("ab", "dials") and dials:
        name = next(iter(dials))
        reason = "the world is that of --data" if options.kind == "ab" else "dials are only listed"
        raise InputError(f"--{name}: there is no such option of simulate {options.kind}; {reason}")
    return options, dials


def run(arguments: List[str]) -> int:
    """Do what is asked, and return the exit status."""
    options, dials = parse(arguments)
    stack.require()
    # numpy, torch and the rest are loaded now, after their versions have been checked
    kinds: Dict[str, Callable[[], None]] = {
        "data": lambda: _data(options, dials),
        "ab": lambda: _ab(options),
        "calibrate": lambda: _calibrate(options, dials),
        "dials": lambda: _list_dials(options),
    }
    kinds[options.kind]()
    return 0


def _data_parser() -> argparse.ArgumentParser:
    parser = verb_parser("simulate data", f"Simulate: {KINDS['data']}.", _DIALS)
    add = parser.add_argument
    add("--output", type=Path, required=True, help="folder, such as dataset/world")
    add("--requests", type=int, default=30, help="of each user (default: 30)")
    _add_world(parser)
    add("--workers", type=int, help=_OF_RAY)
    return parser


def _ab_parser() -> argparse.ArgumentParser:
    parser = verb_parser(
        "simulate ab",
        "Simulate: let two cascades live with the same people, and say what differs. An arm is a "
        "retrieval before the world's ranking stage: the file of a checkpoint, latest (the "
        "youngest of --data), own (the platform's sources alone), everything (all videos), best "
        "(the fair ceiling), nominator or naive_nominator (explore beside own, with or without "
        "the ranker's word). Or it is a YAML file that names retrieval, ranker, score_fusion "
        "and rerankers: a file of your own, or plain, poem or best_stages, which train what is "
        "missing.",
        "In a file: retrieval: own; ranker: world, or a checkpoint of MultiTaskRanker; "
        "score_fusion: mean, a block such as {name: reciprocal_rank, weights: {watch_time: 1}}, or "
        "a checkpoint whose fusion learned; rerankers: world, none, or components such as "
        "{category_penalty: {penalty: 0.02}}. In the place of a checkpoint may stand the keys of "
        "its training, such as {model: POEM, epochs: 8}.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder that `simulate data` wrote")
    add("--a", required=True, metavar="ARM", help="the one")
    add("--b", required=True, metavar="ARM", help="the other")
    add("--days", type=int, default=7, help="of the test (default: 7)")
    add("--candidates", type=int, default=50, help="a checkpoint is asked for (default: 50)")
    add("--checkpoint_dir", default="saved", help="of latest, and of what is trained (saved)")
    add("--alone", action="store_true", help="no sources of the platform beside a checkpoint")
    add("--output", type=Path, default=Path("ab"), help="folder of the report (default: ab)")
    add("--workers", type=int, help=_OF_RAY)
    return parser


def _calibrate_parser() -> argparse.ArgumentParser:
    parser = verb_parser("simulate calibrate", f"Simulate: {KINDS['calibrate']}.", _DIALS)
    add = parser.add_argument
    add("--log", type=Path, required=True, help="atomic file .inter with watch times")
    add("--user", default="user_id", help="column (default: user_id)")
    add("--item", default="video_id", help="column (default: video_id)")
    add("--play", default="play_time_ms", help="column of time watched (default: play_time_ms)")
    add("--duration", default="duration_ms", help="column of lengths (default: duration_ms)")
    add("--unit", choices=("ms", "s"), default="ms", help="of both (default: ms)")
    add("--output", type=Path, help="YAML file for the fitted dials, for --world")
    add("--requests", type=int, default=30, help="of each simulated user (default: 30)")
    add("--rounds", type=int, default=3, help="of living and fitting (default: 3)")
    _add_world(parser)
    add("--workers", type=int, help=_OF_RAY)
    return parser


def _dials_parser() -> argparse.ArgumentParser:
    parser = verb_parser("simulate dials", "Simulate: list the dials, with defaults and ranges.")
    parser.add_argument("--markdown", action="store_true", help="as Markdown, for documents")
    return parser


def _add_world(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a world."""
    add = parser.add_argument
    add("--world", type=Path, help="YAML file of dials, such as `simulate calibrate` writes")
    add("--users", type=int, help="people: short for --people.users")
    add("--items", type=int, help="videos: short for --catalogue.items")
    add("--knowledge", type=float, help="0 to 1: short for --ranking_stage.knowledge")
    add("--seed", type=int, help="of every chance")


_PARSERS: Dict[str, Callable[[], argparse.ArgumentParser]] = {
    "data": _data_parser,
    "ab": _ab_parser,
    "calibrate": _calibrate_parser,
    "dials": _dials_parser,
}


def _data(options: argparse.Namespace, dials: Mapping[str, Any]) -> None:
    from recbole_poem.cli.world_tables import oracle_table
    from recbole_poem.world.dataset import write_dataset
    from recbole_poem.world.world import World

    _at_least("requests", options.requests, 2)
    world = World(_settings(options, dials, {}))
    with _blocks_run_on(options.workers) as run_blocks:
        told = write_dataset(world, options.requests, options.output, run_blocks)
    name, folder = options.output.resolve().name, options.output.parent
    where = [f"--dataset={name}"]
    where += [] if folder == Path("dataset") else [f"--data_path={folder}"]
    advice = f"next: {command_line('train', '--model=POEM', *where)}"
    if not told.validated:
        advice = (
            "too small to train on: no user watched three videos for long behind a first one; give "
            "more --users or --requests"
        )
    show(
        f"{options.output}: {told.users:,} users, {told.items:,} videos, {told.requests:,} "
        f"requests, {told.exposures:,} exposures\n\n{oracle_table(told)}\n\n"
        f"{advice}"
    )


def _ab(options: argparse.Namespace) -> None:
    from recbole_poem.cli.world_tables import ab_table
    from recbole_poem.world.ab_report import write_report
    from recbole_poem.world.duel import duel

    for name in ("days", "candidates"):
        _at_least(name, getattr(options, name), 1)
    if options.output.is_file():
        raise InputError(f"--output: {options.output} is a file; name a folder for the report")
    of_data = {
        "dataset": options.data.resolve().name, "checkpoint_dir": options.checkpoint_dir,
    }  # fmt: skip
    a, b = (named_checkpoint(name, of_data) for name in (options.a, options.b))
    with _blocks_run_on(options.workers) as run_blocks:
        report = duel(
            options.data, a, b, options.days, options.candidates, options.alone,
            run_blocks, show_progress=True, checkpoint_dir=options.checkpoint_dir,
        )  # fmt: skip
    show(ab_table(report))  # it is said even where the files cannot be written
    write_report(options.output, report)
    files = [options.output / name for name in ("report.html", "result.json")]
    show(f"\n{', '.join(map(str, files))}")


def _calibrate(options: argparse.Namespace, dials: Mapping[str, Any]) -> None:
    import yaml

    from recbole_poem.cli.world_tables import calibration_table
    from recbole_poem.core.files import whole_file, writing
    from recbole_poem.core.times import PER_SECOND
    from recbole_poem.world.calibration import calibrate
    from recbole_poem.world.watch_log import Columns, read_watch_log

    _at_least("requests", options.requests, 1)
    _at_least("rounds", options.rounds, 1)
    settings = _settings(options, dials, {"people": {"users": 512}})
    columns = Columns(
        options.user, options.item, options.play, options.duration, PER_SECOND[options.unit]
    )
    log, skipped = read_watch_log(options.log, columns, list(settings.reactions.others))
    with _blocks_run_on(options.workers) as run_blocks:
        found = calibrate(log, settings, options.requests, options.rounds, run_blocks, True)
    show(calibration_table(log, skipped, found))
    if options.output is not None:
        text = f"# Fitted by `recbole-poem simulate calibrate` to {options.log.name}.\n"
        text += yaml.safe_dump(found.dials, sort_keys=False)
        with writing(options.output), whole_file(options.output) as file:
            file.write(text.encode())
        show(f"\n{options.output}; recbole-poem simulate data takes it as --world")


def _list_dials(options: argparse.Namespace) -> None:
    from recbole_poem.cli.pages import MarkdownPage, TextPage
    from recbole_poem.cli.world_tables import add_dials

    page = MarkdownPage() if options.markdown else TextPage()
    add_dials(page)
    show(page.text())


def _settings(
    options: argparse.Namespace, dials: Mapping[str, Any], usual: Mapping[str, Any]
) -> "WorldSettings":
    """Return the usual dials, with those of a file and of the command line laid over them."""
    from recbole_poem.core.config_files import read_yaml
    from recbole_poem.core.literals import literal
    from recbole_poem.world.settings import laid, world_settings

    dotted = {name: literal(value) for name, value in dials.items()}
    for flag, dial in _SHORT.items():
        given = getattr(options, flag)
        if given is not None and dial in dotted:
            raise InputError(f"--{flag} and --{dial} say the same; give one of them")
        if given is not None:
            dotted[dial] = given
    of_file = {} if options.world is None else read_yaml(options.world, "--world: ")
    return world_settings(laid(usual, of_file, dotted))


def _at_least(option: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"--{option}: expected a whole number from {least}, not {value}")


@contextmanager
def _blocks_run_on(workers: "int | None") -> "Iterator[Map]":
    """Yield the map over blocks of users: processes of Ray where asked for, otherwise threads."""
    from recbole_poem.core.workers import open_map

    if workers is not None:
        _at_least("workers", workers, 1)
    with open_map(threads=os.cpu_count() or 1, ray=workers) as run_blocks:
        yield run_blocks

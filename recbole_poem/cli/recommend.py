"""``recbole-poem recommend --checkpoint F --users 196,197 --output recs.csv``, or ``--input``."""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from recbole_poem.cli.command import named_checkpoint, read_arguments, verb_parser
from recbole_poem.core import one_line, stack
from recbole_poem.core.errors import InputError
from recbole_poem.core.plurals import counted

_AT_ONCE = 256  # requests that are answered together


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into the named options and the keys to change.

    Raises
    ------
    InputError
        For an argument of another form, or one that is given twice.
    """
    parser = verb_parser(
        "recommend",
        "Answer users of the data set, or a file of requests, by a trained checkpoint. Files are "
        "CSV, JSON lines or Parquet, by their names: .csv, .jsonl, .parquet.",
        "Keys of the configuration, such as --data_path=DIR, may follow as --key=value.",
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        required=True,
        help="file that the training command wrote; latest = the youngest in --checkpoint_dir",
    )
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--input",
        type=Path,
        help="requests: columns request, history, and maybe times, k, allow, deny, filter_seen, "
        "each for its request alone; JSON lines may have ranking as well, and items that hold a "
        "blank",
    )
    who.add_argument(
        "--users",
        help="users of the checkpoint's data set, as a line of CSV (a name with a comma between "
        "quotes), with all rows of it as their histories, and their last ranking in the "
        "request cache; their names are the "
        "column request",
    )
    who.add_argument("--all_users", action="store_true", help="all users of that data set")
    add("--output", required=True, type=Path, help="recommendations: request, rank, item, score")
    add("--k", type=int, default=10, help="items per request that names no k (default: 10)")
    add(
        "--keep_seen",
        action="store_true",
        help="items of the history may be recommended, where a request has no filter_seen",
    )
    add(
        "--approximate",
        action="store_true",
        help="search an index of the items, which is kept beside the checkpoint, not all of them",
    )
    add(
        "--bad_lines",
        choices=["stop", "skip"],
        help="what a line of --input that is no request does (default: stop); skipped ones are "
        "listed",
    )
    return read_arguments(parser, arguments)


def run(arguments: List[str]) -> int:
    """Answer the file or the users, and return the exit status."""
    options, keys = parse(arguments)
    stack.require()
    # RecBole, torch and the rest are loaded now, after their versions have been checked
    from recbole_poem.serving.bounds import whole_number
    from recbole_poem.serving.files.request_files import read_requests
    from recbole_poem.serving.recommender import Recommender

    options.k = whole_number("--k", options.k)
    if options.input is None:
        if options.bad_lines is not None:
            raise InputError("--bad_lines: it is about the lines of --input; leave it out")
        users = None if options.all_users else _names(options.users)
        recommender = Recommender.load(*_loaded(options, keys))
        said = _answer_users(recommender, users, options)
    else:
        if options.input.resolve() == options.output.resolve():
            raise InputError(f"--output: {options.output} is the input, which would be lost")
        requests = read_requests(options.input)
        recommender = Recommender.load(*_loaded(options, keys))
        said = _answer_requests(recommender, requests, options)
    if options.k > recommender.n_items:
        said += f", with at most {counted(recommender.n_items, 'item')} each: the model has no more"
    print(f"{said}: {options.output}")
    return 0


def _names(users: str) -> List[str]:
    """Return the users that a command names.

    Raises
    ------
    InputError
        For a name without a letter, and a quote that does not close.
    """
    try:
        names = one_line.split(users)
    except csv.Error as error:
        raise InputError(
            f"--users: a quote does not close or opens in vain: {users}; write a name with a comma "
            'or a quote between quotes: "Doe, J","the ""boss"""'
        ) from error
    if "" in names:
        raise InputError(f"--users: expected names with a comma between two, not '{users}'")
    return names


def _loaded(options: argparse.Namespace, keys: Dict[str, Any]) -> Tuple[str, Dict[str, Any], bool]:
    return named_checkpoint(options.checkpoint, keys), keys, options.approximate


def _answer_users(recommender: Any, users: Optional[List[str]], options: Any) -> str:
    """Write what is recommended to users of the data set, None = all; say what was done."""
    from tqdm import tqdm

    from recbole_poem.serving.files.result_files import writer

    known = recommender.known_users
    names = known.tokens if users is None else known.tokens[known.places(users)]
    n_empty = 0
    with writer(options.output) as write, tqdm(
        total=len(names), desc="Users", unit=" users", disable=None
    ) as bar:
        for begin in range(0, len(names), _AT_ONCE):
            block = names[begin : begin + _AT_ONCE].tolist()
            found = recommender.recommend(
                users=block, k=options.k, filter_seen=not options.keep_seen
            )
            write(found)
            n_empty += len(block) - found["request"].nunique()
            bar.update(len(block))
    nobody = f", {counted(n_empty, 'user')} got no item" if n_empty else ""
    return f"{counted(len(names), 'user')} answered{nobody}"


def _answer_requests(recommender: Any, requests: Iterator[Any], options: Any) -> str:
    """Write what is recommended to the requests of a file; say what was done."""
    from tqdm import tqdm

    from recbole_poem.serving.files.lines import BadLine
    from recbole_poem.serving.files.request_files import answerable
    from recbole_poem.serving.files.result_files import rows_of, writer

    n_answered = n_skipped = n_unknown = n_empty = 0
    with writer(options.output) as write, tqdm(
        desc="Requests", unit=" requests", disable=None
    ) as bar:
        for block in _blocks(answerable(requests, recommender.needs, recommender.log_times)):
            good = []
            for line in block:
                if isinstance(line, BadLine):
                    words = f"{options.input}: line {line.number}: {line.reason}"
                    if options.bad_lines != "skip":
                        raise InputError(f"{words} (--bad_lines=skip goes on)")
                    n_skipped += 1
                    tqdm.write(f"skipped: {words}", file=sys.stderr)
                else:
                    good.append(line)
            answers = recommender.answer(
                [one.query(options.k, not options.keep_seen) for one in good]
            )
            write(rows_of([one.name for one in good], answers))
            n_answered += len(good)
            n_unknown += sum(answer.n_unknown for answer in answers)
            n_empty += sum(not answer.items for answer in answers)
            bar.update(len(good))
    nobody = f", {counted(n_empty, 'request')} got no item" if n_empty else ""
    return (
        f"{counted(n_answered, 'request')} answered, {counted(n_skipped, 'line')} skipped, "
        f"{counted(n_unknown, 'unknown item token')} left out"
        f"{_split_at_blanks(recommender, options.input) if n_unknown else ''}{nobody}"
    )


def _split_at_blanks(recommender: Any, path: Path) -> str:
    """Say which way is left where cells are split at blanks, and items have blanks."""
    has_blanks = any(" " in str(token) for token in recommender.item_tokens[1:])
    if path.suffix != ".csv" or not has_blanks:
        return ""
    return " (in CSV blanks lie between items; items that hold one need JSON lines, .jsonl)"


def _blocks(requests: Iterator[Any]) -> Iterator[List[Any]]:
    block: List[Any] = []
    for line in requests:
        block.append(line)
        if len(block) == _AT_ONCE:
            yield block
            block = []
    if block:
        yield block

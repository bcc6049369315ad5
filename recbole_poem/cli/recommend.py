"""``recbole-poem recommend --checkpoint F --input requests.csv --output recs.parquet``."""

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from recbole_poem.cli.command import read_arguments, verb_parser
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError

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
        "Answer a file of requests by a trained checkpoint. Files are CSV, JSON lines or Parquet, "
        "by their names: .csv, .jsonl, .parquet.",
        "Keys of the configuration, such as --data_path=DIR, may follow as --key=value.",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, help="file that the training command wrote")
    add(
        "--input",
        required=True,
        type=Path,
        help="requests: columns request, history, and maybe times, k, allow, deny, filter_seen, "
        "each for its request alone; JSON lines may have ranking as well",
    )
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
        default="stop",
        help="what a line that is no request does (default: stop); skipped ones are listed",
    )
    return read_arguments(parser, arguments)


def run(arguments: List[str]) -> int:
    """Answer the file, and return the exit status."""
    options, keys = parse(arguments)
    stack.require()
    # RecBole, torch and the rest are loaded now, after their versions have been checked
    from tqdm import tqdm

    from recbole_poem.serving.bounds import whole_number
    from recbole_poem.serving.files.lines import BadLine
    from recbole_poem.serving.files.request_files import answerable, read_requests
    from recbole_poem.serving.files.result_files import rows_of, writer
    from recbole_poem.serving.recommender import Recommender

    if options.input.resolve() == options.output.resolve():
        raise InputError(f"--output: {options.output} is the input, which would be lost")
    k, requests = whole_number("--k", options.k), read_requests(options.input)
    recommender = Recommender.load(options.checkpoint, keys, options.approximate)
    n_answered = n_skipped = n_unknown = n_empty = 0
    with writer(options.output) as write, tqdm(desc="Requests", unit=" requests") as bar:
        for block in _blocks(answerable(requests, recommender.objectives)):
            good = []
            for line in block:
                if isinstance(line, BadLine):
                    words = f"{options.input}: line {line.number}: {line.reason}"
                    if options.bad_lines == "stop":
                        raise InputError(f"{words} (--bad_lines=skip goes on)")
                    n_skipped += 1
                    tqdm.write(f"skipped: {words}", file=sys.stderr)
                else:
                    good.append(line)
            answers = recommender.answer([one.query(k, not options.keep_seen) for one in good])
            write(rows_of([one.name for one in good], answers))
            n_answered += len(good)
            n_unknown += sum(answer.n_unknown for answer in answers)
            n_empty += sum(not answer.items for answer in answers)
            bar.update(len(good))
    nobody = f", {n_empty} requests got no item" if n_empty else ""
    print(
        f"{n_answered} requests answered, {n_skipped} lines skipped, {n_unknown} unknown item "
        f"tokens left out{nobody}: {options.output}"
    )
    return 0


def _blocks(requests: Iterator[Any]) -> Iterator[List[Any]]:
    block: List[Any] = []
    for line in requests:
        block.append(line)
        if len(block) == _AT_ONCE:
            yield block
            block = []
    if block:
        yield block

"""``recbole-poem convert kuairand --source DIR --output DIR``: atomic files of a data set."""

import argparse
import signal
import sys
from pathlib import Path
from typing import List

from recbole_poem.cli.command import verb_parser
from recbole_poem.core import stack


def parse(arguments: List[str]) -> argparse.Namespace:
    """Read a command line."""
    from recbole_poem.data.convert.kuairec import MATRICES

    command = verb_parser(
        "convert",
        "Turn a public data set into the atomic files of RecBole.",
        "docs/datasets.md says where the data sets are, and what is in them.",
    )
    sets = command.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    rand = sets.add_parser("kuairand", help="KuaiRand-Pure, -1K or -27K")
    rec = sets.add_parser("kuairec", help="KuaiRec 2.0")
    for each in (rand, rec):
        each.add_argument("--source", type=Path, required=True, help="folder of the files")
        each.add_argument(
            "--output", type=Path, required=True, help="folder to write, e.g. dataset/kuairand-pure"
        )
        each.add_argument(
            "--no_statistics",
            action="store_true",
            help="leave the counts of the videos out: they are means over all days, test included",
        )
        each.add_argument(
            "--keep_duplicates",
            action="store_true",
            help="keep rows that repeat an earlier (user, video, time), as published counts do",
        )
    rand.add_argument(
        "--logs",
        nargs="+",
        metavar="NAME",
        help="only logs whose names begin so",
    )
    rand.add_argument(
        "--history", action="store_true", help="put history_events_*_derived.csv in front"
    )
    rec.add_argument("--matrix", choices=list(MATRICES), default="big")
    return command.parse_args(arguments)


def run(arguments: List[str]) -> int:
    """Convert a data set, and return the exit status."""
    # a polite end is to remove what is half-written, as Ctrl-C does
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    stack.require()
    # pandas is loaded now, after its version has been checked
    from recbole_poem.data.convert import kuairand, kuairec

    options = parse(arguments)
    keys = {
        "statistics": not options.no_statistics,
        "keep_duplicates": options.keep_duplicates,
    }
    if options.dataset == "kuairand":
        summary = kuairand.convert(
            options.source, options.output, options.logs, options.history, **keys
        )
    else:
        summary = kuairec.convert(options.source, options.output, options.matrix, **keys)
    print(f"{options.output}\n{summary}")
    return 0

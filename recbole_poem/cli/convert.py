"""``recbole-poem convert table --input events.csv``: atomic files of a table or a data set."""

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
        "Turn a table of events, or a public data set, into the atomic files of RecBole.",
        "docs/datasets.md says where the data sets are, and what is in them.",
    )
    sets = command.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    _add_table(sets.add_parser("table", help="your own events, a row an event"))
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


def _add_table(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--input", required=True, help="events: .csv, .tsv, .txt, .jsonl, also .gz; or .parquet")
    add("--output", required=True, type=Path, help="folder to write, e.g. dataset/shop")
    for part in ("user", "item", "time"):
        add(f"--{part}", metavar="COLUMN", help=f"column of the {part} (default: a usual name)")
    add("--feedback", type=_names, default=[], metavar="A,B", help="numbers; an objective each")
    add("--weight", type=_names, default=[], metavar="A,B", help="numbers to keep, e.g. a price")
    add("--separator", help="between columns, such as ';' or tab (default: guessed)")
    add("--encoding", default="utf-8", help="of a file of text (default: utf-8)")
    add("--columns", type=_names, metavar="A,B,C", help="their names, of CSV without a header")
    add("--time_unit", help="of unix times: s, ms, us, ns (default: by their size)")
    add("--time_format", metavar="FORMAT", help="of other times, e.g. '%%d.%%m.%%Y %%H:%%M'")
    add("--zone", help="of times without one, e.g. Europe/Berlin, +08:00 (default: UTC)")
    add("--keep_duplicates", action="store_true", help="keep rows that say the same as another")
    add(
        "--drop_incomplete",
        action="store_true",
        help="leave out, and count, rows without user, item or time, which are refused otherwise",
    )


def _names(text: str) -> List[str]:
    return text.split(",")


def _convert_table(options: argparse.Namespace) -> int:
    from recbole_poem.data.convert.table import convert

    keys = {name: value for name, value in vars(options).items() if name != "dataset"}
    found = convert(keys.pop("input"), keys.pop("output"), **keys)
    where = f"--dataset={found.dataset} --data_path={found.data_path}"
    print(f"{found.summary}\n\nnext: recbole-poem train --model=POEM {where}")
    return 0


def run(arguments: List[str]) -> int:
    """Convert a data set, and return the exit status."""
    # a polite end is to remove what is half-written, as Ctrl-C does
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    stack.require()
    # pandas is loaded now, after its version has been checked
    from recbole_poem.data.convert import kuairand, kuairec

    options = parse(arguments)
    if options.dataset == "table":
        return _convert_table(options)
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

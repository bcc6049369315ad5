"""``recbole-poem convert table --input events.csv``: atomic files of a table or a data set."""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from recbole_poem.cli.command import command_line, verb_parser
from recbole_poem.core import stack

#: those of `recbole_poem.data.convert.recflow.places`, which loads torch; help does not
NEGATIVES = ("auto", "index", "tied")
#: data set -> the file of keys that names the columns that its converter writes
_PRESETS = {
    "kuairand": "kuairand-pure",
    "kuairec": "kuairec",
    "recflow": "recflow",
    "rectour": "rectour",
    "movielens": "ml-1m",
    "ml-beliefs": "ml-beliefs",
    "census": "census",
}


def parse(arguments: List[str]) -> argparse.Namespace:
    """Read a command line."""
    from recbole_poem.data.convert.kuairec import MATRICES

    command = verb_parser(
        "convert",
        "Turn a table of events, or a public data set, into the atomic files of RecBole.",
        "docs/datasets.md says where the data sets are, and what is in them.",
    )
    sets = command.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    table = sets.add_parser("table", help="your own events, a row an event")
    _add_table(table)
    rand = sets.add_parser("kuairand", help="KuaiRand-Pure, -1K or -27K")
    rec = sets.add_parser("kuairec", help="KuaiRec 2.0")
    flow = sets.add_parser("recflow", help="RecFlow: exposures, and the rankings of two stages")
    tour = sets.add_parser("rectour", help="Expedia RecTour 2021: searches and their lists")
    movies = sets.add_parser("movielens", help="MovieLens: ML-100K, 1M, 10M, 20M, 25M or 32M")
    beliefs = sets.add_parser("ml-beliefs", help="MovieLens Beliefs 2024: ratings and lists")
    census = sets.add_parser("census", help="Census-Income (KDD), for rankers alone")
    _add_flat(sets.add_parser("flat", help="the flat store of a data set that is there"))
    for each, name in zip((rand, rec, flow, tour, movies, beliefs, census), _PRESETS.values()):
        each.add_argument("--source", type=Path, required=True, help="folder of the files")
        each.add_argument(
            "--output", type=Path, required=True, help=f"folder to write, e.g. dataset/{name}"
        )
    for each in (table, rand, rec, flow, tour, movies, beliefs, census):
        each.add_argument("--flat", action="store_true", help="write the flat store of it as well")
    for each in (rand, rec):
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
    _add_recflow(flow)
    _add_rectour(tour)
    beliefs.add_argument(
        "--time_unit", help="of tstamp in the lists: s, ms, us, ns (default: by its size)"
    )
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


def _add_flat(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dataset", dest="name", required=True, help="whose .inter file it is made of")
    add("--data_path", help="the folder that holds its folder (default: as for training)")
    for part in ("user", "item", "time"):
        add(f"--{part}", metavar="COLUMN", help=f"column of the {part} (default: as its keys say)")
    for key in ("encoding", "field_separator", "seq_separator"):
        add(f"--{key}", help="of its files, as for training (default: as its keys say)")
    add("--check", action="store_true", help="write nothing: read the store, compare its checksums")


def _add_recflow(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--users", type=int, metavar="N", help="only N users, by a hash of their ids (default: all)"
    )
    add("--days", metavar="A..B", help="e.g. 2024-01-13..2024-02-03, both included (default: all)")
    add(
        "--first_position",
        type=int,
        default=0,
        metavar="P",
        help="first value of rank_index and rerank_index; below it there is none (default: 0)",
    )
    add(
        "--negatives",
        choices=NEGATIVES,
        default="auto",
        help="whether positions order rank_neg and rerank_neg: where they are behind the best "
        "(auto), always (index) or never (tied)",
    )
    add(
        "--with_dropped",
        action="store_true",
        help="take coarse_neg and prerank_neg as candidates too, tied behind all others",
    )


def _add_rectour(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--record_separator", default="|", help="between impressions (default: |)")
    add("--field_separator", default=",", help="between the fields of one (default: ,)")
    add("--all_impressions", action="store_true", help="all in .inter, not only those clicked")
    add("--sort_types", type=_names, metavar="A,B", help="rankings are lists in these orders only")


def _names(text: str) -> List[str]:
    return text.split(",")


def _convert_table(keys: Dict[str, Any]) -> int:
    from recbole_poem.data.convert.table import convert
    from recbole_poem.data.convert.table.naming import FIELDS

    flat, output = keys.pop("flat"), keys.pop("output")
    found = convert(keys.pop("input"), output, **keys)
    if flat:
        fields = (FIELDS["user"], FIELDS["item"], FIELDS["time"])
        print(_flat_beside(output, fields))
    where = [f"--dataset={found.dataset}", f"--data_path={found.data_path}"]
    print(f"{found.summary}\n\nnext: {command_line('train', '--model=POEM', *where)}")
    return 0


def _flat_beside(output: Path, fields: Tuple[str, str, str]) -> str:
    """Write the flat store of what was converted."""
    from recbole_poem.core.atomic import Format
    from recbole_poem.data.convert.flat import write_flat

    return write_flat(output / f"{output.resolve().name}.inter", Format(), fields)


def _fields_of(preset: str) -> Tuple[str, str, str]:
    """Return the columns of users, items and times that a file of keys names."""
    from recbole_poem.core.config_files import read_config_file
    from recbole_poem.training.properties import PROPERTIES

    keys = read_config_file(str(PROPERTIES / "dataset" / f"{preset}.yaml"))
    return keys["USER_ID_FIELD"], keys["ITEM_ID_FIELD"], keys["TIME_FIELD"]


def _convert_flat(name: str, check: bool, **given: Any) -> int:
    """Write the flat store of a data set, or check the one that is there."""
    from recbole_poem.core.atomic import Format
    from recbole_poem.data.convert.flat import write_flat
    from recbole_poem.log.flat import FlatStore, folder_of
    from recbole_poem.training.config import Config

    names = {"user": "USER_ID_FIELD", "item": "ITEM_ID_FIELD", "time": "TIME_FIELD"}
    keys = {names.get(key, key): value for key, value in given.items() if value is not None}
    config = Config("POEM", name, config_dict=keys)
    if check:
        store = FlatStore(folder_of(config["data_path"], name))
        store.verify()
        print(f"{store.folder}: {len(store.header.arrays)} arrays are as they were written")
        return 0
    path = Path(config["data_path"]) / f"{name}.inter"
    fields = (config["USER_ID_FIELD"], config["ITEM_ID_FIELD"], config["TIME_FIELD"])
    print(write_flat(path, Format.of(config), fields))
    return 0


def run(arguments: List[str]) -> int:
    """Convert a data set, and return the exit status."""
    # a polite end is to remove what is half-written, as Ctrl-C does
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    stack.require()
    keys = vars(parse(arguments))
    # pandas is loaded now, after its version has been checked
    from recbole_poem.data.convert import (
        beliefs,
        census,
        kuairand,
        kuairec,
        movielens,
        recflow,
        rectour,
    )

    dataset = keys.pop("dataset")
    if dataset == "flat":
        return _convert_flat(**keys)
    if dataset == "table":
        return _convert_table(keys)
    flat = keys.pop("flat")
    if "no_statistics" in keys:
        keys["statistics"] = not keys.pop("no_statistics")
    converters: Dict[str, Callable[..., str]] = {
        "kuairand": kuairand.convert,
        "kuairec": kuairec.convert,
        "recflow": recflow.convert,
        "rectour": rectour.convert,
        "movielens": movielens.convert,
        "ml-beliefs": beliefs.convert,
        "census": census.convert,
    }
    summary = converters[dataset](**keys)
    print(f"{keys['output']}\n{summary}")
    if flat:
        print(_flat_beside(keys["output"], _fields_of(_PRESETS[dataset])))
    return 0

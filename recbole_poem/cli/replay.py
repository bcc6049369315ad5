"""``recbole-poem replay --dataset kuairand-pure``: the end of a log as live traffic.

After leave-one-out, RecBole's usual split, the model was trained on most rows of the last hours: of
rows that it was trained on it says too much (``--rows=all``), and of held-out rows it knows what
other users did in the same hours. The report counts both. Only after a split by time
(``eval_args: {split: {split_by_time: ...}}``) is a replay what a service would have seen.
"""

import argparse
from pathlib import Path
from typing import Any, Dict, List, Tuple

from recbole_poem.cli.command import named_checkpoint, read_arguments, verb_parser
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError

_REQUESTS = 500


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into the named options and the keys to change.

    Raises
    ------
    InputError
        For an argument of another form, or one that is given twice.
    """
    parser = verb_parser(
        "replay",
        "Play the end of a checkpoint's log in the order of time as live "
        "traffic: each request reads the ranking of the user's previous request from a store, is "
        "answered, and the new ranking is written back. Reports hit rate, NDCG, cache hits, "
        "pass-through (share of the answer that the ranking stage keeps on top) and latency.",
        "Keys of the configuration, such as --data_path=DIR or --topk=[10,50], may follow "
        "as --key=value. After leave-one-out the model was trained on most rows of the last hours, "
        "the report says on how many; only after a split by time it does not know these hours. All "
        "rankings are made, also those that ranking_source.only_read spared the training.",
    )
    add = parser.add_argument
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument(
        "--checkpoint",
        help="file that the training command wrote; latest = the youngest in --checkpoint_dir",
    )
    one.add_argument(
        "--dataset", help="the youngest checkpoint of this data set in --checkpoint_dir (saved)"
    )
    end = parser.add_mutually_exclusive_group()
    end.add_argument(
        "--last_requests",
        type=int,
        default=_REQUESTS,
        help="begin where so many of the rows of --rows are left, or with the first of them "
        f"(default: {_REQUESTS})",
    )
    end.add_argument(
        "--last_hours", "--last-hours", type=float, help="begin so long before the end"
    )
    add(
        "--rows",
        choices=["test", "held_out", "all"],
        default="test",
        help="rows that are asked: of the test (default), of validation and test, or all, training "
        "rows included; the others are played without a question",
    )
    add("--output", type=Path, help="folder of the report (default: replay/<name of checkpoint>)")
    return read_arguments(parser, arguments)


def run(arguments: List[str]) -> int:
    """Play the log, and return the exit status."""
    options, keys = parse(arguments)
    stack.require()
    # RecBole, torch and the rest are loaded now, after their versions have been checked
    from recbole_poem.serving.replay.play import open_experiment, play
    from recbole_poem.serving.replay.plot import write_plot
    from recbole_poem.serving.replay.report import report_of, table, write_report
    from recbole_poem.serving.replay.traffic import last_hours, last_requests
    from recbole_poem.serving.stores.store import MemoryStore
    from recbole_poem.training.checkpoint import LATEST

    of_dataset = {} if options.dataset is None else {"dataset": options.dataset}
    checkpoint = named_checkpoint(options.checkpoint or LATEST, {**keys, **of_dataset})
    output = options.output or Path("replay", Path(checkpoint).stem)
    if output.suffix in (".json", ".html"):
        raise InputError(
            f"--output: {output} is a file's name; name a folder, which gets report.json and "
            "replay.html"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output: {output} cannot be made: {error.strerror}") from error
    # whether its training showed progress is nothing to this command
    experiment = open_experiment(checkpoint, {"show_progress": True, **keys})
    if options.last_hours is None:
        traffic = last_requests(experiment, options.last_requests, options.rows)
    else:
        traffic = last_hours(experiment, options.last_hours, options.rows)
    # bounds would forget what an evaluation remembers
    store = MemoryStore(max_rankings=experiment.dataset.user_num, seconds_to_live=float("inf"))
    found = play(experiment, traffic, store)
    report = report_of(experiment, traffic, found, checkpoint, options.rows)
    write_report(output / "report.json", report)
    write_plot(output / "replay.html", report)
    print(f"{table(report)}\n\n{output / 'report.json'}, {output / 'replay.html'}")
    return 0

"""``recbole-poem tune --model POEM --dataset ml-100k --trials 30``: the search and its end."""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

from recbole_poem.cli.command import read_arguments, verb_parser
from recbole_poem.core import stack

ALGORITHMS = ("bayes", "random", "exhaustive")


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into the named options and the keys that all trials have in common.

    Raises
    ------
    InputError
        For an argument of another form.
    """
    parser = verb_parser(
        "tune",
        "Search good hyper-parameters of POEM or any model of RecBole, by the score "
        "on validation rows. The same command again continues an interrupted search.",
        "Any key of the configuration may follow as --key=value and holds for all trials; "
        "--seed is the search's seed as well.",
    )
    add = parser.add_argument
    add("--model", "-m", help="name of the model (default, without files: POEM)")
    add("--dataset", "-d", help="name of the data set (default, without files: ml-100k)")
    add("--config_files", help="YAML files, separated by blanks")
    add("--params_file", help="RecBole's file of keys to tune (default: the plugin's own)")
    add("--algo", choices=ALGORITHMS, default="bayes", help="how to search (default: bayes)")
    add("--trials", type=_from_1, help="at most so many (default: 30; exhaustive: all)")
    add("--early_stop", type=_from_1, help="end after so many without a better score")
    add("--backend", choices=["hyperopt", "ray"], default="hyperopt", help="ray: several at once")
    add("--workers", type=_from_1, default=2, help="trials at once with --backend ray (default: 2)")
    add("--output", help="folder of the search (default: tune/<model>-<dataset>)")
    return read_arguments(parser, arguments)


def run(arguments: List[str]) -> int:
    """Search, and return the exit status; SIGTERM ends it as Ctrl-C does."""
    # as polite an end as Ctrl-C: the trials in progress have not died; SystemExit ends Ray's calls
    # without the blocks around them
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options, keys = parse(arguments)
    stack.require()
    # RecBole, torch and the rest are loaded now, after their versions have been checked
    from recbole_poem.tune.searching import Search

    files = options.config_files.split() if options.config_files else []
    for name, default in (("model", "POEM"), ("dataset", "ml-100k")):
        given = getattr(options, name) or (None if files else default)
        if given is not None:
            keys[name] = given
    search = Search(keys, files, options.params_file)
    workers = options.workers if options.backend == "ray" else None
    try:
        best = search.run(options.algo, options.trials, options.early_stop, workers, options.output)
    except KeyboardInterrupt:
        print(f"recbole_poem: {_kept(search.folder(options.output))}", file=sys.stderr)
        raise
    print(
        f"best validation score {best.score:.4f} in {best.n_trials} trials ({best.n_failed} failed)"
    )
    for key, value in best.params.items():
        print(f"  {key}: {value}")
    print(f"train and test it with --config_files={best.file}; the trials are drawn in {best.plot}")
    return 0


def _kept(folder: Path) -> str:
    """Say what an interrupted search leaves, and how to go on."""
    if not (folder / "best.yaml").exists():
        return "no trial has ended with a score; the same command goes on"
    return (
        f"the trials that are over are kept in {folder}, with the best one in best.yaml; the same "
        "command goes on"
    )


def _from_1(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, not {word}")
    return int(word)

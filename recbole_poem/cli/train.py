"""``recbole-poem train``: RecBole's flags and ``--resume``; what a command without a verb is."""

import argparse
import sys
from typing import Any, Dict, List, Optional, Tuple

import recbole_poem
from recbole_poem.cli.command import named_checkpoint, read_arguments, show, verb_parser
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into the named options and the keys ``--key=value``.

    Raises
    ------
    InputError
        For an argument of another form.
    """
    parser = verb_parser(
        "train",
        "Train, validate and test POEM or any model of RecBole.",
        "Any key of the configuration may follow as --key=value, a component's setting as "
        "--stage.setting=value. properties/model/POEM.yaml explains the keys of POEM, and "
        "recbole-poem components the components.",
    )
    add = parser.add_argument
    add("--model", "-m", help="name of the model (default, without files: POEM)")
    add("--dataset", "-d", help="name of the data set (default, without files: ml-100k)")
    add("--config_files", help="YAML files, separated by blanks")
    add("--nproc", type=int, default=1, help="processes to train on")
    add(
        "--resume",
        metavar="CHECKPOINT",
        help="continue an interrupted run; latest = the youngest in --checkpoint_dir",
    )
    add("--no_baselines", action="store_true",
        help="end without the rows of Pop and of the previous ranking")  # fmt: skip
    add("--verbose", nargs="?", const="True", metavar="True",
        help="show the whole log here, all keys and RecBole's lines included")  # fmt: skip
    if "--doctor" in arguments:
        raise InputError("--doctor is a verb now; write recbole-poem doctor")
    return read_arguments(parser, arguments)


def run(arguments: List[str]) -> int:
    """Train, show what came of it, and return the exit status."""
    options, keys = parse(arguments)
    stack.require()
    greet(options)
    if options.nproc != 1:
        keys["nproc"] = options.nproc
    if options.resume == "":
        raise InputError("--resume names no checkpoint")
    if options.resume is not None:
        of_dataset = {} if options.dataset is None else {"dataset": options.dataset}
        keys["resume"] = named_checkpoint(options.resume, {**keys, **of_dataset})
    files = None if options.config_files is None else options.config_files.split()
    if files == []:
        raise InputError("--config_files names no file")
    if options.verbose is not None:
        keys["verbose"] = options.verbose
    # torch and RecBole take seconds to load, and the line above is to come before
    from recbole_poem.cli.outcome import outcome
    from recbole_poem.core.run_log import end_log
    from recbole_poem.training.quick_start import train

    model, dataset = _names(options)
    try:
        finished = train(model, dataset, files, keys)
        show(outcome(finished, with_baselines=not options.no_baselines))
    finally:
        end_log()
    return 0


def _names(options: argparse.Namespace) -> Tuple[Optional[str], Optional[str]]:
    """Return model and data set: what is given, or the usual ones of a run without files."""
    model, dataset = options.model, options.dataset
    if options.resume is None and options.config_files is None:
        model = "POEM" if model is None else model
        dataset = "ml-100k" if dataset is None else dataset
    return model, dataset


def greet(options: argparse.Namespace) -> None:
    """Say at once, to somebody at a terminal, what is going to be done."""
    if not sys.stderr.isatty():
        return
    model, dataset = _names(options)
    words = " on ".join(filter(None, (model, dataset)))
    words = ", ".join(filter(None, (words, options.config_files, options.resume)))
    version = recbole_poem.__version__
    print(f"recbole_poem {version}: {words}; loading torch and RecBole ...", file=sys.stderr)

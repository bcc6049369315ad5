"""``recbole-poem train``: RecBole's flags and ``--resume``; what a command without a verb is."""

import argparse
import sys
from typing import Any, Dict, List, Optional, Set, Tuple

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
    add("--model", "-m", help="name of the model (default, where no file names one: POEM)")
    add("--dataset", "-d", help="name of the data set (default, where no file names one: ml-100k)")
    add("--config_files", help="YAML files, separated by blanks")
    add("--nproc", type=int, help="processes to train on (default: 1)")
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
    if options.nproc is not None:
        keys["nproc"] = options.nproc
    if options.resume == "":
        raise InputError("--resume names no checkpoint")
    if options.resume is not None:
        of_dataset = {} if options.dataset is None else {"dataset": options.dataset}
        keys["resume"] = named_checkpoint(options.resume, {**keys, **of_dataset})
    if options.verbose is not None:
        keys["verbose"] = options.verbose
    # torch and RecBole take seconds to load, and the line above is to come before
    from recbole_poem.cli.outcome import outcome
    from recbole_poem.core.config_files import read_config_file
    from recbole_poem.core.run_log import end_log
    from recbole_poem.training.quick_start import train

    named = {key for file in _files(options) for key in read_config_file(file)}
    model, dataset = _usual(options, named)
    try:
        finished = train(model, dataset, _files(options), keys)
        show(outcome(finished, with_baselines=not options.no_baselines))
    finally:
        end_log()
    return 0


def _files(options: argparse.Namespace) -> List[str]:
    """Return the YAML files that are named."""
    files: List[str] = (options.config_files or "").split()
    if options.config_files is not None and not files:
        raise InputError("--config_files names no file")
    return files


def _names(options: argparse.Namespace) -> Tuple[Optional[str], Optional[str]]:
    """Return model and data set: what is given, or the usual ones where nothing else may say."""
    return _usual(options, set() if options.config_files is None else {"model", "dataset"})


def _usual(options: argparse.Namespace, named: Set[str]) -> Tuple[Optional[str], Optional[str]]:
    """Return what is given, or the usual; None of what a checkpoint or a file has `named`."""
    model, dataset = options.model, options.dataset
    if options.resume is None and "resume" not in named:
        model = "POEM" if model is None and "model" not in named else model
        dataset = "ml-100k" if dataset is None and "dataset" not in named else dataset
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

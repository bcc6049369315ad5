"""``recbole-poem train``: RecBole's flags and ``--resume``; what a command without a verb is."""

import argparse
from typing import Any, Dict, List, Tuple

import recbole_poem
from recbole_poem.cli.command import named_checkpoint, read_arguments, verb_parser
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
    if "--doctor" in arguments:
        raise InputError("--doctor is a verb now; write recbole-poem doctor")
    return read_arguments(parser, arguments)


def run(arguments: List[str]) -> int:
    """Train, and return the exit status."""
    options, keys = parse(arguments)
    stack.require()
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
    fresh = options.resume is None and files is None
    recbole_poem.run_recbole_poem(
        model="POEM" if options.model is None and fresh else options.model,
        dataset="ml-100k" if options.dataset is None and fresh else options.dataset,
        config_file_list=files,
        config_dict=keys,
    )
    return 0

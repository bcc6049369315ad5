"""The command: RecBole's flags, ``--doctor`` and ``--resume``; nothing but argument handling.

``python -m recbole_poem --model=POEM --dataset=ml-100k --epochs=50``
"""

import argparse
import sys
from typing import Any, Dict, List, Optional

import recbole_poem
from recbole_poem.cli import doctor
from recbole_poem.cli.command import exit_status, read_arguments
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError


def parse(arguments: List[str]) -> "tuple[argparse.Namespace, Dict[str, Any]]":
    """Split a command line into the named options and the keys ``--key=value``.

    Raises
    ------
    InputError
        For an argument of another form.
    """
    parser = argparse.ArgumentParser(
        prog="run_recbole_poem.py",
        description="Train, validate and test POEM or any model of RecBole.",
        epilog="Any key of the configuration may follow as --key=value; properties/model/POEM.yaml "
        "explains those of POEM.",
        allow_abbrev=False,
    )
    parser.add_argument("--model", "-m", help="name of the model (default, without files: POEM)")
    parser.add_argument(
        "--dataset", "-d", help="name of the data set (default, without files: ml-100k)"
    )
    parser.add_argument("--config_files", help="YAML files, separated by blanks")
    parser.add_argument("--nproc", type=int, default=1, help="processes to train on")
    parser.add_argument("--resume", metavar="CHECKPOINT", help="continue an interrupted run")
    parser.add_argument("--doctor", action="store_true", help="check the installation and stop")
    return read_arguments(parser, arguments)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command; return its exit status: 0, 1 (doctor), 2 (bad input) or 130 (Ctrl-C)."""
    return exit_status(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: List[str]) -> int:
    options, keys = parse(arguments)
    if options.doctor:
        return doctor.report()
    stack.require()
    if options.nproc != 1:
        keys["nproc"] = options.nproc
    if options.resume == "":
        raise InputError("--resume names no checkpoint")
    if options.resume is not None:
        keys["resume"] = options.resume
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


if __name__ == "__main__":
    sys.exit(main())

"""The verbs of `recbole-poem`, and the way from a command line to one of them."""

import importlib
import sys
from typing import Dict, List, Optional, Tuple

from recbole_poem.cli.command import exit_status, show
from recbole_poem.core.errors import InputError, nearest

#: verb -> what it does; its module in this folder has the same name
VERBS: Dict[str, str] = {
    "train": "train, validate and test a model",
    "recommend": "answer users, or a file of requests, by a trained checkpoint",
    "serve": "answer requests over HTTP by a trained checkpoint",
    "replay": "play the end of a log as live traffic",
    "tune": "search good hyper-parameters of a model",
    "benchmark": "train models side by side, and report which is better",
    "compare": "compare two rows of a benchmark, on all test rows or on parts of them",
    "convert": "turn a table of events, or a public data set, into atomic files",
    "simulate": "a closed-loop world: write its data, test two cascades in it, fit it to a log",
    "doctor": "check the installation",
    "components": "list the components of every stage, and their settings",
}

_USAGE = "usage: recbole-poem [VERB] [--option ...] [--key=value ...]"
_MORE = (
    "recbole-poem VERB --help shows the options of a verb. Options without a verb train:\n"
    "recbole-poem --model=POEM is recbole-poem train --model=POEM."
)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        Behind the name of the command; default: those of this process.

    Returns
    -------
    int
        The exit status: 0; 1, what was asked for was done in part; 2, bad input; 130, Ctrl-C.
    """
    return exit_status(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: List[str]) -> int:
    if arguments[:1] in ([], ["--help"], ["-h"]):
        show(help_text())
        return 0 if arguments else 2
    verb, rest = split_verb(arguments)
    status: int = importlib.import_module(f"recbole_poem.cli.{verb}").run(rest)
    return status


def split_verb(arguments: List[str]) -> Tuple[str, List[str]]:
    """Return the verb of a command line, ``train`` where it has none, and what follows.

    Raises
    ------
    InputError
        For an unknown verb; names the nearest.
    """
    if not arguments or arguments[0].startswith("-") or "=" in arguments[0]:
        return "train", arguments
    if arguments[0] not in VERBS:
        raise InputError(f"there is no verb '{arguments[0]}'{nearest(arguments[0], VERBS)}")
    return arguments[0], arguments[1:]


def help_text() -> str:
    """Return what ``recbole-poem --help`` prints: each verb with what it does."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:{width}}  {meaning}" for verb, meaning in VERBS.items()]
    return "\n".join([_USAGE, "", *lines, "", _MORE])

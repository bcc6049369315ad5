"""``recbole-poem serve --checkpoint F --store redis://localhost``: answers over HTTP."""

import argparse
import os
import socket
from pathlib import Path
from typing import Any, Dict, List, Tuple

from recbole_poem.cli.command import named_checkpoint, read_arguments, verb_parser
from recbole_poem.core import stack
from recbole_poem.core.errors import InputError

#: where the bearer token may stand, so that no list of processes shows it
TOKEN_VARIABLE = "RECBOLE_POEM_TOKEN"


def parse(arguments: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Split a command line into the named options and the keys to change.

    Raises
    ------
    InputError
        For an argument of another form, or one that is given twice.
    """
    parser = verb_parser(
        "serve",
        "Answer requests over HTTP by a trained checkpoint: POST /recommend, "
        "/rankings, /feedback; GET /health, /metrics; /docs describes them. A new checkpoint at "
        "the same path takes over without a pause.",
        "Keys of the configuration, such as --data_path=DIR, may follow as --key=value. A "
        f"bearer token is asked for where the environment variable {TOKEN_VARIABLE} holds one.",
        argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        required=True,
        help="file that the training command wrote; latest = the youngest in --checkpoint_dir now",
    )
    add("--store", default="memory", help="memory, or redis://... which several servers may share")
    add(
        "--approximate",
        action="store_true",
        help="search an index of the items, which is kept beside the checkpoint, not all of them",
    )
    add(
        "--warm_start",
        action="store_true",
        help="put the histories of the data set's users, and their last rankings in the request "
        "cache, into the store before the first answer; what the store has already stays",
    )
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 = every network")
    add("--port", type=int, default=8080, help="port to listen at")
    add("--threads", type=int, default=1, help="of the processor, for the model")
    add("--seconds_to_live", type=float, default=86_400.0, help="until a ranking counts as none")
    add("--store_timeout", type=float, default=0.005, help="seconds that Redis may take")
    add("--max_users", type=int, default=100_000, help="users whom the memory store remembers")
    add("--max_batch", type=int, default=64, help="requests that are answered together")
    add("--max_waiting", type=int, default=1024, help="requests that may wait; more get 503")
    add("--budget", type=float, default=0.2, help="seconds that a request may wait; then 503")
    add("--max_bytes", type=int, default=2_000_000, help="of a body; more get 413")
    add("--rate", type=float, default=None, help="requests a second from one address; more get 429")
    add("--burst", type=int, default=100, help="requests at once from one address, with --rate")
    add("--max_connections", type=int, default=1000, help="at once; more get 503")
    return read_arguments(parser, arguments)


def run(arguments: List[str]) -> int:
    """Serve until it is told to end, and return the exit status."""
    options, keys = parse(arguments)
    stack.require()
    # RecBole, torch and the rest are loaded now, after their versions have been checked
    try:
        from recbole_poem.serving.web.server import serve
    except ModuleNotFoundError as error:
        raise InputError(
            f"the service needs the package '{error.name}'; install the extra [serve]"
        ) from error
    options.checkpoint = Path(named_checkpoint(options.checkpoint, keys))
    with _listening(options.host, options.port) as listener:
        serve(options, keys, listener, os.environ.get(TOKEN_VARIABLE))
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address.

    Raises
    ------
    InputError
        If it cannot be.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"host, port: cannot listen at {host}:{port}: {reason}") from error
    return listener

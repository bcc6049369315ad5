"""The one exception that means: the input is wrong, and this sentence says what to do."""

from difflib import get_close_matches
from typing import Any, Iterable


class InputError(ValueError):
    """Bad input from outside: a file, a column, a key, a value.

    Its message is one sentence that names the culprit and the remedy. The command prints it
    without a traceback; every other exception is a defect and keeps its traceback.
    """


def nearest(name: Any, known: Iterable[str], n_listed: int = 12) -> str:
    """Return what to add to an error about an unknown name: the nearest one, or those there are."""
    known = sorted(known)
    near = get_close_matches(str(name), known, n=1)
    if near:
        return f"; the nearest is '{near[0]}'"
    return f"; known are {', '.join(known)}" if 0 < len(known) <= n_listed else ""

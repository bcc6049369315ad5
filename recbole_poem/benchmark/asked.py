"""What a plan may be asked for: each check ends in one sentence that names the argument."""

from typing import Any, Sequence

from recbole_poem.errors import InputError


def refuse_twice(name: str, values: Sequence[Any], remedy: str = "") -> None:
    """Refuse values of which two are the same.

    Raises
    ------
    InputError
        If there are such, with a `remedy` behind it.
    """
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{name}: {value!r} is there twice{remedy}")

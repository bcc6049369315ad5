"""Bounds that users set."""

from recbole_poem.errors import InputError


def above_zero(**values: float) -> None:
    """Check bounds, by their names.

    Raises
    ------
    InputError
        For the first that is not above 0.
    """
    for name, value in values.items():
        if not value > 0:
            raise InputError(f"{name}: expected a number above 0, not {value!r}")

"""Item tokens as users give them: lists of texts or whole numbers, never one text for a list."""

from collections.abc import Iterable, Mapping, Set
from reprlib import repr as short
from typing import Any, List, Optional

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_whole_type, types_of

_LISTS = (list, tuple)  # at a glance
_PLAIN = frozenset({str, int})  # at a glance
_EXPECTED = "expected a text or a whole number"


def listed(name: str, tokens: Any, of: str = "item tokens") -> List[Any]:
    """Return an iterable of tokens as a list.

    Parameters
    ----------
    name : str
        Of what brings them, for the message.
    tokens : iterable
        Of texts or whole numbers; those of numpy count as well.
    of : str
        What the tokens are, for the message.

    Raises
    ------
    InputError
        For one text in place of a list, a mapping, a table, and a token that is none.
    """
    if not isinstance(tokens, _LISTS):
        _require_iterable(name, tokens, of)
    found = list(tokens)
    place = first_wrong(found)
    if place is not None:
        raise no_token(name, found[place], place)
    return found


def ordered(name: str, tokens: Any, of: str = "item tokens") -> int:
    """Return the length of a list in which the order counts; its tokens are not looked at.

    Raises
    ------
    InputError
        For what `listed` does not take, a set, which has no order, and what can be read once only.
    """
    if not isinstance(tokens, _LISTS):
        _require_iterable(name, tokens, of)
        if isinstance(tokens, Set) or not hasattr(tokens, "__len__"):
            raise InputError(f"{name}: expected a list of {of}, not {short(tokens)}")
    return len(tokens)


def token(name: str, given: Any) -> str:
    """Return a single token.

    Raises
    ------
    InputError
        If it is no text and no whole number.
    """
    if first_wrong([given]) is not None:
        raise InputError(f"{name}: {_EXPECTED}, not {short(given)}")
    return str(given)


def first_wrong(tokens: List[Any]) -> Optional[int]:
    """Return the place of the first that is no token: no text and no whole number."""
    wrong = {kind for kind in types_of(tokens) - _PLAIN if not _is_token_type(kind)}
    if not wrong:
        return None
    return next(place for place, one in enumerate(tokens) if type(one) in wrong)


def no_token(name: str, given: Any, place: int) -> InputError:
    """Return the error that names what is no token, and its place in a list."""
    return InputError(f"{name}: {_EXPECTED}, not {short(given)} at place {place}")


def _is_token_type(kind: type) -> bool:
    return issubclass(kind, str) or is_whole_type(kind)


def _require_iterable(name: str, tokens: Any, of: str) -> None:
    if isinstance(tokens, str):
        raise InputError(f"{name}: expected a list of {of}, not the string {short(str(tokens))}")
    if (
        not isinstance(tokens, Iterable)
        or isinstance(tokens, (bytes, bytearray, Mapping))
        or getattr(tokens, "ndim", 1) != 1  # a table, or a single value in numpy's clothes
    ):
        words = " ".join(short(tokens).split())  # a table's takes several lines
        raise InputError(f"{name}: expected a list of {of}, not {words}")

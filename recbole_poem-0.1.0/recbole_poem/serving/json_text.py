"""JSON that says one thing: no key twice, no NaN, no half of a character."""

import json
from typing import Any, Dict, List, Tuple

from recbole_poem.core.errors import InputError


def parse(text: str) -> Any:
    """Return what a text in JSON says.

    Raises
    ------
    InputError
        Saying what is wrong: it is no JSON, a key is there twice in one mapping, a number is NaN or
        Infinity, which JSON does not know, or half of a surrogate pair stands alone.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"it is no JSON ({error})") from error
    if "\\u" in text:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "it holds half of a surrogate pair, which is no character; write both halves"
            ) from error
    return found


def _once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise InputError(f"the key '{twice}' is there twice; leave one of them")
    return found


def _no_number(name: str) -> float:
    raise InputError(
        f"{name} is no number of JSON; write a number, or null for a time that is not known"
    )

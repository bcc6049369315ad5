"""What the text in a cell of a table says: tokens and numbers separated by blanks."""

import re
from typing import Any, Callable, Dict, List, Optional, Union

#: blanks, tabs and line ends; a blank of another alphabet may be a part of a token
_BLANKS = re.compile(r"[ \t\r\n\f\v]+")
_WHOLE = re.compile("[0-9]{1,18}")
_SWITCHES = {"true": True, "false": False}


def value_of(column: str, text: str) -> Any:
    """Return the value of a cell; what has another form is returned as the text, to be refused.

    Parameters
    ----------
    column : str
        Of a file of requests.
    text : str
        An empty one says nothing: the value is None, but of a history an empty list.
    """
    return _READERS.get(column, _as_it_is)(text)


def _as_it_is(text: str) -> str:
    return text


def _words(text: str) -> List[str]:
    return [word for word in _BLANKS.split(text) if word]


def _words_or_none(text: str) -> Optional[List[str]]:
    return _words(text) or None


def _numbers(text: str) -> Optional[List[Union[float, str]]]:
    return list(map(_number, _words(text))) or None


def _number(word: str) -> Union[float, str]:
    try:
        return word if "_" in word else float(word)
    except ValueError:
        return word


def _whole(text: str) -> Union[int, str, None]:
    return int(text) if _WHOLE.fullmatch(text) else text or None


def _switch(text: str) -> Union[bool, str, None]:
    return _SWITCHES.get(text.lower(), text or None)


_READERS: Dict[str, Callable[[str], Any]] = {
    "history": _words,
    "times": _numbers,
    "k": _whole,
    "allow": _words_or_none,
    "deny": _words_or_none,
    "filter_seen": _switch,
}

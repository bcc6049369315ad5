"""A request from the fields of a line: every field is obeyed or refused."""

from difflib import get_close_matches
from math import nan
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.serving.bounds import switch, whole_number
from recbole_poem.serving.history import checked_times
from recbole_poem.serving.query import Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.tokens import listed, token

#: of a line, and of a ranking in it
FIELDS = ("request", "history", "times", "ranking", "older", "k", "allow", "deny", "filter_seen")
_RANKING = ("items", "objectives", "scores")
_FORMER = {"entry": "ranking"}  # what a field was called, and what it is called now


class Request(NamedTuple):
    """One request of a file; None where the line does not say it."""

    number: int  # of its line
    name: str
    history: List[str]
    ranking: Optional[Ranking]
    times: Optional[Sequence[float]] = None  # of the items of the history
    k: Optional[int] = None
    allow: Optional[List[str]] = None
    deny: Optional[List[str]] = None
    filter_seen: Optional[bool] = None
    older: Sequence[Optional[Ranking]] = ()  # rankings before that, the youngest first

    def query(self, k: int, filter_seen: bool) -> Query:
        """Return what is asked, with what holds for requests that do not say it themselves.

        It is asked at a time that is not known: behind the training rows, at no hour of the day.
        """
        return Query(
            self.history,
            self.ranking,
            k=k if self.k is None else self.k,
            filter_seen=filter_seen if self.filter_seen is None else self.filter_seen,
            allow=self.allow,
            deny=self.deny or (),
            times=self.times,
            time=nan,
            older=self.older,
        )


def parse_request(number: int, fields: Any) -> Request:
    """Read a request from the fields of a line.

    Parameters
    ----------
    number : int
        Of the line.
    fields : dict
        Of `FIELDS`; ``request`` and ``history`` have to be there, None is as if it were not.

    Raises
    ------
    InputError
        Saying what is wrong with which field.
    """
    if not isinstance(fields, dict):
        raise InputError("it is no mapping of names to values")
    refuse_unknown("the field", fields, FIELDS)
    if fields.get("history") is None:
        raise InputError("'history' is missing or no list of item tokens")
    name, history = _name(fields.get("request")), _tokens("history", fields)
    times, k, seen = fields.get("times"), fields.get("k"), fields.get("filter_seen")
    return Request(
        number,
        name,
        history or [],
        _ranking("ranking", fields.get("ranking")),
        None if times is None else checked_times("'times'", times, len(history or [])),
        None if k is None else whole_number("'k'", k),
        _tokens("allow", fields),
        _tokens("deny", fields),
        None if seen is None else switch("'filter_seen'", seen),
        _older(fields.get("older")),
    )


def refuse_unknown(what: str, given: Iterable[Any], known: Tuple[str, ...]) -> None:
    """Refuse a name that is not known.

    Parameters
    ----------
    what : str
        That the names are of.
    given : iterable of str
    known : tuple of str

    Raises
    ------
    InputError
        Naming it and the nearest known one.
    """
    for name in given:
        if name not in known:
            near = get_close_matches(_FORMER.get(str(name), str(name)), known, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise InputError(
                f"it has {what} '{name}', of which nothing is read; {hint}known are "
                f"{', '.join(known)}"
            )


def _name(given: Any) -> str:
    if given is None:
        raise InputError("'request' is missing or no name")
    name = token("'request'", given)
    if not name or any(sign in name for sign in "\0\r\n"):
        raise InputError(f"'request': expected a name of one line, not {name!r}")
    return name


def _tokens(field: str, fields: Dict[str, Any]) -> Optional[List[str]]:
    given = fields.get(field)
    if given is None:
        return None
    tokens = list(map(str, listed(f"'{field}'", given)))
    if "" in tokens:
        raise InputError(f"'{field}': the token at place {tokens.index('')} is empty")
    return tokens


def _older(given: Any) -> Tuple[Optional[Ranking], ...]:
    if not isinstance(given, (list, type(None))):
        raise InputError("'older' has to be a list of rankings, the youngest first")
    return tuple(_ranking("older", fields) for fields in given or ())


def _ranking(field: str, fields: Any) -> Optional[Ranking]:
    if fields is None:
        return None
    if not isinstance(fields, dict):
        raise InputError(f"'{field}' has to be a mapping of the lists items, objectives and scores")
    refuse_unknown(f"in '{field}' the field", fields, (*_RANKING, "stages"))
    for name in _RANKING:
        if fields.get(name) is None:
            raise InputError(f"'{field}' has no field '{name}'")
    try:
        items, objectives, scores = (fields[name] for name in _RANKING)
        return Ranking.of(items, objectives, scores, fields.get("stages"))
    except InputError as error:
        raise InputError(f"'{field}': {error}") from error

"""One question to the recommender and its answer, as a service has them."""

from typing import Any, List, NamedTuple, Optional, Sequence

from recbole_poem.core.errors import InputError
from recbole_poem.serving.bounds import switch, whole_number
from recbole_poem.serving.history import moments
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.tokens import listed, ordered


class Query(NamedTuple):
    """What one user asks for.

    Attributes
    ----------
    history : sequence of str or int
        Raw item tokens, oldest first.
    ranking : Ranking, optional
        What the ranking stage said at the user's previous request.
    k : int
        Length of the list, from 1.
    filter_seen : bool
        Whether items of the history may not be recommended.
    allow : sequence of str or int, optional
        The only items that may be recommended.
    deny : sequence of str or int
        Items that may not.
    draw : int, optional
        Key of the random draw from the ranking's groups, from 0; the history as a rule, so that
        the same request gets the same answer.
    times : sequence of float, optional
        When the items of the history were dealt with, as many, in the unit of the data set's time;
        NaN = not known. Where they descend, no gap is known.
    time : float, optional
        When it is asked, in the unit of the data set's time: what was popular then counts. None =
        now, by the clock of this machine. NaN = not known: what was popular at the end of the
        training rows counts, and no hour of the day. It may lie before times of the history, whose
        items count all the same.
    older : sequence of Ranking or None
        What it said at the requests before that, the youngest first; for a model that reads
        several rankings (the key ``n_rankings``).
    """

    history: Sequence[str]
    ranking: Optional[Ranking] = None
    k: int = 10
    filter_seen: bool = True
    allow: Optional[Sequence[str]] = None
    deny: Sequence[str] = ()
    draw: Optional[int] = None
    times: Optional[Sequence[float]] = None
    time: Optional[float] = None
    older: Sequence[Optional[Ranking]] = ()

    @property
    def rankings(self) -> List[Optional[Ranking]]:
        """All rankings that it brings, the youngest first."""
        return [self.ranking, *self.older]


def checked(queries: Sequence[Query]) -> List[Query]:
    """Return queries whose parts are what `Query` says; the tokens of histories are still to check.

    Raises
    ------
    InputError
        Naming the part, and the query by its place.
    """
    if isinstance(queries, Query) or not hasattr(queries, "__len__"):
        raise InputError(f"queries: expected a list of them, not one {type(queries).__name__}")
    return [_checked(number, query) for number, query in enumerate(queries)]


def _checked(number: int, query: Any) -> Query:
    where = f"query {number}"
    if not isinstance(query, Query):
        raise InputError(f"queries: {where} is a {type(query).__name__}, not a Query")
    n_items = ordered(f"history: {where}", query.history)
    times = None if query.times is None else moments(f"times: {where}", query.times)
    if times is not None and len(times) != n_items:
        raise InputError(f"times: {where} has {len(times)} for a history of {n_items} items")
    if not isinstance(query.older, (list, tuple)):
        raise InputError(f"older: {where} has a {type(query.older).__name__}, not a list")
    draw, time = query.draw, query.time
    return query._replace(
        k=whole_number(f"k: {where}", query.k),
        filter_seen=switch(f"filter_seen: {where}", query.filter_seen),
        allow=None if query.allow is None else listed(f"allow: {where}", query.allow),
        deny=listed(f"deny: {where}", query.deny),
        draw=None if draw is None else whole_number(f"draw: {where}", draw, least=0),
        times=None if times is None else times.tolist(),
        time=None if time is None else float(moments(f"time: {where}", [time])[0]),
    )


class Outcome(NamedTuple):
    """What came of the answer to a query.

    Attributes
    ----------
    taken : sequence of str or int
        Raw tokens of the items that the user took.
    shown : sequence of str or int
        Those that were shown; none = the head of the answer's list.
    """

    taken: Sequence[str]
    shown: Sequence[str] = ()


class Answer(NamedTuple):
    """What the model says to a query.

    Attributes
    ----------
    items : list of str
        Raw tokens, best first; fewer than k where fewer may be recommended.
    scores : list of float
        Descending; see `recbole_poem.serving.recommender.Recommender.recommend`.
    n_unknown : int
        Tokens of the history, the ranking, `allow` and `deny` that the model does not know and left
        out.
    n_known : int
        Items of the history that it knows, of which it reads as many of the last ones as it can.
    """

    items: List[str]
    scores: List[float]
    n_unknown: int
    n_known: int

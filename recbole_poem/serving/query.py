"""One question to the recommender and its answer, as a service has them."""

from typing import List, NamedTuple, Optional, Sequence

from recbole_poem.serving.entry import Entry


class Query(NamedTuple):
    """What one user asks for.

    Attributes
    ----------
    history : sequence of str
        Raw item tokens, oldest first.
    entry : Entry, optional
        What the ranking stage said at the user's previous request.
    k : int
        Length of the list, from 1.
    filter_seen : bool
        Whether items of the history may not be recommended.
    allow : sequence of str, optional
        The only items that may be recommended.
    deny : sequence of str
        Items that may not.
    draw : int, optional
        Key of the random draw from the groups of the entry; the history as a rule, so that the same
        request gets the same answer.
    times : sequence of float, optional
        When the items of the history were dealt with, as many, in the unit of the data set's time;
        NaN = not known. Where they descend, no gap is known.
    time : float, optional
        When it is asked, in the unit of the data set's time: what was popular then counts. None =
        now, by the clock of this machine.
    """

    history: Sequence[str]
    entry: Optional[Entry] = None
    k: int = 10
    filter_seen: bool = True
    allow: Optional[Sequence[str]] = None
    deny: Sequence[str] = ()
    draw: Optional[int] = None
    times: Optional[Sequence[float]] = None
    time: Optional[float] = None


class Answer(NamedTuple):
    """What the model says to a query.

    Attributes
    ----------
    items : list of str
        Raw tokens, best first; fewer than k where fewer may be recommended.
    scores : list of float
        Theirs.
    n_unknown : int
        Tokens of the history and the entry that the model does not know and left out.
    """

    items: List[str]
    scores: List[float]
    n_unknown: int

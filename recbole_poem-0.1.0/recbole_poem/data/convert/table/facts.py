"""What a log is like, as far as it decides how a model should read it."""

from typing import Dict, NamedTuple, Optional

import numpy as np

from recbole_poem.data.convert.table.events import Events


class Feedback(NamedTuple):
    """What a column of numbers says.

    Attributes
    ----------
    above : float, optional
        The least value that counts as positive feedback: the median, or the least value above the
        smallest one where the median is the smallest. None where the values are all the same.
    share : float
        Of the rows with a value, those that are positive.
    is_flag : bool
        Whether the values are 0 and 1.
    """

    above: Optional[float]
    share: float
    is_flag: bool


class Facts(NamedTuple):
    """Counts of a log.

    Attributes
    ----------
    n_rows, n_users, n_items : int
    median_rows, most_rows : int
        Rows of a user: of the median one, and of the one that 95 % of them do not exceed.
    n_short : int
        Users with fewer than three rows.
    repeats : float
        Share of the rows whose user has a row of that item already.
    first, last : float
        The times of the log.
    feedback : dict of Feedback
        By column.
    """

    n_rows: int
    n_users: int
    n_items: int
    median_rows: int
    most_rows: int
    n_short: int
    repeats: float
    first: float
    last: float
    feedback: Dict[str, Feedback]


def facts_of(events: Events) -> Facts:
    """Count what there is in the rows of a log."""
    n_items = len(events.item.tokens)
    rows = np.bincount(events.user.codes)
    pairs = np.unique(events.user.codes * n_items + events.item.codes)
    return Facts(
        n_rows=len(events),
        n_users=int((rows > 0).sum()),
        n_items=len(np.unique(events.item.codes)),
        median_rows=int(np.median(rows[rows > 0])),
        most_rows=int(np.ceil(np.quantile(rows[rows > 0], 0.95))),
        n_short=int(((rows > 0) & (rows < 3)).sum()),
        repeats=1 - len(pairs) / len(events),
        first=float(events.times.values.min()),
        last=float(events.times.values.max()),
        feedback={name: _feedback(values) for name, values in events.numbers.items()},
    )


def _feedback(values: np.ndarray) -> Feedback:
    known = values[~np.isnan(values)]
    if not len(known) or known.min() == known.max():
        return Feedback(None, 0.0, False)
    above = float(np.quantile(known, 0.5, method="higher"))
    if above == known.min():
        above = float(known[known > above].min())
    is_flag = bool(np.isin(known, (0, 1)).all())
    return Feedback(above, float((known >= above).mean()), is_flag)

"""What may not be recommended to whom."""

from typing import Any, Collection, Iterable, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from recbole_poem.serving.histories import FlatHistories
from recbole_poem.serving.query import Query
from recbole_poem.serving.vocabulary import Vocabulary


class Limits(NamedTuple):
    """What may not be recommended to B requests.

    Attributes
    ----------
    row, item : (C,) int64
        Pairs of a request and an item that it may not get.
    allowed : (B, n_items) or (1, n_items) bool, or None
        The only items that may be recommended, where that is limited.
    """

    row: np.ndarray
    item: np.ndarray
    allowed: Optional[np.ndarray]

    def of(self, rows: np.ndarray) -> "Limits":
        """Return those of some of the requests, by their places in ascending order."""
        kept = np.isin(self.row, rows)
        allowed = self.allowed
        if allowed is not None and len(allowed) > 1:
            allowed = allowed[rows]
        return Limits(np.searchsorted(rows, self.row[kept]), self.item[kept], allowed)


def same_for_all(
    histories: FlatHistories,
    filter_seen: bool,
    allow: Optional[np.ndarray],
    deny: np.ndarray,
) -> Limits:
    """Return limits that all requests share.

    Parameters
    ----------
    histories : FlatHistories
        Of B requests.
    filter_seen : bool
        Whether items of a history may not be recommended.
    allow : (1, n_items) bool, or None
        From `mask`.
    deny : (D,) int64
    """
    row, item = _seen(histories) if filter_seen else (np.zeros(0, np.int64),) * 2
    n_requests = len(histories.request)
    denied = np.repeat(np.arange(n_requests), len(deny))
    return Limits(np.r_[row, denied], np.r_[item, np.tile(deny, n_requests)], allow)


def of_each(queries: Sequence[Query], histories: FlatHistories, vocabulary: Vocabulary) -> Limits:
    """Return what each query says."""
    row, item = _seen(histories)
    filtered = np.array([query.filter_seen for query in queries], dtype=bool)[row]
    rows, items = [row[filtered]], [item[filtered]]
    for place, query in enumerate(queries):
        if query.deny:
            items.append(known(query.deny, vocabulary))
            rows.append(np.full(len(items[-1]), place))
    allowed = None
    if any(query.allow is not None for query in queries):
        everything = np.ones((1, len(vocabulary)), dtype=bool)
        masks = [
            everything if query.allow is None else mask(query.allow, vocabulary)
            for query in queries
        ]
        allowed = np.concatenate(masks)
    return Limits(np.concatenate(rows), np.concatenate(items), allowed)


def mask(tokens: Iterable[Any], vocabulary: Vocabulary) -> np.ndarray:
    """Mark the items of some tokens, (1, n_items) bool."""
    marks = np.zeros((1, len(vocabulary)), dtype=bool)
    marks[0, known(tokens, vocabulary)] = True
    return marks


def known(tokens: Iterable[Any], vocabulary: Vocabulary) -> np.ndarray:
    """Return the ids of those tokens that the model knows, int64."""
    ids = vocabulary.ids(list(tokens))
    return ids[ids > 0]


def n_unknown(tokens: Collection[Any], vocabulary: Vocabulary) -> int:
    """Return how many of some tokens the model does not know, and no limit can name."""
    return len(tokens) - len(known(tokens, vocabulary))


def _seen(histories: FlatHistories) -> Tuple[np.ndarray, np.ndarray]:
    """Return the pairs of a request's place and an item of its history."""
    return np.repeat(np.arange(len(histories.request)), histories.length), histories.item

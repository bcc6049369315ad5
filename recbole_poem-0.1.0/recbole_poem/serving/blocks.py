"""Requests that are ranked so many at once as their scores may be held."""

from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple

import numpy as np
import pandas as pd

from recbole_poem.serving.limits import Limits
from recbole_poem.serving.requests import Requests
from recbole_poem.serving.reranked import Ranker


class Block(NamedTuple):
    """What a ranker says of R of the requests.

    Attributes
    ----------
    rows : range
        Their places among all requests.
    items : (R, k) int64
    scores : (R, k) float32
        -inf where there is no more to recommend.
    """

    rows: range
    items: np.ndarray
    scores: np.ndarray


def in_blocks(
    ranker: Ranker,
    requests: Requests,
    lengths: np.ndarray,
    limits: Callable[[Requests, slice], Limits],
    size: int,
) -> Iterator[Block]:
    """Rank B requests, some after the others.

    Parameters
    ----------
    ranker : Ranker
    requests : Requests
    lengths : (B,) int64
        Of their lists, from 1.
    limits : function
        From a block's requests, and where they are among all, to what they may not get.
    size : int
        Requests of a block; one at least.
    """
    for begin in range(0, len(requests), max(1, size)):
        rows = range(begin, min(begin + max(1, size), len(requests)))
        where = slice(rows.start, rows.stop)
        part = requests if len(rows) == len(requests) else requests.of(np.asarray(rows))
        yield Block(rows, *ranker.best(part, limits(part, where), int(lengths[where].max())))


def as_table(blocks: Iterable[Block], names: np.ndarray, tokens: np.ndarray) -> pd.DataFrame:
    """Return what rankers say as the rows of a table.

    Parameters
    ----------
    blocks : iterable of Block
    names : (B,) object
        Of all requests.
    tokens : (n_items,) object
        Of the items.

    Returns
    -------
    DataFrame
        Columns request, rank (from 1), item, score; a row for each item that may be recommended.
    """
    columns: Dict[str, List[np.ndarray]] = {"request": [], "rank": [], "item": [], "score": []}
    for rows, items, scores in blocks:
        row, place = (scores > -np.inf).nonzero()
        columns["request"].append(names[row + rows.start])
        columns["rank"].append(place + 1)
        columns["item"].append(tokens[items[row, place]])
        columns["score"].append(scores[row, place])
    return pd.DataFrame(
        {name: np.concatenate(parts) if parts else [] for name, parts in columns.items()}
    )

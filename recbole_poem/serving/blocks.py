"""Requests that are ranked so many at once as their scores may be held."""

from typing import Callable, Iterator, NamedTuple

import numpy as np

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

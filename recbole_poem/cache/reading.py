"""What a request reads of a request cache: an earlier ranking, less what was consumed since.

And what came of its own ranking, which is a label, and never read.
"""

from typing import Tuple

import numpy as np

from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.log.requests import RequestLog


def read_rankings(cache: RequestCache, log: RequestLog, requests: np.ndarray, lag: int) -> Rankings:
    """Read the ranking that was written `lag` requests before each of `requests`.

    Rows that were consumed from one ranking are one request: the previous request is the latest
    row before them. A ranking is stored whole, as it was when the first of its rows came;
    candidates that the user consumed from there on are dropped. Where the user has no such earlier
    request, it is empty.

    Parameters
    ----------
    requests : (...,) int64
        Request ids; -1 stands for no request.
    lag : int
        0 reads the ranking of the same request.
    """
    written = written_at(cache, log, requests, lag)
    return _read(cache, log, requests, written)


def read_latest(cache: RequestCache, log: RequestLog, last: np.ndarray, lag: int) -> Rankings:
    """Read the rankings that the next requests of users read, which no row of the log stands for.

    Parameters
    ----------
    last : (B,) int64
        Each user's last row of the log.
    lag : int
        Above 0; see `read_rankings`, which this is for a row behind the log.
    """
    return _read(cache, log, last + 1, written_at(cache, log, last, lag - 1))


def read_items(cache: RequestCache, log: RequestLog, requests: np.ndarray, lag: int) -> np.ndarray:
    """Read the candidates alone, (..., N) int64; see `read_rankings`."""
    written = written_at(cache, log, requests, lag)
    items = cache.items_of(written)
    return np.where(_consumed(cache, log, requests, written, items), 0, items)


def _read(
    cache: RequestCache, log: RequestLog, requests: np.ndarray, written: np.ndarray
) -> Rankings:
    rankings = cache.read(written)
    return rankings.kept(~_consumed(cache, log, requests, written, rankings.items))


def _consumed(
    cache: RequestCache,
    log: RequestLog,
    requests: np.ndarray,
    written: np.ndarray,
    items: np.ndarray,
) -> np.ndarray:
    """Mark candidates (..., N) that were consumed from the first row of their ranking on."""
    start = np.where(written >= 0, cache.request_start[written], requests)
    return _among(log, items, *_rows(start, requests))


def read_outcomes(
    cache: RequestCache, log: RequestLog, requests: np.ndarray, meets: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """Read the candidates of the rankings of `requests` themselves, and what came of them.

    Parameters
    ----------
    requests : (...,) int64
        Request ids; -1 stands for no request.
    meets : (L, R) bool
        Rows of the log that count as an outcome.

    Returns
    -------
    items : (..., N) int64
        Less what was consumed by then; 0 = none.
    labels : (..., N, L) bool
        Which of them were consumed from the ranking, by the request's row or a later one, in a row
        that counts.
    """
    items = read_items(cache, log, requests, lag=0)
    start = cache.request_start[requests]
    end = np.searchsorted(cache.request_start, start, side="right")  # starts ascend
    index, row = _rows(requests, np.where(requests >= 0, end, requests))
    counts = meets[:, row]
    labels = [_among(log, items, index[each], row[each]) for each in counts]
    return items, np.stack(labels, axis=-1)


def read_passed_over(
    cache: RequestCache, log: RequestLog, requests: np.ndarray, taken: np.ndarray, k: int
) -> np.ndarray:
    """Read what the rankings of `requests` had on top when they came, and no row of theirs took.

    Parameters
    ----------
    requests : (...,) int64
        Request ids; -1 stands for no request.
    taken : (R,) bool
        Rows of the log that took what they hold, and did not skip it.
    k : int
        Candidates from the top of each ranking.

    Returns
    -------
    (..., k) int64
        Best first; 0 in the place of what was taken, and where there is no candidate.
    """
    first = np.where(requests >= 0, cache.request_start[requests], requests)
    items, was_taken = read_outcomes(cache, log, first, taken[None])
    return np.where(was_taken[..., 0], 0, items)[..., :k]


def _rows(begin: np.ndarray, end: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """List the rows ``begin .. end - 1`` (...) of the log: which of the requests, and which row."""
    begin, length = begin.ravel(), (end - begin).ravel()
    index = np.repeat(np.arange(len(length)), length)
    row = np.arange(len(index)) + np.repeat(begin - (np.cumsum(length) - length), length)
    return index, row


def _among(log: RequestLog, items: np.ndarray, index: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Mark items (..., N) that the listed rows of their request hold."""
    if not len(row):
        return np.zeros(items.shape, bool)
    consumed = np.sort(index * log.n_items + log.item[row])
    request = np.arange(items.size // items.shape[-1]).reshape(*items.shape[:-1], 1)
    offered = request * log.n_items + items
    place = np.searchsorted(consumed, offered).clip(max=len(consumed) - 1)
    return np.asarray(consumed[place] == offered)


def written_at(cache: RequestCache, log: RequestLog, requests: np.ndarray, lag: int) -> np.ndarray:
    """Return the request at which the ranking was written that `requests` (...) read, -1 = none."""
    return written_before(cache.request_start, log, requests, lag)


def written_before(
    request_start: np.ndarray, log: RequestLog, requests: np.ndarray, lag: int
) -> np.ndarray:
    """Return the same by the first row of each row's ranking, (R,) int64, before there is a cache.

    See `recbole_poem.cache.request_cache.starts`.
    """
    written = requests
    for _ in range(lag):
        written = np.where(written >= 0, request_start[written] - 1, -1)
        written = np.where(written >= log.first[requests], written, -1)
    return written

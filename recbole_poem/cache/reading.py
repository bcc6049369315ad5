"""What a request reads of a request cache: an earlier ranking, less what was consumed since."""

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
    reader = requests.ravel()
    start = np.where(written >= 0, cache.request_start[written], requests).ravel()
    length = reader - start
    index = np.repeat(np.arange(len(reader)), length)
    row = np.arange(len(index)) + np.repeat(start - (np.cumsum(length) - length), length)
    if not len(row):
        return np.zeros(items.shape, bool)
    consumed = np.sort(index * log.n_items + log.item[row])
    offered = np.arange(len(reader)).reshape(*requests.shape, 1) * log.n_items + items
    place = np.searchsorted(consumed, offered).clip(max=len(consumed) - 1)
    return np.asarray(consumed[place] == offered)


def written_at(cache: RequestCache, log: RequestLog, requests: np.ndarray, lag: int) -> np.ndarray:
    """Return the request at which the ranking was written that `requests` (...) read, -1 = none."""
    written = requests
    for _ in range(lag):
        written = np.where(written >= 0, cache.request_start[written] - 1, -1)
        written = np.where(written >= log.first[requests], written, -1)
    return written

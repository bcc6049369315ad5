"""What a request reads of a request cache: an earlier ranking, less what was consumed since."""

from typing import Tuple

import numpy as np

from recbole_poem.cache.request_cache import Rankings, RequestCache
from recbole_poem.log.requests import RequestLog


def read_rankings(
    cache: RequestCache, log: RequestLog, requests: np.ndarray, lag: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Read the ranking that was written `lag` requests before each of `requests`.

    Rows that were consumed from one ranking are one request: the previous request is the latest
    row before them. The ranking knows the history up to its own request only; candidates that the
    user consumed since are dropped. Where the user has no such earlier request, it is empty.

    Parameters
    ----------
    requests : (...,) int64
        Request ids; -1 stands for no request.
    lag : int
        0 reads the ranking of the same request.

    Returns
    -------
    items (..., N) int64, 0 = none, and scores (..., N, M) float32.
    """
    written = written_at(cache, log, requests, lag)
    items, scores = cache.read(written)
    items = _without_consumed(items, log, requests, written)
    return items, scores * (items > 0)[..., None]


def read_latest(cache: RequestCache, log: RequestLog, last: np.ndarray, lag: int) -> Rankings:
    """Read the rankings that the next requests of users read, which no row of the log stands for.

    Parameters
    ----------
    last : (B,) int64
        Each user's last row of the log.
    lag : int
        Above 0; see `read_rankings`, which this is for a row behind the log.

    Returns
    -------
    items (B, N) int64, 0 = none, and scores (B, N, M) float32.
    """
    written = written_at(cache, log, last, lag - 1)
    items, scores = cache.read(written)
    items = _without_consumed(items, log, last + 1, written)
    return items, scores * (items > 0)[..., None]


def reads_something(
    cache: RequestCache, log: RequestLog, requests: np.ndarray, lag: int
) -> np.ndarray:
    """Mark `requests` (B,) whose ranking, see `read_rankings`, has a candidate left, (B,) bool."""
    written = written_at(cache, log, requests, lag)
    items = np.where(written[:, None] >= 0, cache.items[written], 0)
    return (_without_consumed(items, log, requests, written) > 0).any(axis=1)


def _without_consumed(
    items: np.ndarray, log: RequestLog, requests: np.ndarray, written: np.ndarray
) -> np.ndarray:
    """Drop from rankings (..., N) what was consumed from where they were written on."""
    ages = np.where(written >= 0, requests - written, 0)
    for age in range(1, int(ages.max(initial=0)) + 1):
        since = np.where(age <= ages, log.item[requests - age], -1)
        items[items == since[..., None]] = 0
    return items


def written_at(cache: RequestCache, log: RequestLog, requests: np.ndarray, lag: int) -> np.ndarray:
    """Return the request at which the ranking was written that `requests` (...) read, -1 = none."""
    written = requests
    for _ in range(lag):
        written = np.where(written >= 0, cache.request_start[written] - 1, -1)
        written = np.where(written >= log.first[requests], written, -1)
    return written

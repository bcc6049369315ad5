"""How much of a log the request cache covers: a cache that nobody reads is said to be none."""

from logging import getLogger
from typing import NamedTuple

import numpy as np

from recbole_poem.cache.reading import reads_something
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.errors import InputError
from recbole_poem.log.requests import RequestLog

_AT_ONCE = 2**14  # rows that are looked at together
_FEW = 0.05  # of the rows, below which a cache hardly matters


class Coverage(NamedTuple):
    """What share of a log finds a ranking.

    Attributes
    ----------
    n_requests, n_ranked : int
        Requests of the log, and those among them that have a ranking of their own.
    n_rows, n_read : int
        Rows to predict, and those among them that read one, less what was consumed since.
    """

    n_requests: int
    n_ranked: int
    n_rows: int
    n_read: int

    @property
    def words(self) -> str:
        """The shares, in a sentence."""
        return (
            f"{_share(self.n_ranked, self.n_requests)} requests have a ranking; "
            f"{_share(self.n_read, self.n_rows)} rows to predict read one"
        )


def coverage(cache: RequestCache, log: RequestLog, rows: np.ndarray, lag: int) -> Coverage:
    """Count what a cache covers.

    Parameters
    ----------
    cache : RequestCache
    log : RequestLog
    rows : (N,) int64
        Request ids of the rows to predict.
    lag : int
        Requests between a row and the ranking that it reads.
    """
    n_read = sum(
        int(reads_something(cache, log, rows[begin : begin + _AT_ONCE], lag).sum())
        for begin in range(0, len(rows), _AT_ONCE)
    )
    return Coverage(len(log), int(cache.has_ranking().sum()), len(rows), n_read)


def say_coverage(found: Coverage) -> None:
    """Tell what a cache covers, loudly where it is little.

    Raises
    ------
    InputError
        If no row to predict reads a ranking.
    """
    if not found.n_read:
        raise InputError(
            f"request cache: {found.words}, so the model would learn nothing from it; give "
            "rankings of earlier requests, or set ranking_reader and losses.system to none"
        )
    say = getLogger().warning if found.n_read < _FEW * found.n_rows else getLogger().info
    say(f"request cache: {found.words}")


def cache_words(cache: RequestCache, found: Coverage) -> str:
    """Say what a cache holds, what it covers, and whether it was made for this run."""
    n_rankings, n_candidates, n_objectives = cache.scores.shape
    origin = "built now in" if cache.was_built else "read from"
    return (
        f"{n_rankings:,} rankings of up to {n_candidates} candidates by {n_objectives} objectives "
        f"({', '.join(cache.objectives)}), {origin} {cache.path}; "
        f"{found.n_ranked / max(found.n_requests, 1):.1%} of the requests have one, "
        f"{found.n_read / max(found.n_rows, 1):.1%} of the rows to predict read one"
    )


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / max(whole, 1):.1f} %)"

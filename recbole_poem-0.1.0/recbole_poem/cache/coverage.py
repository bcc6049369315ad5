"""How much of a log the request cache covers: a cache that nobody reads is said to be none."""

from logging import getLogger
from typing import NamedTuple, Optional

import numpy as np

from recbole_poem.cache.reading import read_items, written_at
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.errors import InputError
from recbole_poem.core.times import span
from recbole_poem.log.requests import RequestLog

_AT_ONCE = 2**14  # rows that are looked at together
_FEW = 0.05  # of the rows, below which a cache hardly matters


class Coverage(NamedTuple):
    """What share of a log finds a ranking.

    Attributes
    ----------
    n_requests, n_ranked : int
        Requests of the log, and those among them that have a ranking of their own.
    n_rows, n_read, n_told : int
        Rows to predict, those among them that read a ranking with a candidate left, less what was
        consumed since, and those whose item is one of these.
    age : float or None
        The median time from the first row of a ranking to a row that reads it, in the unit of the
        log; None where no row does.
    """

    n_requests: int
    n_ranked: int
    n_rows: int
    n_read: int
    n_told: int
    age: Optional[float]

    @property
    def words(self) -> str:
        """The shares, in a sentence."""
        return (
            f"{_share(self.n_ranked, self.n_requests)} requests have a ranking; "
            f"{_share(self.n_read, self.n_rows)} rows to predict read one"
        )


def coverage(
    cache: RequestCache, log: RequestLog, rows: np.ndarray, lag: int, n_rankings: int = 1
) -> Coverage:
    """Count what a cache covers.

    Parameters
    ----------
    cache : RequestCache
    log : RequestLog
    rows : (N,) int64
        Request ids of the rows to predict.
    lag : int
        Requests between a row and the youngest ranking that it reads.
    n_rankings : int
        That it reads; it finds its item in any of them.
    """
    reads, told = np.zeros(len(rows), bool), 0
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows[begin : begin + _AT_ONCE]
        read = [read_items(cache, log, some, lag + age) for age in range(n_rankings)]
        items = np.concatenate(read, axis=1)
        reads[begin : begin + _AT_ONCE] = (items > 0).any(axis=1)
        told += int((items == log.item[some, None]).any(axis=1).sum())
    readers = rows[reads]
    since = cache.request_start[written_at(cache, log, readers, lag)]
    age = float(np.median(log.time[readers] - log.time[since])) if len(readers) else None
    ranked = int(cache.has_ranking().sum())
    return Coverage(len(log), ranked, len(rows), len(readers), told, age)


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


def cache_words(cache: RequestCache, found: Coverage, time_unit: str) -> str:
    """Say what a cache holds, what it covers, and whether it was made for this run."""
    origin = "built now in" if cache.was_built else "read from"
    kept = "scores" if cache.raw_scores else "ranks"
    age = "" if found.age is None else f", {span(found.age, time_unit)} old in the median"
    return (
        f"{cache.n_rankings:,} rankings of {cache.n_candidates:,} candidates, up to {cache.width} "
        f"each, with {kept} by {len(cache.objectives)} objectives "
        f"({', '.join(cache.objectives)}), {origin} {cache.path}; "
        f"{found.n_ranked / max(found.n_requests, 1):.1%} of the requests have one, "
        f"{found.n_read / max(found.n_rows, 1):.1%} of the rows to predict read one{age}, "
        f"and {found.n_told / max(found.n_rows, 1):.1%} find their item in it"
    )


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / max(whole, 1):.1f} %)"

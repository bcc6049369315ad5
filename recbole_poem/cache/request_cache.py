"""The request cache: what the ranking stage said, each ranking once, and which one a log row has.

A ranking takes 4 + M bytes a candidate, and has its own length. Parts are memory-mapped
(`recbole_poem.cache.parts`), so that a cache may be larger than memory. What stands in the place of
a score is minus its competition rank, unless a source keeps raw scores: a fusion of ranks makes the
same of both, to the bit.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Optional, Sequence, Tuple

import numpy as np

from recbole_poem.cache.parts import Part
from recbole_poem.cache.rankings import Rankings
from recbole_poem.core.errors import InputError
from recbole_poem.log.requests import RequestLog


@dataclass(frozen=True)
class RequestCache:
    """Candidates and scores of every ranking of a log, read from disk when asked for.

    Attributes
    ----------
    parts : sequence of Part
        One after the other, they hold all rankings.
    number : (R,) int64
        The ranking of each log row; -1 = none.
    request_start : (R,) int64
        The first row that the same ranking led to: rows consumed from one list are one request.
    begin : (n_rankings + 1,) int64
        Where the candidates of each ranking begin.
    objectives : tuple of str
        Names of the M objectives.
    path : Path
        The folder that holds the files.
    raw_scores : bool
        Whether scores are those of the source, and not minus their competition ranks.
    was_built : bool
        Whether something of it was made just now, and not found.
    found_seconds : float
        Processor seconds that building would have taken beyond those it took just now.
    made : (n_rankings,) bool, optional
        The rankings that were made, where some were left out as nobody reads them; None = all.
    """

    parts: Sequence[Part]
    number: np.ndarray
    request_start: np.ndarray
    begin: np.ndarray
    objectives: Tuple[str, ...]
    path: Path
    raw_scores: bool = field(default=False, kw_only=True)
    was_built: bool = field(default=False, kw_only=True)
    found_seconds: float = field(default=0.0, kw_only=True)
    made: Optional[np.ndarray] = field(default=None, kw_only=True)

    @classmethod
    def of_parts(
        cls,
        parts: Sequence[Part],
        number: np.ndarray,
        log: RequestLog,
        objectives: Sequence[str],
        path: Path,
        raw_scores: bool,
    ) -> "RequestCache":
        """Return the cache of parts, and of the number of each log row's ranking."""
        lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
        begin, number = np.r_[0, np.cumsum(lengths)], number.astype(np.int64)
        start = starts(number, log)
        return cls(parts, number, start, begin, tuple(objectives), path, raw_scores=raw_scores)

    @property
    def n_rankings(self) -> int:
        """How many rankings it has."""
        return len(self.begin) - 1

    @property
    def n_candidates(self) -> int:
        """How many candidates all rankings have."""
        return int(self.begin[-1])

    @cached_property
    def width(self) -> int:
        """N, the candidates of the longest ranking, from 1: what is read is as wide."""
        return max(int(np.diff(self.begin).max(initial=0)), 1)

    @property
    def has_stages(self) -> bool:
        """Whether it tells how far a candidate came."""
        return bool(self.parts) and self.parts[0].stages is not None

    def has_ranking(self) -> np.ndarray:
        """Mark the log rows whose ranking has a candidate, (R,) bool."""
        return np.r_[np.diff(self.begin) > 0, False][self.number]

    def numbers_of(self, requests: np.ndarray) -> np.ndarray:
        """Return the rankings of log rows (...); -1 is none."""
        return np.where(requests >= 0, self.number[requests], -1)

    def items_of(self, requests: np.ndarray) -> np.ndarray:
        """Return the candidates of log rows (...), (..., N) int64; -1 is no row."""
        return self._places(requests).table("items").astype(np.int64)

    def read(self, requests: np.ndarray) -> Rankings:
        """Return the rankings of log rows (...), whole; -1 is no row, whose ranking is empty."""
        places = self._places(requests)
        scores = places.table("values").astype(np.float32)
        if not self.raw_scores:
            np.negative(scores, out=scores)
        stages = places.table("stages") if self.has_stages else None
        return Rankings(places.table("items").astype(np.int64), scores, stages)

    def _places(self, requests: np.ndarray) -> "_Places":
        """Find the candidates of log rows (...), those of one part together."""
        number = self.numbers_of(requests).ravel()
        rows = number.argsort(kind="stable")
        rows = rows[np.searchsorted(number, 0, sorter=rows) :]  # those with a ranking
        self._check_made(number[rows])
        first = self.begin[number[rows]]
        length = self.begin[number[rows] + 1] - first
        place = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        at = np.repeat(first, length) + place
        order = np.full(len(number) * self.width, len(at))
        order[np.repeat(rows * self.width, length) + place] = np.arange(len(at))
        order = order.reshape(*requests.shape, self.width)
        # ascending but for rows that share a ranking, which no edge divides
        return _Places(self.parts, at, order, self._edges, np.searchsorted(at, self._edges))

    def _check_made(self, rankings: np.ndarray) -> None:
        """Refuse to read what was left out: an empty ranking would be a lie.

        Raises
        ------
        InputError
        """
        if self.made is not None and not self.made[rankings].all():
            lacking = int((~self.made[rankings]).sum())
            raise InputError(
                f"ranking_source.only_read: {self.path} lacks {lacking:,} of {len(rankings):,} "
                "rankings that are read here, for the run it was built for reads none of them; set "
                "it to False"
            )

    @cached_property
    def _edges(self) -> np.ndarray:
        """(P + 1,) int64, where the candidates of each part begin."""
        ends = np.cumsum([len(part.lengths) for part in self.parts], dtype=np.int64)
        return np.r_[0, self.begin[ends]]


@dataclass(frozen=True)
class _Places:
    """Candidates to read: C of them, in ascending order of the parts.

    Attributes
    ----------
    parts : sequence of P Part
    at : (C,) int64
        Among the candidates of all parts.
    order : (..., N) int64
        Which of them stands where in the table that is asked for; C = none.
    edges : (P + 1,) int64
        Where the candidates of each part begin.
    bounds : (P + 1,) int64
        Where those of each part begin in `at`.
    """

    parts: Sequence[Part]
    at: np.ndarray
    order: np.ndarray
    edges: np.ndarray
    bounds: np.ndarray

    def table(self, name: str) -> np.ndarray:
        """Read one array of the parts, (..., N) or (..., N, M); 0 where there is no candidate."""
        arrays = [getattr(part, name) for part in self.parts]
        found = []
        for number in np.flatnonzero(np.diff(self.bounds)):
            mine = self.at[self.bounds[number] : self.bounds[number + 1]] - self.edges[number]
            found.append(arrays[number].take(mine, axis=0))
        nothing = np.zeros((1, *arrays[0].shape[1:]), arrays[0].dtype)
        table: np.ndarray = np.concatenate([*found, nothing]).take(self.order, axis=0)
        return table


def starts(number: np.ndarray, log: RequestLog) -> np.ndarray:
    """Return the first row of each log row's ranking, (R,) int64.

    A user's rows without a ranking, which follow each other, count as of one.
    """
    is_new = np.r_[True, number[1:] != number[:-1]] | (log.position == 0)
    return np.flatnonzero(is_new)[np.cumsum(is_new) - 1]

"""The rankings of a request cache as a ranking stage sends them: raw tokens, one request at a time.

Rows that were consumed from one ranking are one request (see
`recbole_poem.cache.reading.read_rankings`). Where the cache keeps ranks, minus the rank is sent in
the place of a score: a fusion of ranks makes the same of it.
"""

from typing import Optional

import numpy as np

from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.reading import read_rankings
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.fusion.cascade_stages import names_of
from recbole_poem.log.requests import RequestLog
from recbole_poem.serving.ranking import Ranking


class LoggedRankings:
    """What the ranking stage said at the requests of a log.

    Parameters
    ----------
    cache : RequestCache
    log : RequestLog
    tokens : (n_items,) object
        Token of each item id.
    """

    def __init__(self, cache: RequestCache, log: RequestLog, tokens: np.ndarray) -> None:
        self._cache, self._log, self._tokens = cache, log, tokens

    def at(self, row: int) -> Ranking:
        """Return the ranking of a request itself, best first, less what was consumed by then."""
        return self._ranking(read_rankings(self._cache, self._log, np.array([row]), lag=0))

    def before(self, row: int) -> Optional[Ranking]:
        """Return what a store holds just before a request; None before the user's first one."""
        if self._cache.request_start[row] == self._log.first[row]:
            return None
        return self._ranking(read_rankings(self._cache, self._log, np.array([row]), lag=1))

    def is_complete(self, row: int) -> bool:
        """Tell whether nothing more is consumed from the ranking that led to a row."""
        after = row + 1
        return after == len(self._log) or bool(self._cache.request_start[after] == after)

    def _ranking(self, rankings: Rankings) -> Ranking:
        items, scores = rankings.items[0], rankings.scores[0]
        kept = items > 0
        tokens = tuple(self._tokens[items[kept]])
        stages = None if rankings.stages is None else names_of(rankings.stages[0][kept])
        return Ranking(tokens, self._cache.objectives, scores[kept], stages)

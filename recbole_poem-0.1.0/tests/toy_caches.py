"""Request caches in memory, of rankings that are padded, and what one holds as padded arrays."""

from pathlib import Path
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from recbole_poem.cache.parts import Part, ragged
from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.log.requests import RequestLog


def cache_of(
    log: RequestLog,
    items: np.ndarray,
    scores: np.ndarray,
    number: Optional[np.ndarray] = None,
    objectives: Sequence[str] = ("click", "like"),
    path: Any = Path(),
    raw_scores: bool = True,
    stages: Optional[np.ndarray] = None,
) -> RequestCache:
    """Return the cache of rankings (n, N) and (n, N, M), by default one for each row of the log."""
    part = Part(**ragged(Rankings(items, scores, stages), raw_scores))
    number = np.arange(len(log)) if number is None else number
    return RequestCache.of_parts([part], number, log, objectives, path, raw_scores)


def padded(cache: RequestCache) -> Tuple[np.ndarray, np.ndarray]:
    """Return the whole ranking of each row of the log: items (R, N), scores (R, N, M)."""
    found = cache.read(np.arange(len(cache.number)))
    return found.items, found.scores

"""A log of rows at given times, and a model that is small enough for it."""

from typing import Any

import numpy as np

from recbole_poem.log.requests import RequestLog

SMALL_POEM = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
}


def log_at(times: Any, items: Any, n_items: int, training: Any = None) -> RequestLog:
    """Return a log of users with a row each."""
    n = len(times)
    return RequestLog(
        user=np.arange(1, n + 1),
        item=np.asarray(items),
        time=np.asarray(times, dtype=float),
        first=np.arange(n),
        values={},
        n_users=n + 1,
        n_items=n_items,
        training=np.ones(n, dtype=bool) if training is None else np.asarray(training),
    )

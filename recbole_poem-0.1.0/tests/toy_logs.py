"""Request logs for the tests of the ranking sources, by hand and at random."""

from dataclasses import replace

import numpy as np

from recbole_poem.log.requests import RequestLog


def log_of(histories, n_items, training=None, times=None, **values):
    """Make the log of users 1, 2, ...: a list of items each; all rows are training by default."""
    lengths = [len(history) for history in histories]
    user = np.repeat(np.arange(1, len(histories) + 1), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    time = np.concatenate([np.arange(n) for n in lengths]) if times is None else np.array(times)
    return RequestLog(
        user=user,
        item=np.array([item for history in histories for item in history], dtype=np.int64),
        time=time.astype(float),
        first=first.astype(np.int64),
        values={name: np.array(column, dtype=float) for name, column in values.items()},
        n_users=len(histories) + 1,
        n_items=n_items,
        training=np.ones(len(user), bool) if training is None else np.array(training, bool),
    )


def random_log(seed, n_users=12, n_items=15, longest=12, n_held_out=2):
    """Make a log with repeated items, tied times, ratings, and held-out rows at users' ends."""
    rng = np.random.default_rng(seed)
    lengths = np.r_[1, 2, rng.integers(1, longest + 1, n_users - 2)]
    histories = [rng.integers(1, n_items, n).tolist() for n in lengths]
    times = np.concatenate([np.sort(rng.integers(0, 40, n)) for n in lengths])
    log = log_of(histories, n_items, times=times, rating=rng.integers(1, 6, len(times)))
    last = log.first + np.repeat(lengths, lengths) - 1
    return replace(log, training=np.arange(len(log)) <= last - n_held_out)


def with_items(log, rows, items):
    """Return the log with other items in some rows."""
    item = log.item.copy()
    item[rows] = items
    return replace(log, item=item)

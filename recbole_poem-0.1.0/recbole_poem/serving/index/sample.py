"""Requests from the training rows of a log: what the model will be asked, more or less."""

import numpy as np

from recbole_poem.log.requests import RequestLog
from recbole_poem.serving.histories import FlatHistories
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.ranking_batch import empty
from recbole_poem.serving.requests import Requests


def sample_requests(log: RequestLog, number: int, needs: Needs) -> Requests:
    """Return requests at random training rows that have a history, without rankings.

    Parameters
    ----------
    log : RequestLog
    number : int
        Fewer are returned where there are not so many rows.
    needs : Needs
        What the model reads in a ranking.
    """
    rows = np.flatnonzero(log.training & (log.position > 0))
    rows = np.random.default_rng(0).choice(rows, min(number, len(rows)), replace=False)
    row = log.rows_before(rows)[1]
    length = rows - log.first[rows]
    begin = np.r_[0, np.cumsum(length)]
    histories = FlatHistories(
        rows.astype(object), log.item[row], log.time[row], begin, np.zeros_like(rows)
    )
    rankings = empty(len(rows), needs)
    now = np.full(len(rows), np.nan)  # the service is asked now, whenever the rows were
    return Requests(histories, rankings, np.full(len(rows), -1), now)

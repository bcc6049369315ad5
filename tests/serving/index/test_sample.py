"""Requests that are drawn from a log: what was before each row, and how long apart."""

import numpy as np

from recbole_poem.log.requests import RequestLog
from recbole_poem.serving.index.sample import sample_requests
from recbole_poem.serving.ranking import Needs


def test_a_sample_holds_what_was_before_its_rows() -> None:
    log = RequestLog(
        user=np.array([1, 1, 1, 2, 2, 2]),
        item=np.array([3, 1, 2, 2, 3, 1]),
        time=np.arange(6.0),
        first=np.array([0, 0, 0, 3, 3, 3]),
        values={},
        n_users=3,
        n_items=4,
        training=np.array([True, True, True, True, True, False]),
    )
    found = sample_requests(log, 10, Needs(["click", "like"]))
    rows = found.histories.request.astype(int)
    assert sorted(rows) == [1, 2, 4]
    for row, begin, end in zip(rows, found.histories.begin, found.histories.begin[1:]):
        before = slice(log.first[row], row)
        assert found.histories.item[begin:end].tolist() == log.item[before].tolist()
        assert found.histories.time[begin:end].tolist() == log.time[before].tolist()

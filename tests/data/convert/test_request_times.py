"""Times of requests, against a loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.data.convert.request_times import apart


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6))))
def test_requests_move_apart_by_no_more_than_they_must(requests):
    requests = sorted(requests)
    user, time = np.array(requests, dtype=np.int64).reshape(-1, 2).T
    expected = []
    for place, (who, when) in enumerate(requests):
        follows = place and requests[place - 1][0] == who
        expected.append(max(when, expected[-1] + 1) if follows else when)
    assert list(apart(user, time)) == expected
    assert list(time) == [when for _, when in requests]  # what came in stays

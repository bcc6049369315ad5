"""Processor seconds of this process, and of what others do for it."""

import hashlib
import time
from functools import partial

import pytest

from recbole_poem.core.meter import Meter
from recbole_poem.core.workers import open_map

#: from a number of rounds to a hash: work that is done without Python
WORK = partial(hashlib.pbkdf2_hmac, "sha256", b"word", b"salt")
ROUNDS = [600_000] * 3


@pytest.mark.parametrize("where", [{}, {"threads": 2}, {"ray": 2}], ids=["one", "threads", "ray"])
def test_the_work_of_a_map_counts_wherever_it_is_done(where):
    begin = time.thread_time()
    expected = [WORK(rounds) for rounds in ROUNDS]
    took = time.thread_time() - begin
    with open_map(**where) as parallel_map:
        list(parallel_map(abs, [1]))  # Ray's start is not what is measured
        meter = Meter()
        assert list(meter.metered(parallel_map)(WORK, ROUNDS)) == expected
        assert 0.6 * took < meter.seconds < 2 * took + 1


def test_waiting_costs_nothing():
    meter = Meter()
    time.sleep(0.3)
    assert meter.seconds < 0.2

"""Times of requests are held against those of the training rows."""

from math import nan

import numpy as np
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.log_times import LogTimes

SECONDS = LogTimes(8.7e8, 8.9e8, "s")


@pytest.mark.parametrize("far", [8.8e11, 8.8e5, 0.0, -3.0])
def test_a_time_in_another_unit_is_refused(far: float) -> None:
    with pytest.raises(InputError) as told:
        SECONDS.require("item_times", [8.8e8, None, far])
    words = f"item_times: {far:.16g} is far off the training rows, which go from 1997-07-27 10:40"
    assert str(told.value).startswith(words)


@pytest.mark.parametrize("near", [8.8e8, 1.7e9, 3.2e8, nan])
def test_years_before_and_after_are_well(near: float) -> None:
    SECONDS.require("times", np.array([near]))
    SECONDS.require("times", [])
    SECONDS.require("times", None)


def test_milliseconds_are_those_of_a_log_in_milliseconds() -> None:
    log = LogTimes(8.7e11, 8.9e11, "ms")
    log.require("times", [8.8e11])
    with pytest.raises(
        InputError, match=r"\(time_unit: ms\); give times in that unit, and None wh"
    ):
        log.require("times", [8.8e8])


def test_steps_are_held_against_nothing() -> None:
    LogTimes(0.0, 50.0, "s").require("times", [1.6e9])

"""Slots of the time between rows: known ones, and what they may depend on."""

from typing import List

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.log.row_features.gap import N_SLOTS, gap_slots


@pytest.mark.parametrize(
    ("seconds", "slot"),
    [
        (0, 1),
        (0.4, 1),
        (1, 2),
        (1.9, 2),
        (2, 3),
        (3, 3),
        (60, 7),
        (86_400, 18),
        (1e12, 27),
        (1e308, 27),
    ],
)
def test_a_gap_has_the_slot_of_its_power_of_two(seconds: float, slot: int) -> None:
    assert gap_slots(np.array([5.0, 5.0 + seconds]), np.array([True, False]), 1).tolist() == [
        0,
        slot,
    ]
    in_ms = np.array([5e3, 5e3 + 1e3 * seconds])
    assert gap_slots(in_ms, np.array([True, False]), 1e3)[1] == slot
    assert slot < N_SLOTS


def test_a_gap_beyond_all_numbers_is_a_long_one() -> None:
    assert gap_slots(np.array([-1e308, 1e308]), np.array([True, False]), 1).tolist() == [0, 27]


def test_no_gap_is_known_before_a_first_row_beside_an_unknown_time_or_backwards() -> None:
    time = np.array([7.0, 8.0, 1.0, np.nan, 3.0, 2.0, 2.0])
    first = np.array([True, False, True, False, False, False, False])
    assert gap_slots(time, first, 1).tolist() == [0, 2, 0, 0, 0, 0, 1]
    assert len(gap_slots(time[:0], first[:0], 1)) == 0


times = st.lists(st.floats(0, 1e9), max_size=6).map(sorted)


@settings(max_examples=100, deadline=None)
@given(st.lists(times, max_size=4), st.floats(0, 1e6))
def test_a_history_has_its_slots_whatever_stands_beside_it_and_whenever_it_was(
    histories: List[List[float]], later: float
) -> None:
    flat = np.array([time for history in histories for time in history])
    first = np.array([place == 0 for history in histories for place in range(len(history))], bool)
    together = gap_slots(flat, first, 1)
    alone = [gap_slots(np.array(h), np.arange(len(h)) == 0, 1) for h in histories]
    assert together.tolist() == [slot for slots in alone for slot in slots]
    whole = np.round(flat)  # exact sums
    assert (gap_slots(whole + round(later), first, 1) == gap_slots(whole, first, 1)).all()


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_longer_gap_has_no_lower_slot(one: float, other: float) -> None:
    short, long = sorted((one, other))
    first = np.array([True, False])
    assert (
        gap_slots(np.array([0, short]), first, 1)[1] <= gap_slots(np.array([0, long]), first, 1)[1]
    )

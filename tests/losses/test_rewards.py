"""What rows earn, where sessions end, and what stands behind the positions of windows."""

import numpy as np
import pytest
import torch
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import NEXT_ROW
from recbole_poem.losses.rewards import REWARDS, behind, rewards_of, session_ends

VIEWS = log_of(
    [[1, 2, 3, 4, 5]],
    n_items=6,
    long_view=[1, 0, 0, 1, np.nan],
    click=[1, 1, 0, 0, 1],
    hate=[0, 0, 0, 1, 0],
    rating=[5, 4, 3, np.nan, 1],
)


def earned(worth) -> list:
    return [round(float(reward), 6) for reward in rewards_of(VIEWS, worth, "losses.sqn.rewards")]


def test_a_row_earns_the_largest_reward_of_its_columns() -> None:
    assert earned({"long_view": 1.0, "click": 0.2}) == [1, 0.2, 0, 1, 0.2]
    assert earned({"click": 0.2, "long_view": 1.0}) == [1, 0.2, 0, 1, 0.2]
    assert earned({"long_view": 1.0, "hate": -2}) == [1, 0, 0, -2, 0]
    assert earned({"rating": 0.2}) == [1, 0.8, 0.6, 0, 0.2]
    assert earned(None) == [1] * 5


def test_intervals_have_rewards_of_their_own() -> None:
    worth = {"rating": {"[5,5]": 1, "[3,5)": 0.5}, "click": 0.2}
    assert earned(worth) == [1, 0.5, 0.5, 0, 0.2]


def test_intervals_that_overlap_are_refused() -> None:
    with pytest.raises(InputError, match=r"rewards\.rating: 4 lies in two intervals; part them"):
        earned({"rating": {"[4,inf)": 1, "[3,4]": 0.5}})
    assert earned({"rating": {"[6,inf)": 1, "[6,7]": 0.5}}) == [0] * 5  # of no row


def test_a_column_that_is_not_there_is_named_with_its_key() -> None:
    with pytest.raises(InputError, match=r"^losses\.sqn\.rewards: .* no float column 'stars'"):
        earned({"stars": 1})


@pytest.mark.parametrize(
    "worth", [{}, {"rating": "high"}, {"rating": {}}, {"rating": {"5": 1}}, [1], {"rating": None}]
)
def test_what_is_no_reward_is_out_of_range(worth) -> None:
    assert not REWARDS.holds(worth)
    assert all(map(REWARDS.holds, (None, {"rating": 1}, {"rating": {"[4,inf)": -1}})))


def test_a_session_ends_with_the_training_rows_or_before_a_gap() -> None:
    log = log_of(
        [[1, 2, 3, 4], [5, 1, 2]],
        n_items=6,
        training=[1, 1, 1, 0, 1, 1, 1],
        times=[0, 10, 20, 30, 0, 50, 51],
    )
    assert np.flatnonzero(session_ends(log, None)).tolist() == [2, 6]
    assert np.flatnonzero(session_ends(log, 10)).tolist() == [2, 4, 6]
    assert np.flatnonzero(session_ends(log, 9)).tolist() == [0, 1, 2, 4, 6]


def test_fields_hold_the_row_behind_each_position() -> None:
    batch = {NEXT_ROW: torch.tensor([[1, 2, -1], [4, -1, -1]])}
    made = behind(np.array([10, 11, 12, 13, 14]))(None, None, batch)
    assert made.tolist() == [[11, 12, 0], [14, 0, 0]]

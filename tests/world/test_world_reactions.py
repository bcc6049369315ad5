"""Watch times: what the closed forms say is what is drawn."""

import numpy as np
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import made
from recbole_poem.world.chance import Chance
from recbole_poem.world.reactions import (
    ReactionSettings,
    chance_to_reach,
    expected_seconds,
    labels,
    other_reactions,
    watch_seconds,
)

UTILITY = np.array([-1.0, 0.5, 2.0, 3.0])
DURATION = np.array([5.0, 15.0, 60.0, 240.0])
N = 60_000


def drawn(settings: ReactionSettings) -> np.ndarray:
    """Draw N watch times of each utility and length."""
    user, request = np.arange(N), np.zeros(N, dtype=int)
    items = np.broadcast_to(np.arange(4), (N, 4))
    return watch_seconds(settings, Chance(3), user, request, items, UTILITY[None], DURATION[None])


def test_expected_seconds_are_the_mean_of_what_is_drawn() -> None:
    settings = ReactionSettings()
    seconds = drawn(settings)
    error = seconds.std(axis=0) / np.sqrt(N)
    expected = expected_seconds(settings, UTILITY, DURATION)
    assert (np.abs(seconds.mean(axis=0) - expected) < 4 * error).all()


@pytest.mark.parametrize("mark", [1.0, 7.0, 18.0, np.inf])
def test_the_chance_to_reach_is_the_share_of_what_is_drawn(mark: float) -> None:
    settings = ReactionSettings()
    share = (drawn(settings) >= np.minimum(mark, DURATION)).mean(axis=0)
    expected = chance_to_reach(settings, UTILITY, DURATION, np.array(mark))
    assert (np.abs(share - expected) < 4 * np.sqrt(0.25 / N)).all()


def test_labels_are_thresholds_of_one_watch_time() -> None:
    seconds = np.array([6.9, 7.0, 17.9, 18.0, 4.9, 5.0])
    duration = np.array([60.0, 60.0, 60.0, 60.0, 5.0, 5.0])
    found = labels(seconds, duration)
    assert found["click"].tolist() == [False, True, True, True, False, True]
    assert found["long_view"].tolist() == [False, False, False, True, False, True]


def test_a_long_view_makes_a_like_likelier() -> None:
    user, request = np.arange(N), np.zeros(N, dtype=int)
    items = np.zeros((N, 1), dtype=int)
    rates = [
        other_reactions(
            ReactionSettings(), Chance(0), user, request, items, np.full((N, 1), 2.0), watched
        )["like"].mean()
        for watched in (np.zeros((N, 1), dtype=bool), np.ones((N, 1), dtype=bool))
    ]
    odds = np.log(np.divide(rates, np.subtract(1, rates)))
    assert odds[1] - odds[0] == pytest.approx(1.1327, abs=0.2)


def test_reactions_are_rows_of_three_numbers() -> None:
    words = "others: expected names, each with {base: NUMBER, utility: NUMBER, long_view: NUMBER}"
    for wrong in ({}, {"like": 3}, {"like": {"base": 1.0}}, [1]):
        with pytest.raises(InputError, match=words):
            made(ReactionSettings, {"others": wrong}, "reactions")

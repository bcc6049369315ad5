"""Rotary time: the angles of known dates, and what scores know of when their rows were."""

import cmath
import math
from datetime import datetime, timezone
from typing import Any

import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.sizes import Sizes

SIZES = Sizes(16, 10, 2, 2, 16, 0.0, 0.0, seed=0)
MOMENT = datetime(2022, 3, 1, 12, 34, tzinfo=timezone.utc)
SECONDS = MOMENT.timestamp()
#: since 1970
UNITS = {
    "year": SECONDS / 86400 / 365.25,
    "month": SECONDS / 86400 / 30.4375,
    "day": SECONDS / 86400,
    "hour": SECONDS / 3600,
    "minute": SECONDS / 60,
}
BASES = {"year": 1e6, "month": 1e4, "day": 1e2, "hour": 1e2, "minute": 1e2}
ALL_LEVELS = {"year": 1.5, "month": 1.0, "day": 0.5, "hour": 0.25, "minute": 2.0}


def rote(sizes: Sizes = SIZES, **settings: Any) -> Any:
    return POSITIONS.choose({"name": "rote", **settings}, "position").make(sizes)


def scores(position: Any, time: torch.Tensor, n_heads: int = 2) -> torch.Tensor:
    """Return the scores of all pairs of rows with drawn queries and keys."""
    torch.manual_seed(0)
    query, key = torch.randn(2, *time.shape, n_heads, 8).transpose(2, 3)
    query, key = position.rotate(query, key, {"time": time}, None)
    return query @ key.transpose(-2, -1)


@pytest.mark.parametrize("levels", [{"year": 1.5, "month": 1.0, "day": 0.5}, ALL_LEVELS])
def test_the_angles_of_a_known_date(levels: Any) -> None:
    turns = rote(levels=levels).turns(torch.tensor([[SECONDS]], dtype=torch.float64))
    expected = [
        sum(
            weight * cmath.exp(1j * UNITS[level] * BASES[level] ** (-2 * plane / 8))
            for level, weight in levels.items()
        )
        for plane in range(4)
    ]
    torch.testing.assert_close(turns.flatten(), torch.tensor(expected, dtype=torch.complex64))


def test_a_row_is_turned_by_the_sum_of_the_rotations_of_its_levels() -> None:
    """The paper's form: each level turns the vector on its own, and the results are summed."""
    position, time = rote(), torch.tensor([[SECONDS, SECONDS + 40 * 86400]], dtype=torch.float64)
    query = torch.randn(1, 2, 2, 8)
    turned, _ = position.rotate(query, query, {"time": time}, None)
    expected = torch.zeros_like(query)
    for level, weight in (("year", 1.5), ("month", 1.0), ("day", 0.5)):
        for row in range(2):
            unit = UNITS[level] * float(time[0, row]) / SECONDS
            for plane in range(4):
                angle = unit * BASES[level] ** (-2 * plane / 8)
                cos, sin = math.cos(angle), math.sin(angle)
                one, other = query[..., row, 2 * plane], query[..., row, 2 * plane + 1]
                expected[..., row, 2 * plane] += weight * (one * cos - other * sin)
                expected[..., row, 2 * plane + 1] += weight * (one * sin + other * cos)
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=1e-4)


def test_scores_of_heads_know_differences_alone_and_those_of_the_sum_know_more() -> None:
    time = SECONDS + torch.tensor([[0.0, 60, 9_000, 86_400 * 40]], dtype=torch.float64)
    later = time + 86_400 * 500 + 17
    levels = {"month": 1.0, "day": 1.0}
    heads = rote(combine="heads", levels=levels)
    torch.testing.assert_close(scores(heads, time), scores(heads, later), atol=1e-4, rtol=0)
    added = rote(levels=levels)
    assert (scores(added, time) - scores(added, later)).abs().max() > 0.5
    # of one level there is nothing that others could meet
    alone = rote(levels={"day": 0.5})
    torch.testing.assert_close(scores(alone, time), scores(alone, later), atol=1e-4, rtol=0)


def test_heads_take_the_levels_in_turn() -> None:
    sizes = SIZES._replace(n_heads=5, hidden_size=40)
    time = torch.tensor([[SECONDS]], dtype=torch.float64)
    turns = rote(sizes, combine="heads").turns(time)
    assert turns.shape == (1, 5, 1, 4)
    for head, level in enumerate(("year", "month", "day", "year", "month")):
        assert torch.equal(turns[:, head], rote(levels={level: 1.0}).turns(time)[:, 0])


@pytest.mark.parametrize("apart", [120, 100])
def test_two_minutes_of_2022_are_told_apart(apart: int) -> None:
    """They are two radians apart; 100 seconds of them are nothing to single precision."""
    time = SECONDS - torch.tensor([[apart, 0]], dtype=torch.float64)
    assert apart == 120 or time.float().unique().numel() == 1
    turns = rote(levels={"minute": 1.0}).turns(time)[0, 0, :, 0]
    expected = torch.tensor(cmath.exp(1j * apart / 60), dtype=torch.complex64)
    torch.testing.assert_close(turns[1] / turns[0], expected)


def test_rows_without_times_are_turned_by_nothing() -> None:
    turns = rote().turns(torch.zeros(1, 3).double())
    assert torch.equal(turns, torch.full((1, 1, 3, 4), 3.0 + 0j))


def test_more_levels_than_heads_and_odd_heads_are_refused() -> None:
    words = r"position\.combine: 3 levels need as many heads, and n_heads is 2; raise it, or name"
    with pytest.raises(InputError, match=words):
        rote(combine="heads")
    with pytest.raises(InputError, match=r"^hidden_size: rote turns pairs .*, and a head has 3;"):
        rote(SIZES._replace(hidden_size=6))


@pytest.mark.parametrize("levels", [{}, {"week": 1.0}, {"day": 0}, {"day": "much"}, ["day"]])
def test_other_levels_are_refused(levels: Any) -> None:
    words = "^position.levels: expected a mapping of some of year, month, day, hour, minute to"
    with pytest.raises(InputError, match=words):
        rote(levels=levels)

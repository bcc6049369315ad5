"""When people leave and when they come back: known answers, and a slow loop."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from toy_world import small_world

from recbole_poem.world.chance import Chance, Draw
from recbole_poem.world.clock import ClockSettings, next_times
from recbole_poem.world.history import NONE
from recbole_poem.world.loop import Lives, Until

HOUR, DAY = 3600.0, 86_400.0
STEADY = {"gap_hours": 10.0, "gap_spread": 0.0, "evening": 0.0}


def back_at(end: float, left: bool = True, satisfaction: float = 0.0, **dials: float) -> float:
    """Return when one user asks again, whose gap is a matter of no chance."""
    user = np.array([3])
    told = np.array([end]), np.array([left]), np.array([satisfaction])
    found = next_times(ClockSettings(**{**STEADY, **dials}), Chance(0), user, user, *told)
    return float(found[0])


def test_who_stays_asks_on_and_who_leaves_is_away_for_hours() -> None:
    assert back_at(100.25, left=False) == 101
    assert back_at(100.25) == pytest.approx(100.25 + 10 * HOUR, abs=1)
    gap = back_at(0, satisfaction=0.5, return_by_satisfaction=0.8)
    assert gap == pytest.approx(10 * HOUR * np.exp(-0.4), abs=1)


@pytest.mark.parametrize("end", [0.0, 6 * HOUR, 3 * DAY + 20 * HOUR])
def test_an_hour_of_the_evening_counts_more(end: float) -> None:
    def lively(time: float) -> float:
        return 1 + 0.6 * np.cos(2 * np.pi * (time / HOUR - 20) / 24)

    activity, _ = quad(lively, end, back_at(end, evening=0.6))
    assert activity == pytest.approx(10 * HOUR, abs=2)


def test_gaps_are_log_normal() -> None:
    user = np.arange(20_000)
    nothing = np.zeros(len(user))
    settings = ClockSettings(**{**STEADY, "gap_spread": 0.8})
    gap = next_times(settings, Chance(0), user, user, nothing, nothing == 0, nothing)
    assert np.median(gap) == pytest.approx(10 * HOUR, rel=0.02)
    assert np.log(gap).std() == pytest.approx(0.8, rel=0.02)


def test_people_leave_as_a_slow_loop_says() -> None:
    world = small_world(clock__leaving=-1.0, clock__leaving_by_satisfaction=2.0)
    clock = world.settings.clock
    satisfaction, n_left = np.zeros(world.n_users), 0
    lives = Lives(world, np.arange(world.n_users))
    for served in lives.go(world.usual_retrieval(), Until(requests=5)):
        for row, user in enumerate(served.user):
            stays, seen = True, []
            for place, item in enumerate(served.shown[row]):
                seen.append(bool(stays and item != NONE))
                if not seen[-1]:
                    continue
                liked = served.reactions["long_view"][row, place]
                mood = clock.memory * satisfaction[user] + (1 - clock.memory) * liked
                satisfaction[user] = mood
                chance = expit(clock.leaving - clock.leaving_by_satisfaction * mood)
                draw = world.chance.uniform(Draw.LEAVING, user, served.request[row], place)
                stays = bool(draw >= chance)
            assert served.seen[row].tolist() == seen
            assert served.left[row] == (not stays)
        end = served.time + (served.seconds + 1.0 * served.seen).sum(axis=1)
        again = next_times(
            clock, world.chance, served.user, served.request, end, served.left,
            satisfaction[served.user],
        )  # fmt: skip
        assert lives.clock[served.user].tolist() == again.tolist()
        n_left += served.left.sum()
    assert 20 < n_left < 150

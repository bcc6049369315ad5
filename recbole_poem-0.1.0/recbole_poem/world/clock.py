"""When people ask again: within seconds while they stay, after hours when they have left.

The gap after a session is log-normal, in hours of *activity*: an hour of the evening counts more
than one of the night. Satisfaction shortens it by exp(-return_by_satisfaction S), which is an
assumption: in KuaiRand-Pure a day's long views hardly move the return of the next day.
"""

from dataclasses import dataclass

import numpy as np

from recbole_poem.core.settings import ABOVE_0, FROM_0, NUMBER, PROBABILITY, setting
from recbole_poem.world.chance import Chance, Draw

_HOUR, _DAY = 3600.0, 86_400.0
_PEAK_HOUR = 20.0


@dataclass(frozen=True)
class ClockSettings:
    """How long people stay away."""

    gap_hours: float = setting(10.0, ABOVE_0, "median hours between two sessions")
    gap_spread: float = setting(0.8, FROM_0, "standard deviation of the gap's logarithm")
    evening: float = setting(0.6, PROBABILITY, "how much livelier the evening is than the mean")
    return_by_satisfaction: float = setting(
        0.1, FROM_0, "how much satisfaction, from 0 to 1, shortens the logarithm of a gap"
    )
    leaving: float = setting(-3.0, NUMBER, "log odds of leaving after a video, for a bored user")
    leaving_by_satisfaction: float = setting(
        1.0, FROM_0, "what satisfaction, from 0 to 1, takes away from these log odds"
    )
    memory: float = setting(0.8, PROBABILITY, "share of satisfaction kept from video to video")


def first_times(chance: Chance, user: np.ndarray) -> np.ndarray:
    """Return when users come first, in seconds since the world began: within the first day."""
    return _DAY * chance.uniform(Draw.FIRST_TIME, user)


def next_times(
    settings: ClockSettings,
    chance: Chance,
    user: np.ndarray,
    request: np.ndarray,
    end: np.ndarray,
    left: np.ndarray,
    satisfaction: np.ndarray,
) -> np.ndarray:
    """Return when users ask again.

    Parameters
    ----------
    settings : ClockSettings
    chance : Chance
    user, request : (B,) int
        The request that is over.
    end : (B,) float
        When they were through with its list, in seconds.
    left : (B,) bool
        Whether they left.
    satisfaction : (B,) float

    Returns
    -------
    (B,) float
        Whole seconds, at least one later.
    """
    shorter = settings.return_by_satisfaction * satisfaction
    hours = np.log(settings.gap_hours) + settings.gap_spread * chance.normal(
        Draw.GAP, user, request
    )
    away = _from_activity(settings, _to_activity(settings, end) + _HOUR * np.exp(hours - shorter))
    again: np.ndarray = np.floor(np.where(left, away, end)) + 1
    return again


def _to_activity(settings: ClockSettings, time: np.ndarray) -> np.ndarray:
    """Return the integral over time of 1 + evening cos(2 pi (hour - peak) / 24)."""
    turn = 2 * np.pi / _DAY
    phase = turn * (time - _PEAK_HOUR * _HOUR)
    lived: np.ndarray = time + settings.evening / turn * np.sin(phase)
    return lived


def _from_activity(settings: ClockSettings, lived: np.ndarray) -> np.ndarray:
    """Return the time of an integral, by bisection: the integral ascends with time."""
    reach = settings.evening * _DAY / (2 * np.pi)
    low, high = lived - reach, lived + reach
    for _ in range(25):  # leaves less than a hundredth of a second; whole ones are asked for
        middle = (low + high) / 2
        late = _to_activity(settings, middle) > lived
        low, high = np.where(late, low, middle), np.where(late, middle, high)
    time: np.ndarray = (low + high) / 2
    return time

"""What a user does with a video that is shown: seconds watched, and all that follows from them.

A user is caught with probability sigmoid(c0 + c1 x), x the utility. Who is caught would watch L
seconds, log L ~ N(w0 + w1 x + w2 log D, s^2), D the video's length; others skip it within seconds.
Whoever is caught and reaches the end may begin anew. Click and long view are thresholds of this
**one** watch time, as in KuaiRand: they are never drawn apart. Likes and their kin are
sigmoid(k + l x + m long view). The model is ours; its numbers are fitted by
`recbole_poem.world.calibration`.
"""

from dataclasses import dataclass
from typing import Dict, Mapping

import numpy as np
from scipy.special import expit, log_ndtr, ndtr

from recbole_poem.core.settings import ABOVE_0, NUMBER, PROBABILITY, mapping_of, setting
from recbole_poem.world.chance import Chance, Draw

#: seconds from which a video counts as clicked and as watched for long, or its whole length if less
CLICK_SECONDS, LONG_VIEW_SECONDS = 7.0, 18.0


@dataclass(frozen=True)
class ReactionSettings:
    """How watch time follows from utility; the defaults are fitted to KuaiRand-Pure."""

    caught: float = setting(-2.3302, NUMBER, "c0: log odds of being caught at utility 0")
    caught_by_utility: float = setting(1.0, NUMBER, "c1: what a unit of utility adds to them")
    log_seconds: float = setting(1.4635, NUMBER, "w0: mean log seconds at utility 0, length 1 s")
    log_seconds_by_utility: float = setting(0.5, NUMBER, "w1: what a unit of utility adds")
    log_seconds_by_duration: float = setting(0.2899, NUMBER, "w2: what a unit of log length adds")
    log_seconds_spread: float = setting(1.0703, ABOVE_0, "s: standard deviation of the log seconds")
    skip_seconds: float = setting(2.0837, ABOVE_0, "median seconds until a video is skipped")
    skip_spread: float = setting(1.0006, ABOVE_0, "standard deviation of their logarithm")
    again: float = setting(0.4477, PROBABILITY, "chance to watch on behind the end")
    others: Mapping[str, Mapping[str, float]] = setting(
        {
            "like": {"base": -5.1889, "utility": 0.3, "long_view": 1.1327},
            "comment": {"base": -8.2051, "utility": 0.3, "long_view": 2.5438},
            "follow": {"base": -7.8407, "utility": 0.3, "long_view": 1.2057},
            "forward": {"base": -8.4436, "utility": 0.3, "long_view": 1.4788},
        },
        mapping_of("base", "utility", "long_view"),
        "further reactions: log odds at 0, and what utility and a long view add",
    )


def watch_seconds(
    settings: ReactionSettings,
    chance: Chance,
    user: np.ndarray,
    request: np.ndarray,
    items: np.ndarray,
    utility: np.ndarray,
    duration: np.ndarray,
) -> np.ndarray:
    """Draw for how long each of the videos would be watched if it were shown.

    Parameters
    ----------
    settings : ReactionSettings
    chance : Chance
    user, request : (B,) int
        Keys of the draws.
    items : (B, N) int
    utility, duration : (B, N) float

    Returns
    -------
    (B, N) float
        Seconds.
    """
    keys = (user[:, None], request[:, None], items)
    caught = chance.uniform(Draw.CAUGHT, *keys) < caught_probability(settings, utility)
    mean = _log_mean(settings, utility, duration)
    would = np.exp(mean + settings.log_seconds_spread * chance.normal(Draw.WATCH, *keys))
    skip = settings.skip_seconds * np.exp(settings.skip_spread * chance.normal(Draw.SKIP, *keys))
    draw = chance.uniform(Draw.LOOP, *keys)
    # of those who go on, each plays a part of it again
    more = np.where(draw < settings.again, draw / max(settings.again, 1e-12), 0.0) * duration
    watched = np.where(would >= duration, duration + more, would)
    seconds: np.ndarray = np.where(caught, watched, np.minimum(skip, duration))
    return seconds


def labels(seconds: np.ndarray, duration: np.ndarray) -> Dict[str, np.ndarray]:
    """Return ``click`` and ``long_view`` of watch times: bool arrays of their shape."""
    return {
        "click": seconds >= np.minimum(duration, CLICK_SECONDS),
        "long_view": seconds >= np.minimum(duration, LONG_VIEW_SECONDS),
    }


def other_reactions(
    settings: ReactionSettings,
    chance: Chance,
    user: np.ndarray,
    request: np.ndarray,
    items: np.ndarray,
    utility: np.ndarray,
    long_view: np.ndarray,
) -> Dict[str, np.ndarray]:
    """Draw likes and their kin; (B, N) bool of each; see `watch_seconds`."""
    drawn = {}
    for number, (name, weight) in enumerate(settings.others.items()):
        odds = weight["base"] + weight["utility"] * utility + weight["long_view"] * long_view
        chances = chance.uniform(Draw.REACTION, user[:, None], request[:, None], items, number)
        drawn[name] = chances < expit(odds)
    return drawn


def caught_probability(settings: ReactionSettings, utility: np.ndarray) -> np.ndarray:
    """Return the probability of being caught."""
    probability: np.ndarray = expit(settings.caught + settings.caught_by_utility * utility)
    return probability


def chance_to_reach(
    settings: ReactionSettings, utility: np.ndarray, duration: np.ndarray, seconds: np.ndarray
) -> np.ndarray:
    """Return the probability that a video is watched for so many seconds, up to its length.

    All arrays broadcast against each other; `seconds` above the length count as the length.
    """
    aim = np.log(np.minimum(seconds, duration))
    skips_late = ndtr((np.log(settings.skip_seconds) - aim) / settings.skip_spread)
    is_skipped = 1 - caught_probability(settings, utility)
    reached: np.ndarray = chance_to_stay(settings, utility, duration, seconds)
    return reached + is_skipped * skips_late


def chance_to_stay(
    settings: ReactionSettings, utility: np.ndarray, duration: np.ndarray, seconds: np.ndarray
) -> np.ndarray:
    """Return the probability of being caught and watching for so many seconds.

    The arrays are those of `chance_to_reach`, which counts who skips so late as well.
    """
    aim = np.log(np.minimum(seconds, duration))
    mean = _log_mean(settings, utility, duration)
    stays: np.ndarray = ndtr((mean - aim) / settings.log_seconds_spread)
    return caught_probability(settings, utility) * stays


def expected_seconds(
    settings: ReactionSettings, utility: np.ndarray, duration: np.ndarray
) -> np.ndarray:
    """Return the expected watch time in closed form; the arrays broadcast against each other."""
    caught = caught_probability(settings, utility)
    mean = _log_mean(settings, utility, duration)
    ends = ndtr((mean - np.log(duration)) / settings.log_seconds_spread)
    again = ends * duration * settings.again / 2
    stays = _capped_mean(mean, settings.log_seconds_spread, duration) + again
    skips = _capped_mean(np.log(settings.skip_seconds), settings.skip_spread, duration)
    expected: np.ndarray = caught * stays + (1 - caught) * skips
    return expected


def _log_mean(settings: ReactionSettings, utility: np.ndarray, duration: np.ndarray) -> np.ndarray:
    mean: np.ndarray = (
        settings.log_seconds
        + settings.log_seconds_by_utility * utility
        + settings.log_seconds_by_duration * np.log(duration)
    )
    return mean


def _capped_mean(mean: np.ndarray, spread: float, cap: np.ndarray) -> np.ndarray:
    """Return E[min(L, cap)] of a log-normal L."""
    edge = (np.log(cap) - mean) / spread
    below = np.exp(mean + spread**2 / 2 + log_ndtr(edge - spread))
    capped: np.ndarray = below + cap * ndtr(-edge)
    return capped

"""Fits the reactions of the world to a log of watch times.

Only what people did with what they were shown is in a log; their utilities are not. So the
utilities are those that the world itself shows. The numbers of `recbole_poem.world.reactions` are
fitted to shares of the log: of exposures watched for at least so many seconds, in several ranges
of lengths. What is fitted is a distribution of watch time, and no cause: what a unit of utility
does cannot be had from it, so both weights of utility stay as they are given.
"""

import dataclasses
from typing import Dict, Mapping, Tuple

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.special import expit

from recbole_poem.core.errors import InputError
from recbole_poem.world.reactions import (
    CLICK_SECONDS,
    LONG_VIEW_SECONDS,
    ReactionSettings,
    chance_to_reach,
    chance_to_stay,
)
from recbole_poem.world.watch_log import WatchLog

#: of the watch times: seconds from which shares are compared; infinity is the whole video
REACHED = (1.0, 3.0, CLICK_SECONDS, LONG_VIEW_SECONDS, 60.0, np.inf)
#: the lengths are cut here, in seconds
LENGTHS = (7.0, 12.0, 18.0, 60.0, 180.0)
_N_UTILITIES = 4000
_FITTED = {
    "caught": (-3.0, 3.0),
    "log_seconds": (-2.0, 5.0),
    "log_seconds_by_duration": (0.0, 1.2),
    "log_seconds_spread": (0.2, 3.0),
    "skip_seconds": (0.3, 6.0),
    "skip_spread": (0.2, 2.0),
}


def fit(
    log: WatchLog, utility: np.ndarray, start: ReactionSettings, seed: int = 0
) -> ReactionSettings:
    """Fit the reactions.

    Parameters
    ----------
    log : WatchLog
    utility : (X,) float
        Utilities of what the world shows.
    start : ReactionSettings
        Where the search begins; all its weights of utility are kept.
    seed : int
        Of the sample of utilities and lengths.

    Raises
    ------
    InputError
        If the log has fewer than 1,000 exposures.
    """
    if len(log.seconds) < 1000:
        raise InputError(f"a calibration needs 1,000 exposures; the log has {len(log.seconds)}")
    x, duration = _sample(log, utility, seed)
    shares, count = shares_by_length(log.seconds, log.duration)
    weight = np.sqrt(count / count.sum())[:, None]
    names = list(_FITTED)
    low, high = np.array(list(_FITTED.values())).T

    def misfit(values: np.ndarray) -> np.ndarray:
        settings = dataclasses.replace(start, **dict(zip(names, values.tolist())))
        wrong: np.ndarray = ((_expected_shares(settings, x, duration) - shares) * weight).ravel()
        return wrong

    begin = np.clip([getattr(start, name) for name in names], low + 1e-6, high - 1e-6)
    found = least_squares(misfit, begin, bounds=(low, high)).x
    fitted = dataclasses.replace(start, **dict(zip(names, found.round(4).tolist())))
    fitted = dataclasses.replace(fitted, again=_again(log, fitted, x, duration))
    others = {
        name: _other(log, log.others[name], weights, fitted, x, duration)
        for name, weights in start.others.items()
        if name in log.others
    }
    return dataclasses.replace(fitted, others={**start.others, **others})


def _sample(log: WatchLog, utility: np.ndarray, seed: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return utilities and lengths of as many exposures, independent of each other."""
    rng = np.random.default_rng(seed)
    return rng.choice(utility, _N_UTILITIES), rng.choice(log.duration, _N_UTILITIES)


def shares_by_length(seconds: np.ndarray, duration: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Return the share of exposures that reach each mark, by length.

    Parameters
    ----------
    seconds, duration : (E,) float

    Returns
    -------
    shares : (lengths, marks) float
        A row for each range between `LENGTHS`, a column for each of `REACHED`.
    count : (lengths,) int
        Exposures of each range.
    """
    of_length = np.digitize(duration, LENGTHS)
    n_lengths = len(LENGTHS) + 1
    count = np.bincount(of_length, minlength=n_lengths)
    shares = [
        np.bincount(of_length, seconds >= np.minimum(duration, mark), n_lengths)
        / np.maximum(count, 1)
        for mark in REACHED
    ]
    return np.stack(shares, axis=1), count


def _expected_shares(settings: ReactionSettings, x: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """Return what `shares_by_length` would be in the world, in closed form for each exposure."""
    of_length, n_lengths = np.digitize(duration, LENGTHS), len(LENGTHS) + 1
    count = np.maximum(np.bincount(of_length, minlength=n_lengths), 1)
    columns = [
        np.bincount(
            of_length, chance_to_reach(settings, x, duration, np.full_like(duration, mark)),
            n_lengths,
        ) / count
        for mark in REACHED
    ]  # fmt: skip
    return np.stack(columns, axis=1)


def _again(log: WatchLog, settings: ReactionSettings, x: np.ndarray, duration: np.ndarray) -> float:
    """Return the chance to watch on: those clearly behind the end, of those caught who reach it."""
    whole = log.seconds >= log.duration
    if not whole.any():
        return 0.0
    # whoever goes on plays a part of it, all parts as likely; a tenth of them is under a tenth
    on = (log.seconds[whole] >= 1.1 * log.duration[whole]).mean() / 0.9
    # of those at the end, whoever only skips a short video late does not go on
    end = np.full_like(duration, np.inf)
    stay, reach = (of(settings, x, duration, end) for of in (chance_to_stay, chance_to_reach))
    return float(min(round(float(on * reach.sum() / stay.sum()), 4), 0.99))


def _other(
    log: WatchLog,
    happened: np.ndarray,
    weights: Mapping[str, float],
    settings: ReactionSettings,
    x: np.ndarray,
    duration: np.ndarray,
) -> Dict[str, float]:
    """Fit the base and the weight of a long view of one further reaction."""
    slope, watched = weights["utility"], log.long_view
    long_view = chance_to_reach(settings, x, duration, np.full_like(duration, LONG_VIEW_SECONDS))
    base = _base(_rate(happened, ~watched), 1 - long_view, slope * x)
    gain = _base(_rate(happened, watched), long_view, slope * x) - base
    return {"base": round(base, 4), "utility": slope, "long_view": round(gain, 4)}


def _rate(happened: np.ndarray, of: np.ndarray) -> float:
    """Return how often something happened, but neither never nor always: odds are finite."""
    rate = float(happened[of].mean()) if of.any() else 0.0
    return min(max(rate, 1e-6), 1 - 1e-6)


def _base(rate: float, weight: np.ndarray, odds: np.ndarray) -> float:
    """Return the log odds that make a weighted mean of probabilities what it shall be."""
    share = weight / weight.sum()
    base: float = brentq(lambda base: float((share * expit(base + odds)).sum()) - rate, -30.0, 30.0)
    return base

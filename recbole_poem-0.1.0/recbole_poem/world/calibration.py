"""Fits a world to a log and lives in it in turn, and says what does not fit.

What people are shown depends on how they react, and how they react is fitted to what they are
shown. So both are done a few times, one after the other, until they agree.
"""

import dataclasses
from functools import partial
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
from tqdm import tqdm

from recbole_poem.core.workers import Map
from recbole_poem.world.fitting import LENGTHS, REACHED, fit, shares_by_length
from recbole_poem.world.life import blocks, usual_life
from recbole_poem.world.reactions import CLICK_SECONDS, LONG_VIEW_SECONDS
from recbole_poem.world.settings import WorldSettings
from recbole_poem.world.watch_log import WatchLog
from recbole_poem.world.world import World

#: a share, or a spread of shares, that is further off is a misfit; of seconds, a tenth is
FAR = 0.03
_LEAST = 20  # exposures of whoever enters a spread


class Compared(NamedTuple):
    """One number of the log and of the world.

    Attributes
    ----------
    name : str
    log, simulated : float
    is_seconds : bool
        Otherwise it is a share, or a spread of shares.
    """

    name: str
    log: float
    simulated: float
    is_seconds: bool = False

    @property
    def fits(self) -> bool:
        """Whether both are close; see `FAR`. What the log cannot tell is no misfit."""
        if np.isnan(self.log) or np.isnan(self.simulated):
            return True
        off = abs(self.simulated - self.log)
        return bool(off <= (0.1 * self.log if self.is_seconds else FAR))


class Calibration(NamedTuple):
    """A world that was fitted.

    Attributes
    ----------
    settings : WorldSettings
    overall : list of Compared
        Over all exposures.
    by_length : list of Compared
        Shares of exposures of a range of lengths.
    """

    settings: WorldSettings
    overall: List[Compared]
    by_length: List[Compared]

    @property
    def misfits(self) -> List[Compared]:
        """What does not fit."""
        return [each for each in [*self.overall, *self.by_length] if not each.fits]

    @property
    def dials(self) -> Dict[str, Any]:
        """Return the dials that were fitted, in blocks."""
        catalogue, people = self.settings.catalogue, self.settings.people
        return {
            "catalogue": {
                "log_duration": catalogue.log_duration,
                "log_duration_spread": catalogue.log_duration_spread,
            },
            "people": {"activity": people.activity},
            "reactions": dataclasses.asdict(self.settings.reactions),
        }


def calibrate(
    log: WatchLog,
    settings: WorldSettings,
    requests: int = 30,
    rounds: int = 3,
    run: Map = map,
    show_progress: bool = False,
) -> Calibration:
    """Fit the lengths of videos, the reactions, and how much users differ.

    Parameters
    ----------
    log : WatchLog
    settings : WorldSettings
        Where the search begins.
    requests : int
        Of each user of the world.
    rounds : int
        How often it lives and is fitted.
    run : Map
        Where the blocks of users live.
    show_progress : bool

    Raises
    ------
    InputError
        If the log has fewer than 1,000 exposures.
    """
    lengths = np.log(log.duration)
    settings = dataclasses.replace(
        settings,
        catalogue=dataclasses.replace(
            settings.catalogue,
            log_duration=round(float(lengths.mean()), 3),
            log_duration_spread=round(float(lengths.std()), 3),
        ),
    )
    aim = spread_of_rate(log.user, log.long_view)
    for _ in tqdm(range(rounds), "Calibrating", unit=" rounds", disable=not show_progress):
        utility, simulated = _live(settings, requests, run)
        reactions = fit(log, utility, settings.reactions)
        people, found = settings.people, spread_of_rate(simulated.user, simulated.long_view)
        if found > 0 and aim > 0:
            activity = round(people.activity * float(np.clip(aim / found, 0.5, 2.0)), 3)
            people = dataclasses.replace(people, activity=activity)
        settings = dataclasses.replace(settings, reactions=reactions, people=people)
    simulated = _live(settings, requests, run)[1]
    return Calibration(settings, _overall(log, simulated), _by_length(log, simulated))


def spread_of_rate(group: np.ndarray, happened: np.ndarray) -> float:
    """Return the standard deviation of a rate between groups, less what chance alone makes of it.

    Parameters
    ----------
    group : (E,) int
        From 0: users, say. Those with fewer than 20 rows are left out.
    happened : (E,) bool

    Returns
    -------
    float
        NaN where fewer than two groups are left.
    """
    n = np.bincount(group)
    enough = n >= _LEAST
    if enough.sum() < 2:
        return float("nan")
    rate, n = np.bincount(group, happened)[enough] / n[enough], n[enough]
    by_chance = (rate * (1 - rate) / (n - 1)).mean()
    return float(np.sqrt(max(0.0, rate.var() - by_chance)))


def _live(settings: WorldSettings, requests: int, run: Map) -> Tuple[np.ndarray, WatchLog]:
    """Live in a world; return the utilities of what was seen, and the log."""
    world = World(settings)
    lives = list(run(partial(usual_life, world, requests), blocks(world)))
    user, item, seconds, utility = (
        np.concatenate([getattr(life, name) for life in lives])
        for name in ("user", "item", "seconds", "utility")
    )
    others = {
        name: np.concatenate([life.reactions[name] for life in lives])
        for name in settings.reactions.others
    }
    return utility, WatchLog(user, item, seconds, world.catalogue.duration[item], others)


def _overall(log: WatchLog, simulated: WatchLog) -> List[Compared]:
    one, other = _summary(log), _summary(simulated)
    found = [
        Compared(name, one[name], other[name], is_seconds=name.endswith("seconds")) for name in one
    ]
    for name in (name for name in log.others if name in simulated.others):
        for words, of_long in (("long views", True), ("the others", False)):
            one_rate, other_rate = (_rate_of(each, name, of_long) for each in (log, simulated))
            found.append(Compared(f"{name}, of {words}", one_rate, other_rate))
    return found


def _rate_of(log: WatchLog, name: str, of_long: bool) -> float:
    rows = log.others[name][log.long_view == of_long]
    return float(rows.mean()) if len(rows) else float("nan")


def _summary(log: WatchLog) -> Dict[str, float]:
    """Return shares of exposures, quantiles of the seconds watched, and spreads."""
    seconds, duration = log.seconds, log.duration
    return {
        "skipped within 3 s": float((seconds < np.minimum(duration, 3)).mean()),
        "click": float((seconds >= np.minimum(duration, CLICK_SECONDS)).mean()),
        "long view": float((seconds >= np.minimum(duration, LONG_VIEW_SECONDS)).mean()),
        "complete": float((seconds >= duration).mean()),
        "median seconds": float(np.median(seconds)),
        "mean seconds": float(seconds.mean()),
        "90th percentile of seconds": float(np.quantile(seconds, 0.9)),
        "spread of long views between users": spread_of_rate(log.user, log.long_view),
        "spread of long views between videos": spread_of_rate(log.item, log.long_view),
    }


def _by_length(log: WatchLog, simulated: WatchLog) -> List[Compared]:
    """Compare the shares that reach each mark, in each range of lengths that both have."""
    (one, n_one), (other, n_other) = (
        shares_by_length(each.seconds, each.duration) for each in (log, simulated)
    )
    edges = ["0", *(f"{length:g}" for length in LENGTHS), ""]
    found = []
    for row in np.flatnonzero((n_one >= 100) & (n_other >= 100)):
        length = f"{edges[row]} to {edges[row + 1]} s" if edges[row + 1] else f"{edges[row]} s on"
        for column, mark in enumerate(REACHED):
            words = "the end" if np.isinf(mark) else f"{mark:g} s"
            if np.isinf(mark) or mark < [*LENGTHS, np.inf][row]:  # the others are the end
                name = f"length {length}: watched to {words}"
                found.append(Compared(name, float(one[row, column]), float(other[row, column])))
    return found

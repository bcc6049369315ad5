"""What two arms of a test differ in: the metrics of a platform, with paired intervals."""

from functools import partial
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from recbole_poem.world.ab import Outcome, Tested
from recbole_poem.world.paired import Difference, disjoint, linearised, paired, sequence
from recbole_poem.world.probe import PROBED

#: names of the arms that are always run beside A and B
CEILING, FLOOR = "best", "own"


#: lines of what a ranking stage would have made of all videos, with the figures of a probe
PROBES = {
    "sent of the list of everything, share": "found",
    "sent that is in the ranking of everything, share": "pass_through",
    "cascade regret, fused score of a list": "regret",
    "cascade regret, expected s of a list": "regret_seconds",
}
#: what else is to be said of a line
NOTES = {
    "cascade regret, fused score of a list": (
        "what the list of everything has more by the ranking stage's own scores; these may mean "
        "something else in another arm's ranking stage"
    ),
    "cascade regret, expected s of a list": (
        "below 0 where the ranking stage, left with everything, would choose worse"
    ),
}

#: the line that tells whether anybody was shown anything
SHOWN = "exposures per session"


class Line(NamedTuple):
    """A metric of both arms.

    Attributes
    ----------
    name : str
    found : Difference
        Its interval is NaN where there is none.
    note : str
        What else is to be said of it.
    """

    name: str
    found: Difference
    note: str = ""


class Curves(NamedTuple):
    """What happened day by day.

    Attributes
    ----------
    watched : dict of name to (days,) float
        Seconds of a user on each day, by arm.
    differences : list of Difference
        Of the seconds of a user, B less A, on each day alone.
    so_far : (days,) float
        The mean difference by all days so far.
    sequence : (days, 2) float
        The interval of that mean that holds on all days at once.
    """

    watched: Dict[str, np.ndarray]
    differences: List[Difference]
    so_far: np.ndarray
    sequence: np.ndarray


Ratio = Tuple[np.ndarray, np.ndarray]


def compare(tested: Tested, a: str, b: str) -> List[Line]:
    """Return the metrics of two arms.

    Parameters
    ----------
    tested : Tested
        With the arms `a`, `b` and `CEILING`.
    a, b : str
        Names of arms.
    """
    one, other, ceiling = (tested.outcomes[name] for name in (a, b, CEILING))
    ratios = {**_ratios(one.days), **_new(one, other), **_of_everything(one, other)}
    lines = [
        Line(name, paired(linearised(*of(one)), linearised(*of(other))), NOTES.get(name, ""))
        for name, of in ratios.items()
    ]
    lines.append(Line("coverage, share of videos shown", _without_interval(_coverage, one, other)))
    regret = [_per_day(ceiling) - _per_day(outcome) for outcome in (one, other)]
    lines.append(Line(f"regret to {CEILING}, s per user and day", paired(*regret)))
    half = np.arange(len(tested.before)) % 2 == 0
    found = disjoint(
        _per_day(one)[half], _per_day(other)[~half], tested.before[half], tested.before[~half]
    )
    note = "as a platform has to: every other user is in B, and the days before are taken off"
    return [*lines, Line("watch time, disjoint halves with CUPED", found, note)]


def curves(tested: Tested, a: str, b: str) -> Curves:
    """Return what happened day by day; see `compare`."""
    watched = {name: outcome.by_day("watch_seconds") for name, outcome in tested.outcomes.items()}
    difference = watched[b] - watched[a]
    days = np.arange(1, difference.shape[1] + 1)
    return Curves(
        {name: of.mean(axis=0) for name, of in watched.items()},
        [paired(of_a, of_b) for of_a, of_b in zip(watched[a].T, watched[b].T)],
        (np.cumsum(difference, axis=1) / days).mean(axis=0),
        sequence(difference),
    )


def _ratios(days: int) -> Dict[str, Callable[[Outcome], Ratio]]:
    """Return the metrics that are ratios of sums over users: numerators and denominators."""
    found: Dict[str, Callable[[Outcome], Ratio]] = {
        "watch time, s per user and day": lambda of: _each(_per_day(of)),
        "long views per user and day": lambda of: _each(of.by_day("long_views").mean(axis=1)),
        "requests per user and day": lambda of: _each(of.by_day("requests").mean(axis=1)),
        SHOWN: lambda of: (_sum(of, "exposures"), _sum(of, "sessions")),
        "pass-through, share of exposures sent by the arm": lambda of: (
            of.sent.sum(axis=1), _sum(of, "exposures"),
        ),
        "category entropy, bits": lambda of: _each(_entropy(of.categories)),
    }  # fmt: skip
    if days >= 1:
        found["back on day 1"] = lambda of: _each(of.asked_on(1).astype(float))
    if days >= 7:
        found["back on day 7"] = lambda of: _each(of.asked_on(7).astype(float))
    return found


def _new(one: Outcome, other: Outcome) -> Dict[str, Callable[[Outcome], Ratio]]:
    """Return the share of new videos, where there are any."""
    if not (one.new.any() or other.new.any()):
        return {}
    return {"new videos, share of exposures": lambda of: (of.new, _sum(of, "exposures"))}


def _of_everything(one: Outcome, other: Outcome) -> Dict[str, Callable[[Outcome], Ratio]]:
    """Return what the ranking stages would have made of all videos.

    Of the objectives those that both rankers score.
    """
    objectives = [name for name in one.probed[len(PROBED) :] if name in other.probed]
    names = {**PROBES, **{f"sent of the best by {name}, share": name for name in objectives}}
    return {name: partial(_mean_probe, figure) for name, figure in names.items()}


def _mean_probe(figure: str, of: Outcome) -> Ratio:
    return of.probe(figure), of.probe("probes")


def _each(values: np.ndarray) -> Ratio:
    return values, np.ones(len(values))


def _per_day(outcome: Outcome) -> np.ndarray:
    """Return the seconds that each user watched on a day, (U,)."""
    mean: np.ndarray = outcome.by_day("watch_seconds").mean(axis=1)
    return mean


def _sum(outcome: Outcome, name: str) -> np.ndarray:
    total: np.ndarray = outcome.by_day(name).sum(axis=1)
    return total


def _coverage(outcome: Outcome) -> float:
    return float((outcome.shown > 0).mean())


def _entropy(categories: np.ndarray) -> np.ndarray:
    """Return the entropy of the categories that each user was shown, (U,), in bits."""
    share = categories / np.maximum(categories.sum(axis=1, keepdims=True), 1)
    bits: np.ndarray = -(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=1)
    return bits


def _without_interval(of: Callable[[Outcome], float], one: Outcome, other: Outcome) -> Difference:
    return Difference(of(one), of(other), float("nan"), float("nan"))


def ceiling_share(tested: Tested, name: str) -> Optional[float]:
    """Return an arm's place on the way from `FLOOR`, 0, to `CEILING`, 1, by watch time.

    None where both are the same.
    """
    floor, of, ceiling = (_per_day(tested.outcomes[each]).mean() for each in (FLOOR, name, CEILING))
    return float((of - floor) / (ceiling - floor)) if ceiling != floor else None

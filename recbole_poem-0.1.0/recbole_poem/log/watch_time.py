"""Feedback formed from watch time, by name: a longer video is watched longer, liked or not.

With w the play time and d the duration of a row, in seconds:

=====================  =====================================================================
``watch_ratio``        PCR, w / d. Above 1 where a video was played again.
``long_view``          1 where w >= min(d, 18 s), else 0. On KuaiRand-Pure this agrees with
                       99.8 % of the platform's own column of that name.
``watch_gain``         WTG, (w - mean) / deviation, both of the row's bucket of durations.
``duration_quantile``  D2Q, the share of its bucket that was watched shorter, ties by half.
=====================  =====================================================================

PCR, WTG and D2Q are the labels that the official code of D2Co compares with (Zhao et al.,
*Uncovering User Interest from Biased and Noised Watch Time in Video Recommendation*, RecSys 2023,
arXiv 2308.08120, github.com/hyz20/D2Co); the papers that introduced WTG and D2Q were not read. The
threshold of ``long_view`` stands there as well. Three things differ from that code. It passes WTG
through the normal distribution function and takes mean and deviation per second of duration;
here WTG stays in units of the deviation, and both labels share buckets of about equally many
training rows. It cuts w at d; here replays count. And it estimates from all dates before it
splits them, which leaks; here means, deviations and quantiles are those of training rows.

A row without a play time (missing, or below 0) or without a duration (missing, or not above 0)
teaches nothing, and its labels are NaN, which no interval contains. So is ``watch_gain`` in a
bucket where all training rows were watched equally long.

Adding a label
--------------
One that needs nothing but its own row is a function of (w, d, settings), registered in `FORMULAS`.
One that has to be estimated is a function of the same three, called with the training rows alone,
that returns the function from (w, d) of any rows to their labels; it is registered in `ESTIMATORS`.
It never sees another row, and has to answer for durations that it has not seen. Missing values are
dealt with by the caller. A parameter of a label is a field of `WatchTime`, with a default, and a
rule in `_RANGES`. What a ranker is to predict is no label of these but a target, such as ``d2co``.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND

LONG_VIEW_SECONDS = 18.0


@dataclass(frozen=True)
class WatchTime:
    """What the key ``watch_time`` says.

    Attributes
    ----------
    play, duration : str
        Float columns of the ``.inter`` file: how long the row's item was played, and is.
    unit : str
        Of both columns, ``s`` or ``ms``.
    buckets : int
        Number of groups of durations, with about equally many training rows each.
    """

    play: str
    duration: str
    unit: str = "s"
    buckets: int = 30


#: from play time and duration (N,), in seconds, to labels (N,)
Labels = Callable[[np.ndarray, np.ndarray], np.ndarray]
Formula = Callable[[np.ndarray, np.ndarray, WatchTime], np.ndarray]
Estimator = Callable[[np.ndarray, np.ndarray, WatchTime], Labels]


def parse_watch_time(config: Any) -> Optional[WatchTime]:
    """Read the key ``watch_time``; None where nothing is to be formed from watch time.

    Raises
    ------
    InputError
        For a missing column, an unknown setting, and values out of range.
    """
    if config is None:
        return None
    if not isinstance(config, dict) or not {"play", "duration"} <= set(config):
        raise InputError(
            "watch_time: expected {play: <column>, duration: <column>}, and maybe unit and "
            f"buckets, not {config!r}"
        )
    for setting, value in config.items():
        if setting not in _RANGES:
            near = get_close_matches(str(setting), _RANGES, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(_RANGES)}"
            raise InputError(f"watch_time: unknown setting '{setting}'; {hint}")
        holds, words = _RANGES[setting]
        if not holds(value):
            raise InputError(f"watch_time.{setting}: expected {words}, not {value!r}")
    return WatchTime(**config)


def watch_label(
    name: str, values: Mapping[str, np.ndarray], training: np.ndarray, settings: WatchTime
) -> np.ndarray:
    """Form the label `name` of every row.

    Parameters
    ----------
    name : str
        A key of `FORMULAS` or `ESTIMATORS`.
    values : mapping of (R,) float64
        The float columns of the log, by name.
    training : (R,) bool
        The rows that a label may be estimated from.
    settings : WatchTime

    Returns
    -------
    (R,) float64
        NaN where play time or duration say nothing.

    Raises
    ------
    InputError
        If a column is not there, or no training row can be used.
    """
    play, duration = _seconds("play", values, settings), _seconds("duration", values, settings)
    usable = _usable(play, duration)
    label = np.full(len(play), np.nan)
    if name in FORMULAS:
        label[usable] = FORMULAS[name](play[usable], duration[usable], settings)
        return label
    known = usable & training
    if not known.any():
        raise InputError(
            f"watch_time: no training row has a play time in '{settings.play}' and a duration "
            f"above 0 in '{settings.duration}', from which {name} is estimated"
        )
    labels = ESTIMATORS[name](play[known], duration[known], settings)
    label[usable] = labels(play[usable], duration[usable])
    return label


def watch_ratio(play: np.ndarray, duration: np.ndarray, settings: WatchTime) -> np.ndarray:
    """Return w / d, from 0."""
    return play / duration


def long_view(play: np.ndarray, duration: np.ndarray, settings: WatchTime) -> np.ndarray:
    """Return 1 where w >= min(d, 18 s), and 0 elsewhere."""
    return (play >= np.minimum(duration, LONG_VIEW_SECONDS)).astype(float)


def watch_gain(play: np.ndarray, duration: np.ndarray, settings: WatchTime) -> Labels:
    """Estimate mean and deviation of each bucket; the labels are (w - mean) / deviation."""
    edges = bucket_edges(duration, settings.buckets)
    bucket = bucket_of(duration, edges)
    number = np.bincount(bucket)
    mean = np.bincount(bucket, play) / number
    deviation = np.sqrt(np.bincount(bucket, (play - mean[bucket]) ** 2) / number)
    # equal times may differ from their mean in the last digit, which is no deviation
    deviation[deviation <= 1e-12 * mean] = np.nan

    def labels(play: np.ndarray, duration: np.ndarray) -> np.ndarray:
        bucket = bucket_of(duration, edges)
        return (play - mean[bucket]) / deviation[bucket]

    return labels


def duration_quantile(play: np.ndarray, duration: np.ndarray, settings: WatchTime) -> Labels:
    """Sort each bucket; the label is the share that was watched shorter, ties by half, in [0, 1].

    Over the training rows of a bucket the mean is 1/2; where none are tied the labels are 1/2n,
    3/2n, ..., 1 - 1/2n.
    """
    edges = bucket_edges(duration, settings.buckets)
    bucket = bucket_of(duration, edges)
    in_order = [np.sort(play[bucket == number]) for number in range(len(edges) + 1)]

    def labels(play: np.ndarray, duration: np.ndarray) -> np.ndarray:
        bucket = bucket_of(duration, edges)
        quantile = np.empty(len(play))
        for number, ordered in enumerate(in_order):
            rows = np.flatnonzero(bucket == number)
            below = np.searchsorted(ordered, play[rows], side="left")
            up_to = np.searchsorted(ordered, play[rows], side="right")
            quantile[rows] = (below + up_to) / (2 * len(ordered))
        return quantile

    return labels


def bucket_edges(duration: np.ndarray, n_buckets: int) -> np.ndarray:
    """Return the durations at which the next bucket begins, ascending, at most n - 1.

    Rows of one duration share a bucket, so that there are fewer where durations repeat; none is
    empty.
    """
    ordered = np.sort(duration)
    edges = np.unique(ordered[np.arange(1, n_buckets) * len(ordered) // n_buckets])
    return edges[edges > ordered[0]]


def bucket_of(duration: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the bucket of each duration (N,), from 0; the outer ones reach to infinity."""
    return np.searchsorted(edges, duration, side="right")


def play_seconds(values: Mapping[str, np.ndarray], settings: WatchTime) -> np.ndarray:
    """Return w, the play time of every row in seconds, (R,), as the file tells it.

    Raises
    ------
    InputError
        If the column is not there.
    """
    return _seconds("play", values, settings)


def duration_seconds(values: Mapping[str, np.ndarray], settings: WatchTime) -> np.ndarray:
    """Return d, how long the item of every row lasts, (R,); NaN where that is not above 0.

    Raises
    ------
    InputError
        If the column is not there.
    """
    duration = _seconds("duration", values, settings)
    return np.where(np.isfinite(duration) & (duration > 0), duration, np.nan)


def watched_part(
    values: Mapping[str, np.ndarray], settings: WatchTime
) -> Tuple[np.ndarray, np.ndarray]:
    """Return how long each row was watched, at most once through, and its duration.

    Returns
    -------
    watched, duration : (R,) float64
        Seconds, 0 <= watched <= duration; both NaN where the row tells one of them alone.

    Raises
    ------
    InputError
        If a column is not there.
    """
    play, duration = _seconds("play", values, settings), _seconds("duration", values, settings)
    usable = _usable(play, duration)
    return (
        np.where(usable, np.minimum(play, duration), np.nan),
        np.where(usable, duration, np.nan),
    )


def _usable(play: np.ndarray, duration: np.ndarray) -> np.ndarray:
    return np.isfinite(play) & (play >= 0) & np.isfinite(duration) & (duration > 0)


def _seconds(which: str, values: Mapping[str, np.ndarray], settings: WatchTime) -> np.ndarray:
    column = vars(settings)[which]
    if column not in values:
        raise InputError(
            f"watch_time.{which}: the .inter file has no float column '{column}' among those "
            f"loaded ({', '.join(sorted(values)) or 'none'})"
        )
    return values[column] / PER_SECOND[settings.unit]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


#: setting -> (whether a value is in range, the range in words)
_RANGES: Dict[str, Tuple[Callable[[Any], bool], str]] = {
    "play": (lambda v: isinstance(v, str), "the name of a column"),
    "duration": (lambda v: isinstance(v, str), "the name of a column"),
    "unit": (lambda v: isinstance(v, str) and v in PER_SECOND, "s or ms"),
    "buckets": (_is_count, "a whole number from 1"),
}

#: name -> labels that need nothing but their own row
FORMULAS: Dict[str, Formula] = {"watch_ratio": watch_ratio, "long_view": long_view}

#: name -> labels that are estimated from training rows
ESTIMATORS: Dict[str, Estimator] = {
    "watch_gain": watch_gain,
    "duration_quantile": duration_quantile,
}

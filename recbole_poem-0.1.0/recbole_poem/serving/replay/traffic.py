"""The end of a log as traffic: which rows are played, and which of them are asked."""

from typing import NamedTuple

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.core.times import PER_SECOND, in_words
from recbole_poem.serving.bounds import whole_number
from recbole_poem.training.experiment import Experiment

#: the splits whose rows are asked, by the name of the choice
ROWS = {"test": ("test",), "held_out": ("valid", "test"), "all": ("train", "valid", "test")}


class Traffic(NamedTuple):
    """Rows of a log in the order of time.

    Attributes
    ----------
    rows : (P,) int64
        Request ids; rows of one user at one time keep their order in the log.
    asked : (P,) bool
        The rows that are requests to the recommender. The others are played, so that the user's
        history and last ranking are what they would be.
    begin, end : float
        The first and the last moment, in the unit of the log's time.
    """

    rows: np.ndarray
    asked: np.ndarray
    begin: float
    end: float


def last_hours(experiment: Experiment, hours: float, rows: str) -> Traffic:
    """Return the last hours of an experiment's log.

    Parameters
    ----------
    experiment : Experiment
        Of a sequential model.
    hours : float
        Above 0; counted back from the last row of the log, whose row is among them.
    rows : str
        A key of `ROWS`: the prediction rows that are asked.

    Raises
    ------
    InputError
        For hours that are no number above 0, or that hold no row to ask.
    """
    if not hours > 0:
        raise InputError(f"last_hours: expected a number above 0, not {hours!r}")
    log, unit = experiment.dataset.log, experiment.config["time_unit"]
    end = float(log.time.max())
    begin = end - hours * 3600 * PER_SECOND[unit]
    traffic = _since(experiment, begin, _to_ask(experiment, rows))
    if not traffic.asked.any():
        raise InputError(
            f"last_hours: none of the {len(traffic.rows)} rows from {in_words(begin, unit)} to "
            f"{in_words(end, unit)} is one of --rows={rows}; take more hours or other rows"
        )
    return traffic


def last_requests(experiment: Experiment, number: int, rows: str) -> Traffic:
    """Return the end of an experiment's log in which so many rows are asked, or all that there are.

    Parameters
    ----------
    experiment : Experiment
        Of a sequential model.
    number : int
        From 1; rows of the time of the first one are asked as well.
    rows : str
        A key of `ROWS`: the prediction rows that are asked.

    Raises
    ------
    InputError
        For a number that is none from 1, and if there is no row to ask.
    """
    number = whole_number("last_requests", number)
    to_ask = _to_ask(experiment, rows)
    moments = np.sort(experiment.dataset.log.time[to_ask])
    if not len(moments):
        raise InputError(f"last_requests: no row of the log is one of --rows={rows}")
    return _since(experiment, float(moments[-number:][0]), to_ask)


def _to_ask(experiment: Experiment, rows: str) -> np.ndarray:
    """Mark the rows of the log that a choice of `ROWS` asks, (R,) bool."""
    to_ask = np.zeros(len(experiment.dataset.log), dtype=bool)
    for split in ROWS[rows]:
        loader = getattr(experiment, f"{split}_data")
        if loader is not None:  # a split may have no validation rows
            to_ask[loader._dataset.inter_feat[REQUEST_ID].numpy()] = True
    return to_ask


def _since(experiment: Experiment, begin: float, to_ask: np.ndarray) -> Traffic:
    """Return the rows from a moment on, in the order of time."""
    time = experiment.dataset.log.time
    played = np.flatnonzero(time >= begin)
    played = played[np.argsort(time[played], kind="stable")]
    return Traffic(played, to_ask[played], begin, float(time.max()))

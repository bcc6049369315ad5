"""The last hours of a log as traffic: which rows are played, and which of them are asked."""

from typing import NamedTuple

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.core.times import PER_SECOND, in_words
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
    played = np.flatnonzero(log.time >= begin)
    played = played[np.argsort(log.time[played], kind="stable")]
    to_ask = np.zeros(len(log), dtype=bool)
    for split in ROWS[rows]:
        data = getattr(experiment, f"{split}_data")._dataset
        to_ask[data.inter_feat[REQUEST_ID].numpy()] = True
    asked = to_ask[played]
    if not asked.any():
        raise InputError(
            f"last_hours: none of the {len(played)} rows from {in_words(begin, unit)} to "
            f"{in_words(end, unit)} is one of --rows={rows}; take more hours or other rows"
        )
    return Traffic(played, asked, begin, end)

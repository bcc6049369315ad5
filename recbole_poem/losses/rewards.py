"""What the rows of a log earned, and where its sessions end: the world of a Q-learner."""

from typing import Any, Mapping, Optional

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import NEXT_ROW
from recbole_poem.core.intervals import is_interval, parse_intervals, within
from recbole_poem.core.number_types import is_number
from recbole_poem.core.settings import Range
from recbole_poem.log.feedback import feedback_column
from recbole_poem.log.requests import RequestLog
from recbole_poem.losses.terms import FieldMaker

#: what a column is worth: a number that multiplies it, or intervals of it with their rewards
Worth = Any


def _is_worth(value: Any) -> bool:
    if not isinstance(value, dict):
        return is_number(value)
    return bool(value) and all(is_interval(k) and is_number(v) for k, v in value.items())


REWARDS = Range(
    lambda v: (
        v is None
        or (
            isinstance(v, dict)
            and bool(v)
            and all(isinstance(name, str) and _is_worth(worth) for name, worth in v.items())
        )
    ),
    "columns, each with a number that multiplies it or rewards of intervals such as "
    "{'[4,inf)': 1}, or ~",
)


def rewards_of(log: RequestLog, worth: Optional[Mapping[str, Worth]], key: str) -> np.ndarray:
    """Return what each row earned, (R,) float32: of its columns' rewards the farthest from 0.

    Parameters
    ----------
    log : RequestLog
        R rows; labels that are estimated are estimated from its training part.
    worth : mapping or None
        Of float columns, or labels formed from watch time; None = every row earns 1.
    key : str
        The configuration key that it stands under, for the error.

    Raises
    ------
    InputError
        For a column that is not there, and intervals that overlap.
    """
    if worth is None:
        return np.ones(len(log), dtype=np.float32)
    earned = np.stack([_of_column(log, name, of, key) for name, of in worth.items()])
    largest = np.abs(earned).argmax(axis=0)
    return earned[largest, np.arange(len(log))].astype(np.float32)


def _of_column(log: RequestLog, name: str, worth: Worth, key: str) -> np.ndarray:
    """Return what a column earned each row, (R,); 0 where the file says nothing."""
    column = feedback_column(log, name, key)
    if not isinstance(worth, dict):
        return np.nan_to_num(column * worth)
    rewards, told = np.zeros(len(log)), np.zeros(len(log), dtype=bool)
    for interval, reward in worth.items():
        rows = within(column, parse_intervals(interval, f"{key}.{name}"))
        if (rows & told).any():
            value = column[(rows & told).argmax()]
            raise InputError(
                f"{key}.{name}: {value:g} lies in two intervals; part them, as [1,4) and [4,5]"
            )
        rewards[rows], told = reward, told | rows
    return rewards


def session_ends(log: RequestLog, gap: Optional[float]) -> np.ndarray:
    """Mark the training rows behind which nothing follows in their session, (R,) bool.

    Parameters
    ----------
    log : RequestLog
    gap : float or None
        Time without a row, in the log's unit, beyond which a session has ended; None = a user's
        training rows are one session.
    """
    follows = np.zeros(len(log), dtype=bool)
    follows[:-1] = (log.user[1:] == log.user[:-1]) & log.training[1:]
    if gap is not None:
        follows[:-1] &= np.diff(log.time) <= gap
    return log.training & ~follows


def behind(values: np.ndarray) -> FieldMaker:
    """Return what makes a field (B, W) of values of rows (R,): those of the row behind each place.

    Beyond a window it is 0.
    """
    column = torch.from_numpy(values)

    def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
        row: torch.Tensor = batch[NEXT_ROW]
        return column[row.clamp_min(0)].masked_fill(row < 0, 0)

    return make

"""Splits at two moments of the log: what comes after the second one is test.

RecBole cuts each user's rows, so that the training rows of one user may be later than the test rows
of another. A system in use knows nothing of tomorrow of anybody::

    eval_args:
      split: {split_by_time: {valid: 24 hours, test: last 24 hours}}
      order: TO
      mode: full

A row belongs to training before ``valid``, to validation from there to ``test``, to test from there
on. Each of the two is

- a window, ``24 hours`` or ``last 24 hours``: so long before the part ends (the test ends with the
  log, validation where the test begins), in seconds, minutes, hours, days or weeks;
- a date, ``2022-05-07`` or ``after 2022-05-07 00:00+08:00``, in UTC where it names no offset;
- or a number, ``1651881600``, in the unit of the time field, which the key ``time_unit`` tells.

Users need no row in each part, and may have many. A row's history is all earlier rows of its user,
held-out ones included, as in RecBole's split by ratio. The first row of a user is never held out:
no model knows anything of the user then. The later rows of a user without a training row are.
"""

import re
from datetime import date, datetime, timezone
from typing import Any, List, NamedTuple

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND, in_words
from recbole_poem.data.splits import GroupedSplitMixin

NAME = "split_by_time"
_KEY = f"eval_args.split.{NAME}"

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_WINDOW = re.compile(rf"(?:last\s+)?(\d+(?:\.\d+)?)\s*({'|'.join(_SECONDS)})s?", re.IGNORECASE)
_AFTER = re.compile(r"after\s+", re.IGNORECASE)


class Cuts(NamedTuple):
    """The first moments of validation and of test, in the unit of the time field."""

    valid: float
    test: float


def cuts_in_time(settings: Any, first: float, last: float, unit: str) -> Cuts:
    """Read the settings of ``split_by_time``.

    Parameters
    ----------
    settings : Any
        What stands under the key: a mapping of ``valid`` and ``test`` to moments or windows.
    first, last : float
        The earliest and the latest time of the log.
    unit : str
        Of these times: ``s`` or ``ms``.

    Raises
    ------
    InputError
        For missing or unknown settings, an unreadable moment, and cuts that leave a part no time.
    """
    if not isinstance(settings, dict) or set(settings) != {"valid", "test"}:
        raise InputError(
            f"{_KEY}: expected {{valid: 24 hours, test: last 24 hours}} or dates, not {settings!r}"
        )
    test = _begin("test", settings["test"], last, unit)
    valid = _begin("valid", settings["valid"], test, unit)
    if not first < valid < test <= last:
        raise InputError(
            f"{_KEY}: {_named(valid, test, unit)} leave training, validation or test no row of a "
            f"log from {in_words(first, unit)} to {in_words(last, unit)} (time_unit: {unit})"
        )
    return Cuts(valid, test)


def _named(valid: float, test: float, unit: str) -> str:
    return f"validation from {in_words(valid, unit)} and test from {in_words(test, unit)}"


def _begin(part: str, given: Any, end: float, unit: str) -> float:
    """Return the first moment of a part that ends at `end`."""
    if isinstance(given, date):
        raise InputError(f"{_KEY}.{part}: put quotes or the word 'after' before the date {given}")
    text = str(given).strip()
    window = _WINDOW.fullmatch(text)
    if window is not None:
        return end - float(window[1]) * _SECONDS[window[2].lower()] * PER_SECOND[unit]
    moment = _moment(_AFTER.sub("", text, count=1), unit)
    if isinstance(given, bool) or not np.isfinite(moment):
        raise InputError(
            f"{_KEY}.{part}: '{given}' is no date such as '2022-05-07 00:00', no number and no "
            "window such as 'last 24 hours'"
        )
    return moment


def _moment(text: str, unit: str) -> float:
    """Return the time that a number or a date spells; NaN for any other text."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return float("nan")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp() * PER_SECOND[unit]


class SplitByTimeMixin(GroupedSplitMixin):
    """Mixin for any RecBole data set: ``eval_args: {split: {split_by_time: ...}}``."""

    inter_feat: Any  # a DataFrame until RecBole turns it into an Interaction

    @property
    def splits_by_time(self) -> bool:
        """Whether the rows are split at two moments; files split beforehand stay as they are."""
        split = self.config["eval_args"]["split"]
        return (
            self.config["benchmark_filename"] is None and isinstance(split, dict) and NAME in split
        )

    def build(self) -> List[Dataset]:
        """Split at two moments if asked to, and otherwise as RecBole does."""
        if not self.splits_by_time:
            return super().build()
        self._change_feat_format()
        return self.split_by_time()

    def split_by_time(self) -> List[Dataset]:
        """Return training, validation and test rows, each in the order of time.

        Raises
        ------
        InputError
            If one of them is empty, and see `cuts_in_time`.
        """
        cuts = self.cuts()
        indices = self._parts_in_time(cuts)
        words = _named(*cuts, self.config["time_unit"])
        for name, index in zip(("training", "validation", "test"), indices):
            if not len(index):
                raise InputError(f"{_KEY}: {words} leave no {name} row to predict")
        self.logger.info(f"{NAME}: {words}; {', '.join(str(len(i)) for i in indices)} rows")
        return self._dealt(indices)

    def _parts_in_time(self, cuts: Cuts) -> List[Any]:
        """Put the rows in the order of time; return which are of training, validation and test."""
        times = self._row_times()
        order = np.argsort(times, kind="stable")
        part = np.searchsorted(cuts, times[order], side="right")  # 0, 1, 2
        users = self.inter_feat[self.uid_field].numpy()[order]
        kept = (part == 0) | self._has_history(users)
        self.inter_feat = self.inter_feat[order]
        return [np.flatnonzero(kept & (part == number)) for number in range(3)]

    def cuts(self) -> Cuts:
        """Return the moments at which this log is split."""
        eval_args, times = self.config["eval_args"], self._log_times()
        if eval_args["order"] != "TO" or len(eval_args["split"]) > 1:
            raise InputError(
                f"eval_args: {NAME} needs order 'TO' and no other split beside it, not {eval_args}"
            )
        return cuts_in_time(
            eval_args["split"][NAME], times.min(), times.max(), self.config["time_unit"]
        )

    def _log_times(self) -> np.ndarray:
        """Return the time of every row of the log, as it stands in the file."""
        raise NotImplementedError

    def _row_times(self) -> np.ndarray:
        """Return the time of every row of `inter_feat`, as it stands in the file."""
        return self._log_times()

    def _has_history(self, users: np.ndarray) -> np.ndarray:
        """Mark the rows that have an earlier one of their user, for the `users` (N,) in time."""
        return pd.Series(users).duplicated().to_numpy()

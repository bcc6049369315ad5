"""Splits of a mapped log, whose rows stand by user and time: nothing is sorted, and no row kept.

A user's part of a split is a span of the log, two numbers. A split by time, and one by ratio over
all users, are in the order of time: it lies on the disk.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, List

import numpy as np

from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.mapped.columns import Widened
from recbole_poem.data.mapped.row_numbers import InTime, SpanGroups
from recbole_poem.data.request_log import LogMixin
from recbole_poem.data.rows import RowNumbers, in_parts
from recbole_poem.data.split_by_time import Cuts
from recbole_poem.log.feedback import estimated_labels, positive_rows
from recbole_poem.log.requests import ROWS_AT_ONCE, RequestLog


class StoredSplitsMixin(LogMixin):
    """Mixin for a flat data set over a store: the splits of RecBole in a few bytes a user.

    A split at random, and RecBole's ``TS``, are made as ever.
    """

    store_folder: Path
    _spans: SpanGroups  # the rows to predict of each user that has any

    def _positive_rows(self, condition: Any) -> np.ndarray:
        if condition is None or estimated_labels(self.log, condition):
            return super()._positive_rows(condition)
        log, positive = self.log, np.empty(len(self.log), dtype=bool)
        for rows in log.blocks():
            columns = {name: getattr(log, name)[rows] for name in ("user", "item", "time", "first")}
            values = log.values.between(rows) if isinstance(log.values, Widened) else log.values
            part = replace(log, **columns, values=values, training=log.training[rows], tokens={})
            positive[rows] = positive_rows(part, condition, "positive_feedback")
        return positive

    def _rows_to_predict(self) -> RowNumbers:
        """Return the rows to predict, user by user."""
        targets = self._target_rows()
        begin = _begins(self.log)
        if np.count_nonzero(targets) == len(self.log) - len(begin):  # all but first rows
            size = np.diff(np.r_[begin, len(self.log)]) - 1
            groups = SpanGroups(begin + 1, size)
        else:
            rows = _marked(targets)
            cuts = np.searchsorted(rows, np.r_[begin, len(self.log)].astype(rows.dtype))
            groups = SpanGroups(cuts[:-1], np.diff(cuts), rows)
        self._spans = groups.in_order(np.flatnonzero(groups.size))
        return self._spans.rows

    def sort(self, by: Any, ascending: Any = True) -> None:
        """Sort the rows to predict; in the order of time they are read when somebody asks."""
        rows = self.inter_feat.row_numbers
        if by != self.time_field or ascending is not True or not isinstance(rows, RowNumbers):
            return super().sort(by, ascending)
        self.inter_feat = self._in_time(rows, self.inter_feat.interaction.log[by])
        return None

    def _groups(self, field: str) -> Any:
        rows = self.inter_feat.row_numbers
        if field != self.uid_field or not isinstance(rows, InTime):
            return super()._groups(field)
        # users come in the order of their first rows, ties as the log has them
        time = self.inter_feat.interaction.log[self.time_field]
        return self._spans.in_order(np.argsort(time[self._spans.first()].numpy(), kind="stable"))

    def _parts_in_time(self, cuts: Cuts) -> List[Any]:
        rows, before = self.inter_feat.row_numbers, np.zeros(2, np.int64)
        for numbers in _in_turn(rows):
            before += (self.log.time[numbers] < np.array(cuts)[:, None]).sum(axis=1)
        self.inter_feat = self._in_time(rows, self.log.time)
        ends = [0, *before.tolist(), len(rows)]
        return [self.inter_feat.row_numbers[begin:end] for begin, end in zip(ends, ends[1:])]

    def _in_time(self, rows: RowNumbers, time: Any) -> Any:
        return self.inter_feat.of_rows(InTime(rows, time, self.store_folder))

    def _dealt(self, indices: List[Any]) -> List[Any]:
        self._drop_unused_col()
        feat = self.inter_feat
        return [
            self.copy(feat.of_rows(index) if isinstance(index, RowNumbers) else feat[index])
            for index in indices
        ]

    def _log_trained_on(self, train: Any) -> RequestLog:
        parts = (rows.numpy() for rows in in_parts(train.inter_feat, REQUEST_ID, ROWS_AT_ONCE))
        return self.log.with_training_targets_in_parts(parts)


def _in_turn(rows: RowNumbers) -> Iterator[np.ndarray]:
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        yield rows.between(begin, min(begin + ROWS_AT_ONCE, len(rows))).numpy()


def _begins(log: RequestLog) -> np.ndarray:
    """Return the first row of each user, (U,) int64."""
    return np.flatnonzero(~log.has_history)


def _marked(mask: np.ndarray) -> np.ndarray:
    """Return the places of what is marked in (R,), in a narrow type, found part by part."""
    kind = np.min_scalar_type(len(mask))
    found, begin = np.empty(np.count_nonzero(mask), kind), 0
    for start in range(0, len(mask), ROWS_AT_ONCE):
        places = np.flatnonzero(mask[start : start + ROWS_AT_ONCE])
        found[begin : begin + len(places)] = places + start
        begin += len(places)
    return found

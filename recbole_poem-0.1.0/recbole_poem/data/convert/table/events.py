"""The events of a table: whole rows, their values read, repetitions told."""

from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.table.naming import Named
from recbole_poem.data.convert.table.source import Table
from recbole_poem.data.convert.table.times import TimeFormat, Times, times_of
from recbole_poem.data.convert.table.values import Ids, ids_of, missing, numbers_of


@dataclass(frozen=True)
class Events:
    """The rows of a table that are written, in its order.

    Attributes
    ----------
    user, item : Ids
        Of R rows.
    times : Times
    numbers : dict of (R,) float64
        Column -> its values, NaN where the table says nothing.
    n_read : int
        Rows of the table.
    notes : list of str
        Sentences for the summary: what was dropped and reinterpreted, and why.
    """

    user: Ids
    item: Ids
    times: Times
    numbers: Dict[str, np.ndarray]
    n_read: int
    notes: List[str]

    def __len__(self) -> int:
        return len(self.user.codes)

    def frame(self, fields: Dict[str, str]) -> pd.DataFrame:
        """Return the rows as they are written; `fields` name user, item and time."""
        columns = {
            fields["user"]: pd.Categorical.from_codes(self.user.codes, self.user.tokens),
            fields["item"]: pd.Categorical.from_codes(self.item.codes, self.item.tokens),
            fields["time"]: self.times.values,
        }
        numbers = {name: _as_written(values) for name, values in self.numbers.items()}
        return pd.DataFrame({**columns, **numbers}, copy=False)


def events_of(
    table: Table,
    named: Named,
    how: TimeFormat,
    keep_duplicates: bool,
    drop_incomplete: bool,
    bar: Any = None,
) -> Events:
    """Read the events of a table.

    Parameters
    ----------
    table : Table
    named : Named
    how : TimeFormat
    keep_duplicates : bool
        Only count the rows that say the same as an earlier one.
    drop_incomplete : bool
        Leave out, and count, rows without a user, an item or a time, which are refused otherwise.
    bar : optional
        A bar of bytes to move on.

    Raises
    ------
    InputError
        For whatever is wrong with a row, and if there is none.
    """
    frame = table.read(named.all, bar)
    if not len(frame):
        raise InputError(f"{table.name}: there is no row behind the names of the columns")
    n_read = len(frame)
    frame, notes = _whole_rows(frame, table, named, drop_incomplete)
    events = Events(
        ids_of(frame[named.user], table, "user"),
        ids_of(frame[named.item], table, "item"),
        times_of(frame[named.time], table, how),
        {name: numbers_of(frame[name], table) for name in named.numbers},
        n_read,
        notes,
    )
    notes += [ids.note for ids in (events.user, events.item) if ids.note]
    again, n_other = _repeating(events)
    if n_other:
        notes.append(f"kept {n_other:,} rows of the same user, item and time with other numbers")
    if again.any():
        verb = "kept" if keep_duplicates else "dropped"
        notes.append(f"{verb} {again.sum():,} rows that say the same as an earlier one")
    return events if keep_duplicates or not again.any() else _chosen(events, ~again)


def _whole_rows(
    frame: pd.DataFrame, table: Table, named: Named, drop: bool
) -> Tuple[pd.DataFrame, List[str]]:
    """Return the rows with a user, an item and a time."""
    notes: List[str] = []
    kept = np.ones(len(frame), dtype=bool)
    for part in ("user", "item", "time"):
        column = getattr(named, part)
        gap = missing(frame[column])
        if gap.any() and not drop:
            place = table.place(int(np.argmax(gap)))
            raise InputError(
                f"{place}: column '{column}' has no {part}; mend the row, or leave all such rows "
                "out with --drop_incomplete"
            )
        if gap.any():
            notes.append(f"dropped {(gap & kept).sum():,} rows without a {part}")
        kept &= ~gap
    if not kept.any():
        raise InputError(f"{table.name}: no row has a user, an item and a time")
    return frame if kept.all() else frame[kept], notes


def _repeating(events: Events) -> Tuple[np.ndarray, int]:
    """Mark the rows that say the same as an earlier one; count those that differ in numbers."""
    columns = {"user": events.user.codes, "item": events.item.codes, "time": events.times.values}
    rows = pd.DataFrame({**columns, **{f"n {k}": v for k, v in events.numbers.items()}}, copy=False)
    again = rows.duplicated().to_numpy()
    other = rows.duplicated(list(columns)).to_numpy() & ~again if events.numbers else 0 * again
    return again, int(other.sum())


def _chosen(events: Events, kept: np.ndarray) -> Events:
    return Events(
        events.user._replace(codes=events.user.codes[kept]),
        events.item._replace(codes=events.item.codes[kept]),
        events.times._replace(values=events.times.values[kept]),
        {name: values[kept] for name, values in events.numbers.items()},
        events.n_read,
        events.notes,
    )


def _as_written(values: np.ndarray) -> Any:
    """Return numbers without a fraction where none has one: 5, not 5.0."""
    known = values[~np.isnan(values)]
    return values if (known % 1).any() else pd.array(values, dtype="Int64")

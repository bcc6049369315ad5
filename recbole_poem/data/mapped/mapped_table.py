"""A table of users or items that lies on the disk: what a data set has in place of its frame.

A column becomes a tensor when somebody reads it, and is let go afterwards. Until then it costs
nothing but, where it is normalised, a pass over it.
"""

from typing import Any, Dict, Iterator, List, MutableMapping, Optional, Tuple

import numpy as np
import pandas as pd
import torch
from recbole.data.interaction import Interaction

from recbole_poem.data.mapped.columns import Filled, Scaled, Step
from recbole_poem.log.flat import FlatStore, TokenIds
from recbole_poem.log.flat.tables import StoredTable, TableColumn


class MappedTable:
    """A table of n ids, padding among them, of which no filter takes more than strangers.

    Parameters
    ----------
    store : FlatStore
    stored : StoredTable
    names : list of str
        Columns that are loaded, in the order of the file, the one of ids among them.
    """

    def __init__(self, store: FlatStore, stored: StoredTable, names: List[str]) -> None:
        self._store, self._stored, self.columns = store, stored, names
        self._columns = {column.name: column for column in stored.columns}
        self._place = store.array(stored.place)  # by the store's ids
        self._n_of_log = len(store.tokens(stored.field))
        self._old: Optional[np.ndarray] = None  # the store's id of each id, where they differ
        self._numbers: Dict[str, np.ndarray] = {}  # new numbers of the tokens of columns
        self._steps: Dict[str, Tuple[Step, ...]] = {}

    def __len__(self) -> int:
        return int(np.count_nonzero(self._place))

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    @property
    def has_strangers(self) -> bool:
        """Whether it has rows of nobody that the log has."""
        return len(self._place) > self._n_of_log

    def drop_strangers(self) -> None:
        """Leave out the rows of nobody that the log has."""
        self._place = self._place[: self._n_of_log]

    # -- ids ---------------------------------------------------------------------------------

    def tokens_of_ids(self) -> Tuple[np.ndarray, TokenIds]:
        """Return the tokens of all ids, of the log and strangers, and their ids."""
        stored, store = self._stored, self._store
        if not self.has_strangers:
            return store.tokens(stored.field), store.token_ids(stored.field)
        assert stored.tokens is not None and stored.order is not None
        tokens = store.array(stored.tokens)
        return tokens, TokenIds(tokens, store.array(stored.order))

    def tokens(self, name: str) -> np.ndarray:
        """Return the tokens of a column, padding first, as they come up in the rows left."""
        column = self._columns[name]
        assert column.tokens is not None
        tokens = self._store.array(column.tokens)
        if not self._stored.has_strangers or self.has_strangers:
            return tokens
        values, rows = self._store.array(column.values), self._is_left()
        if column.offsets is not None:
            rows = rows.repeat(np.diff(self._store.array(column.offsets)))
        met = pd.unique(values[rows])
        met = met[met > 0]
        number = np.zeros(len(tokens), np.int64)
        number[met] = np.arange(1, len(met) + 1)
        self.renumber(name, number)
        return tokens[np.r_[0, met]]

    def _is_left(self) -> np.ndarray:
        """Mark the rows of the file that are left, (T,) bool."""
        left = np.zeros(self._stored.rows + 1, dtype=bool)
        left[self._place] = True
        return left[1:]

    def renumber(self, name: str, numbers: np.ndarray) -> None:
        """Give the tokens of a column new numbers (m,), 0 for 0."""
        known = self._numbers.get(name)
        self._numbers[name] = numbers if known is None else numbers[known]

    def renumber_ids(self, ids: np.ndarray) -> None:
        """Give users or items new ids (n,)."""
        self._old = np.zeros(len(ids), np.int64)
        self._old[ids] = np.arange(len(ids))

    # -- values ------------------------------------------------------------------------------

    def scale(self, name: str) -> bool:
        """Bring a column of numbers to 0 .. 1; tell whether its numbers differ."""
        values = self._floats(name, None)
        scaled = Scaled(float(values.min()), float(values.max()))
        self._steps[name] = (*self._steps[name], scaled)
        return scaled.low != scaled.high

    def read(self, name: str, ids: Optional[np.ndarray] = None) -> torch.Tensor:
        """Return a column at some ids (...), or at all, in the type that RecBole gives it."""
        if name == self._stored.field:
            return torch.from_numpy(np.arange(len(self._place)) if ids is None else ids)
        column = self._columns[name]
        if column.type == "float":
            return torch.from_numpy(self._floats(name, ids).astype(np.float32))
        if column.type == "token":
            rows = self._rows(ids)
            values = self._store.array(column.values)
            found = np.where(rows >= 0, values[rows] if len(values) else 0, 0)
            return torch.from_numpy(self._renumbered(name, found))
        return torch.from_numpy(self._sequences(column, self._rows(ids)))

    def _rows(self, ids: Optional[np.ndarray]) -> np.ndarray:
        """Return the rows of ids (...), (...) int64; -1 = none."""
        if self._old is not None:
            ids = self._old if ids is None else self._old[ids]
        return (self._place if ids is None else self._place[ids]).astype(np.int64) - 1

    def _floats(self, name: str, ids: Optional[np.ndarray]) -> np.ndarray:
        if name not in self._steps:  # RecBole's mean, of the numbers in the order of their ids
            self._steps[name] = (Filled(float(pd.Series(self._known(name, None)).mean())),)
        values = self._known(name, ids)
        for step in self._steps[name]:
            values = step(values)
        return values

    def _known(self, name: str, ids: Optional[np.ndarray]) -> np.ndarray:
        """Return numbers as the file has them, NaN where it has none."""
        rows, values = self._rows(ids), self._store.array(self._columns[name].values)
        found = np.full(rows.shape, np.nan)
        found[rows >= 0] = values[rows[rows >= 0]]
        return found

    def _renumbered(self, name: str, numbers: np.ndarray) -> np.ndarray:
        known = self._numbers.get(name)
        return (numbers if known is None else known[numbers]).astype(np.int64)

    def _sequences(self, column: TableColumn, rows: np.ndarray) -> np.ndarray:
        """Return sequences (..., L), padded with 0 to the longest one that is left."""
        assert column.offsets is not None
        offsets, values = (self._store.array(each) for each in (column.offsets, column.values))
        width = int(np.diff(offsets)[self._is_left()].max(initial=0))
        begin = np.where(rows >= 0, offsets[rows], 0)
        end = np.where(rows >= 0, offsets[rows + 1], 0)
        index = begin[..., None] + np.arange(width)
        inside = index < end[..., None]
        found = values[np.where(inside, index, 0)] if len(values) else np.zeros_like(index)
        return np.where(inside, self._renumbered(column.name, found), 0)

    def interaction(self) -> "TableRows":
        """Return the table as RecBole has it when it is read."""
        return TableRows(_Columns(self, {name: None for name in self.columns}), len(self._place))


class _Columns(MutableMapping[str, torch.Tensor]):
    """Columns of a table, each read whole when it is asked for."""

    def __init__(self, table: MappedTable, own: Dict[str, Optional[torch.Tensor]]) -> None:
        self.table, self._own = table, own  # None = as the table has it

    def __getitem__(self, name: str) -> torch.Tensor:
        own = self._own[name]
        return self.table.read(name) if own is None else own

    def at(self, name: str, index: Any) -> torch.Tensor:
        """Return a column at some ids."""
        own, ids = self._own[name], np.asarray(index)
        if own is not None:
            return own[index]
        return self.table.read(name, np.flatnonzero(ids) if ids.dtype == bool else ids)

    def __setitem__(self, name: str, column: torch.Tensor) -> None:
        self._own[name] = column

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


class TableRows(Interaction):
    """A mapped table of n ids as RecBole's `Interaction`; columns are read when they are asked for.

    Parameters
    ----------
    columns : _Columns
    length : int
        n.
    """

    def __init__(self, columns: _Columns, length: int) -> None:
        super().__init__({})
        self.interaction, self.length = columns, length

    def __getitem__(self, index: Any) -> Any:
        """Return a column by its name, or the rows of some ids."""
        if isinstance(index, str):
            return self.interaction[index]
        if isinstance(index, slice):
            index = np.arange(self.length)[index]
        return Interaction({name: self.interaction.at(name, index) for name in self.interaction})

"""The rows of a flat store that the filters leave: what a data set has in place of a frame."""

from typing import Callable, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy as np
import pandas as pd

from recbole_poem.data.mapped.columns import Filled, Scaled, Step, extent
from recbole_poem.data.mapped.room import room
from recbole_poem.log.flat import FlatStore
from recbole_poem.log.flat.store import FIRST
from recbole_poem.log.requests import first_rows

#: rows that are looked at together, those of one user always
ROWS_AT_ONCE = 4_000_000


class StoredRows:
    """Rows by user and time, of which a filter takes some.

    Parameters
    ----------
    store : FlatStore
        Of S rows.
    types : mapping
        Columns that are loaded -> ``token`` or ``float``.

    Attributes
    ----------
    steps : dict
        Float column -> what becomes of its numbers before a model reads them.
    """

    def __init__(self, store: FlatStore, types: Mapping[str, str]) -> None:
        self.store, self._types = store, dict(types)
        self._kept: Optional[np.ndarray] = None  # (S,) bool; None = all
        self._length = store.header.rows
        self._ids: Dict[str, np.ndarray] = {}
        self.steps: Dict[str, Tuple[Step, ...]] = {}

    def __len__(self) -> int:
        return self._length

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    @property
    def columns(self) -> List[str]:
        """The columns that are loaded, in the order of the file."""
        return list(self._types)

    @property
    def is_whole(self) -> bool:
        """Whether no filter took a row."""
        return self._kept is None

    # -- reading -----------------------------------------------------------------------------

    def parts(self, *arrays: np.ndarray) -> Iterator[Tuple[np.ndarray, ...]]:
        """Yield some arrays (S,) of the store at the rows that are left, users whole, in turn."""
        offsets = self.store.offsets
        cuts = np.searchsorted(offsets, np.arange(0, self.store.header.rows, ROWS_AT_ONCE))
        bounds = np.unique(np.r_[offsets[cuts], self.store.header.rows])
        for begin, end in zip(bounds[:-1], bounds[1:]):
            taken = [array[begin:end] for array in arrays]
            if self._kept is not None:
                taken = [part[self._kept[begin:end]] for part in taken]
            yield tuple(taken)

    def counts(self, name: str) -> np.ndarray:
        """Count the rows of each id of a column, as the store numbers them, (n,) int64."""
        number = np.zeros(len(self.store.tokens(name)), np.int64)
        for (ids,) in self.parts(self.store.values(name)):
            np.add.at(number, ids, 1)  # whatever the number of ids, which a part hardly has
        return number

    # -- filters -----------------------------------------------------------------------------

    def where(self, name: str, holds: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Tell of each row that is left whether its value in a column, or its id, `holds`."""
        return np.concatenate([holds(part) for (part,) in self.parts(self.store.values(name))])

    def repeated(self, user: str, item: str, keep: str) -> np.ndarray:
        """Mark the rows whose user has the item before (`keep` first) or again (last)."""
        arrays = (self.store.values(name) for name in (user, item))
        n_items = len(self.store.tokens(item))
        pairs = (users * n_items + items for users, items in self.parts(*arrays))
        return np.concatenate([pd.Series(pair).duplicated(keep).to_numpy() for pair in pairs])

    def keep(self, holds: np.ndarray) -> None:
        """Keep the rows, of those that are left, that `holds` (len,) bool."""
        if holds.all():
            return
        kept = np.zeros(self.store.header.rows, dtype=bool)
        kept[slice(None) if self._kept is None else self._kept] = holds
        self._kept, self._length = kept, int(np.count_nonzero(kept))

    # -- ids ---------------------------------------------------------------------------------

    def met(self, name: str) -> Optional[np.ndarray]:
        """Return the ids of the store that are left in a column, as the file first names them.

        None where they are what they were: no row went.
        """
        if self.is_whole:
            return None
        none = self.store.header.rows
        first = np.full(len(self.store.tokens(name)), none, np.int64)
        for ids, row in self.parts(self.store.values(name), self.store.row):
            np.minimum.at(first, ids, row.astype(np.int64))
        first[0] = none  # a missing token
        left = np.flatnonzero(first < none)
        return left[first[left].argsort()]

    def renumber(self, name: str, ids: np.ndarray) -> None:
        """Give a column new `ids` (n,) for those that it has, 0 for 0; tables may have more."""
        known = self._ids.get(name)
        mine = ids[: len(self.store.tokens(name))]
        self._ids[name] = mine if known is None else ids[known]

    # -- the log -----------------------------------------------------------------------------

    def arranged(self, user: str) -> Dict[str, np.ndarray]:
        """Return all columns (R,) of the rows that are left, by user and time, as they are stored.

        Beside them stands `FIRST`, the first row of each row's user. What no filter and no new id
        has changed is mapped; the rest is copied once, to the disk where there is room.

        Parameters
        ----------
        user : str
            The column of users.
        """
        store, moved = self.store, not self.is_whole or user in self._ids
        sources = {**{name: store.values(name) for name in self}, FIRST: store.first}
        changed = [name for name in sources if moved or name in self._ids]
        copies = {
            name: room(store.folder, self._kind(name, sources[name]), len(self)) for name in changed
        }
        begin = 0
        for rows in self._in_order(user) if changed else ():
            end = begin + len(rows)
            for name, copy in copies.items():
                found = sources[name][rows]
                if name == FIRST:
                    found = begin + first_rows(found)
                elif name in self._ids:
                    found = self._ids[name][found]
                copy[begin:end] = found
            begin = end
        return {**sources, **copies}

    def _kind(self, name: str, stored: np.ndarray) -> np.dtype:
        """Return the type of a column that holds its new ids as well."""
        if name not in self._ids:
            return stored.dtype
        return np.promote_types(stored.dtype, np.min_scalar_type(self._ids[name].max()))

    def _in_order(self, user: str) -> Iterator[np.ndarray]:
        """Yield the rows of the store that are left, users in the order of their ids, in parts."""
        offsets = self.store.offsets
        users = np.arange(len(offsets) - 1)
        if user in self._ids:
            ids = self._ids[user][1:]
            users = users[ids > 0][ids[ids > 0].argsort()]
        number = np.diff(offsets)[users]
        ends = number.cumsum()
        cuts = np.searchsorted(ends, np.arange(ROWS_AT_ONCE, ends[-1], ROWS_AT_ONCE))
        for part, n in zip(np.split(users, cuts), np.split(number, cuts)):
            shift = offsets[part] - (np.cumsum(n) - n)
            rows = np.arange(n.sum()) + shift.repeat(n)
            yield rows if self._kept is None else rows[self._kept[rows]]

    # -- numbers -----------------------------------------------------------------------------

    def extent(self, name: str) -> Tuple[float, float]:
        """Return the least and the largest number of a column, as a model reads it."""
        return extent(self.parts(self.store.values(name)), self.steps.get(name, ()))

    def fill(self, name: str) -> None:
        """Let the mean stand for what is missing in a column.

        The sum is taken in the order of the file, so that it rounds as that of a frame.
        """
        values = np.full(self.store.header.rows, np.nan)
        is_left = np.zeros(len(values), dtype=bool)
        for part, row in self.parts(self.store.values(name), self.store.row):
            values[row], is_left[row] = part, True
        self.steps[name] = (Filled(float(pd.Series(values[is_left]).mean())),)

    def scale(self, name: str) -> bool:
        """Bring a column to 0 .. 1; tell whether its numbers differ."""
        low, high = self.extent(name)
        self.steps[name] = (*self.steps.get(name, ()), Scaled(low, high))
        return low < high

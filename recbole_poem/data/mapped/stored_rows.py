"""The rows of a flat store that the filters leave: what a data set has in place of a frame."""

from typing import Callable, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy as np
import pandas as pd

from recbole_poem.data.mapped.columns import Filled, Scaled, Step, extent
from recbole_poem.log.flat import FlatStore

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

    empty = False  # a store has rows, and a filter that takes all of them is refused

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
            number += np.bincount(ids, minlength=len(number))
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
        """Give a column new `ids` (n,) for those that it has, 0 for 0."""
        known = self._ids.get(name)
        self._ids[name] = ids if known is None else ids[known]

    def ids(self, name: str, rows: Optional[np.ndarray]) -> np.ndarray:
        """Return the ids of a column at `rows` of the store; None = all of them, not copied."""
        found = self.taken(name, rows)
        return self._ids[name][found] if name in self._ids else found

    def taken(self, name: str, rows: Optional[np.ndarray]) -> np.ndarray:
        """Return a column as it is stored at `rows` of the store; None = all, not copied."""
        values = self.store.values(name)
        return values if rows is None else values[rows]

    def order(self, user: str) -> Optional[np.ndarray]:
        """Return the rows of the store that are left, by user and time; None = all as they are."""
        if self.is_whole and user not in self._ids:
            return None
        counts = self.counts(user)
        users = np.flatnonzero(counts)  # as the store numbers them
        if user in self._ids:
            users = users[self._ids[user][users].argsort()]
        kept = np.arange(len(self)) if self._kept is None else np.flatnonzero(self._kept)
        begin, number = (np.cumsum(counts) - counts)[users], counts[users]
        shift = begin - (np.cumsum(number) - number)
        return kept[np.arange(len(kept)) + shift.repeat(number)]

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

"""Rows of a flat log that stand for themselves: an `Interaction` that keeps row numbers alone."""

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import Any, Iterator, Mapping, MutableMapping, Union

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID


class RowNumbers(ABC):
    """Numbers of N rows of a log that are reckoned when they are read, and take no room before.

    An index reads it as it would a tensor (N,) int64; a slice without steps reads nothing yet.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def at(self, places: torch.Tensor) -> torch.Tensor:
        """Return the numbers at `places` (...) int64 in [0, N), (...) int64."""

    @abstractmethod
    def between(self, begin: int, end: int) -> torch.Tensor:
        """Return the numbers at the places ``begin .. end - 1``, (n,) int64."""

    def in_any_order(self) -> "RowNumbers":
        """Return the same numbers in the order that costs least."""
        return self

    def whole(self) -> torch.Tensor:
        """Return all of them, (N,) int64."""
        return self.between(0, len(self))

    def __getitem__(self, index: Any) -> Union["RowNumbers", torch.Tensor]:
        if isinstance(index, slice) and index.step in (None, 1):
            begin, end, _ = index.indices(len(self))
            return _Part(self, begin, max(begin, end))
        return self.at(torch.arange(len(self))[index] if _is_odd(index) else torch.as_tensor(index))


def _is_odd(index: Any) -> bool:
    """Tell whether an index is anything but places from 0: a mask, steps, places from the end."""
    if isinstance(index, slice):
        return True
    places = torch.as_tensor(index)
    return places.dtype != torch.int64 or bool((places < 0).any())


class _Part(RowNumbers):
    """A part of other row numbers, from one place to another."""

    def __init__(self, of: RowNumbers, begin: int, end: int) -> None:
        self._of, self._begin, self._end = of, begin, end

    def __len__(self) -> int:
        return self._end - self._begin

    def at(self, places: torch.Tensor) -> torch.Tensor:
        if places.numel() and int(places.max()) >= len(self):
            raise IndexError(f"there is no row {int(places.max())} among {len(self)}")
        return self._of.at(places + self._begin)

    def between(self, begin: int, end: int) -> torch.Tensor:
        return self._of.between(self._begin + begin, self._begin + end)


class _Gathered(MutableMapping[str, torch.Tensor]):
    """The columns of some rows of a log, gathered when they are read."""

    def __init__(
        self,
        log: Mapping[str, torch.Tensor],
        rows: Union[torch.Tensor, RowNumbers],
        own: Mapping[str, torch.Tensor],
    ) -> None:
        self.log, self.rows = dict(log), rows
        self.own = dict(own)  # columns that were assigned to these rows

    def at(self, index: Any) -> "_Gathered":
        """Return the columns of the rows `index` among these rows."""
        own = {name: column[index] for name, column in self.own.items()}
        return _Gathered(self.log, self.rows[index], own)

    def __getitem__(self, name: str) -> torch.Tensor:
        if name in self.own:
            return self.own[name]
        rows = self.rows.whole() if isinstance(self.rows, RowNumbers) else self.rows
        return rows if name == REQUEST_ID else self.log[name][rows]

    def __setitem__(self, name: str, column: torch.Tensor) -> None:
        self.own[name] = column

    def __delitem__(self, name: str) -> None:
        self.own.pop(name, None)
        self.log.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name == REQUEST_ID or name in self.own or name in self.log  # nothing is gathered

    def __iter__(self) -> Iterator[str]:
        return iter({**self.log, REQUEST_ID: self.rows, **self.own})

    def __len__(self) -> int:
        return len({**self.log, REQUEST_ID: self.rows, **self.own})


class LogRows(Interaction):
    """Rows of a flat log as RecBole's `Interaction`, in eight bytes a row at most.

    A column is gathered from the log whenever it is read. Selecting, sorting and shuffling touch
    the row numbers alone, which are the column ``request_id``.

    Parameters
    ----------
    log : mapping of (R, ...) tensors
        The columns of the log.
    rows : (N,) int64 or RowNumbers
        The rows to stand for.
    own : mapping of (N, ...) tensors
        Columns that belong to these rows and not to the log.
    """

    def __init__(
        self,
        log: Mapping[str, torch.Tensor],
        rows: Union[torch.Tensor, RowNumbers],
        own: Mapping[str, torch.Tensor] = MappingProxyType({}),
    ) -> None:
        super().__init__({})
        self.interaction, self.length = _Gathered(log, rows, own), len(rows)

    def __getitem__(self, index: Any) -> Any:
        """Return a column by its name, or the rows at `index`, as row numbers again."""
        if isinstance(index, str):
            return self.interaction[index]
        taken = self.interaction.at(_as_index(index))
        return LogRows(taken.log, taken.rows, taken.own)

    @property
    def row_numbers(self) -> Union[torch.Tensor, RowNumbers]:
        """Which rows of the log they are, (N,) int64."""
        return self.interaction.rows

    def of_rows(self, rows: RowNumbers) -> "LogRows":
        """Return other rows of the same log."""
        return LogRows(self.interaction.log, rows)

    def in_any_order(self) -> "LogRows":
        """Return the rows in the order that costs least, for what does not depend on it."""
        rows = self.row_numbers
        return self.of_rows(rows.in_any_order()) if isinstance(rows, RowNumbers) else self

    def replace(self, name: str, column: torch.Tensor) -> None:
        """Gather `name` from another `column` (R, ...) of the log, unless it was dropped."""
        if name in self.interaction.log:
            self.interaction.log[name] = column

    def _reindex(self, index: Any) -> None:
        self.interaction = self.interaction.at(_as_index(index))


def _as_index(index: Any) -> Any:
    """Turn an index of any kind that RecBole uses into one that torch reads quickly."""
    if isinstance(index, range):
        return slice(index.start, index.stop, index.step)
    return torch.from_numpy(index) if isinstance(index, np.ndarray) else index


def in_parts(feat: Interaction, name: str, at_once: int) -> Iterator[torch.Tensor]:
    """Yield a column of some rows part by part, so that none is gathered whole.

    Parameters
    ----------
    feat : Interaction
        (N,) rows.
    name : str
    at_once : int
        Rows of a part.
    """
    for begin in range(0, len(feat), at_once):
        yield feat[slice(begin, begin + at_once)][name]


class HistoryLengths:
    """The length of each row's window, reckoned when it is asked for.

    Parameters
    ----------
    first : (R,) int64
        The first row of each row's user.
    most : int
        The width of a window.
    """

    dtype, device = torch.int64, torch.device("cpu")

    def __init__(self, first: np.ndarray, most: int) -> None:
        self._first, self._most = torch.from_numpy(first), most

    @property
    def shape(self) -> torch.Size:
        """(R,)."""
        return self._first.shape

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the lengths of `rows` (...), (...) int64."""
        return (rows - self._first[rows]).clamp(max=self._most)

"""Rows of a flat log that stand for themselves: an `Interaction` that keeps row numbers alone."""

from types import MappingProxyType
from typing import Any, Iterator, Mapping, MutableMapping

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID


class _Gathered(MutableMapping[str, torch.Tensor]):
    """The columns of some rows of a log, gathered when they are read."""

    def __init__(
        self, log: Mapping[str, torch.Tensor], rows: torch.Tensor, own: Mapping[str, torch.Tensor]
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
        return self.rows if name == REQUEST_ID else self.log[name][self.rows]

    def __setitem__(self, name: str, column: torch.Tensor) -> None:
        self.own[name] = column

    def __delitem__(self, name: str) -> None:
        self.own.pop(name, None)
        self.log.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.log, REQUEST_ID: self.rows, **self.own})

    def __len__(self) -> int:
        return len({**self.log, REQUEST_ID: self.rows, **self.own})


class LogRows(Interaction):
    """Rows of a flat log as RecBole's `Interaction`, in eight bytes a row.

    A column is gathered from the log whenever it is read. Selecting, sorting and shuffling touch
    the row numbers alone, which are the column ``request_id``.

    Parameters
    ----------
    log : mapping of (R, ...) tensors
        The columns of the log.
    rows : (N,) int64
        The rows to stand for.
    own : mapping of (N, ...) tensors
        Columns that belong to these rows and not to the log.
    """

    def __init__(
        self,
        log: Mapping[str, torch.Tensor],
        rows: torch.Tensor,
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

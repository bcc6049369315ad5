"""Columns of a mapped log: narrow where they lie, of the log's own types where they are read."""

from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Sequence, Tuple

import numpy as np
import torch
from recbole.data.interaction import Interaction

#: what becomes of some numbers, (n,) float64 -> (n,) float64
Step = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Filled:
    """Puts `mean` in the place of what is missing, as RecBole does."""

    mean: float

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the numbers without gaps."""
        return np.where(np.isnan(values), self.mean, values)


@dataclass(frozen=True)
class Scaled:
    """Brings numbers from ``low .. high`` to 0 .. 1, as RecBole's normalisation does."""

    low: float
    high: float

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the numbers in the new range; 1 where all are alike."""
        if self.low == self.high:
            return np.ones_like(values)
        return (values - self.low) / (self.high - self.low)


class FlatColumn:
    """A column that answers for rows as a tensor of (R,) would, and keeps none.

    Parameters
    ----------
    values : (R,)
        Numbers or ids in any type.
    dtype : type of numpy
        To answer in.
    steps : sequence of Step
        What becomes of the numbers, in double precision, before.
    """

    device = torch.device("cpu")

    def __init__(self, values: np.ndarray, dtype: Any, steps: Sequence[Step] = ()) -> None:
        self._values, self._kind, self._steps = values, np.dtype(dtype), tuple(steps)

    def __getitem__(self, rows: Any) -> torch.Tensor:
        """Return the values of `rows` (...), (...)."""
        found = self._values[rows.numpy() if isinstance(rows, torch.Tensor) else rows]
        if self._steps:
            found = found.astype(np.float64)
        for step in self._steps:
            found = step(found)
        return torch.from_numpy(np.asarray(found).astype(self._kind))

    def __len__(self) -> int:
        return len(self._values)

    @property
    def dtype(self) -> torch.dtype:
        """The type of what it answers."""
        return torch.from_numpy(np.empty(0, self._kind)).dtype

    @property
    def shape(self) -> torch.Size:
        """(R,)."""
        return torch.Size(self._values.shape)

    def dim(self) -> int:
        """Return the number of dimensions, 1."""
        return 1

    def float(self) -> "FlatColumn":
        """Return the column in single precision."""
        return FlatColumn(self._values, np.float32, self._steps)


class LogColumns(Interaction):
    """The columns of a log of R rows as RecBole's `Interaction`, none of them copied.

    Parameters
    ----------
    columns : mapping of tensors (R,) or `FlatColumn`
    length : int
        R.
    """

    def __init__(self, columns: Mapping[str, Any], length: int) -> None:
        super().__init__({})
        self.interaction, self.length = dict(columns), length


class Widened(Mapping[str, np.ndarray]):
    """Columns (R,) by name, each in one type, copied only while it is used.

    Parameters
    ----------
    columns : mapping of (R,)
    dtype : type of numpy
    """

    def __init__(self, columns: Mapping[str, np.ndarray], dtype: Any) -> None:
        self._columns, self._dtype = dict(columns), dtype

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name].astype(self._dtype, copy=False)

    def between(self, rows: slice) -> "Widened":
        """Return some rows of the columns."""
        return Widened({name: column[rows] for name, column in self._columns.items()}, self._dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns  # a mapping would read the column


def extent(parts: Iterator[Tuple[np.ndarray, ...]], steps: Sequence[Step]) -> Tuple[float, float]:
    """Return the least and the largest number of a column that comes part by part."""
    low, high = np.inf, -np.inf
    for (values,) in parts:
        values = values.astype(np.float64)
        for step in steps:
            values = step(values)
        low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
    return float(low), float(high)

"""A dictionary that forgets: what was used last stays, each for a while."""

import time
from collections import OrderedDict
from threading import Lock
from typing import Callable, Generic, Optional, Tuple, TypeVar

from recbole_poem.serving.bounds import above_zero

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key, bounded in number and age; threads may share it.

    Parameters
    ----------
    max_size : int
        Beyond it the key that was neither read nor written for longest goes.
    seconds_to_live : float
        A value that was written longer ago counts as none.
    clock : function, optional
        Seconds, ascending.

    Raises
    ------
    InputError
        If a bound is not above 0.
    """

    def __init__(
        self,
        max_size: int,
        seconds_to_live: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        above_zero(max_size=max_size, seconds_to_live=seconds_to_live)
        self._max_size, self._seconds_to_live, self._clock = max_size, seconds_to_live, clock
        self._values: OrderedDict[str, Tuple[float, Value]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def read(self, key: str) -> Optional[Value]:
        """Return the value of a key, or None."""
        with self._lock:
            return self._read(key)

    def add(self, key: str, value: Value) -> bool:
        """Set the value of a key that has none; tell whether it had none."""
        with self._lock:
            if self._read(key) is not None:
                return False
            self._write(key, value)
            return True

    def change(self, key: str, change: Callable[[Optional[Value]], Value]) -> Value:
        """Put ``change(value)`` in the place of a key's value, or of None; return it."""
        with self._lock:
            value = change(self._read(key))
            self._write(key, value)
            return value

    def _write(self, key: str, value: Value) -> None:
        self._values[key] = (self._clock(), value)
        self._values.move_to_end(key)
        while len(self._values) > self._max_size:
            self._values.popitem(last=False)

    def _read(self, key: str) -> Optional[Value]:
        if key not in self._values:
            return None
        written, value = self._values[key]
        if self._clock() - written > self._seconds_to_live:
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return value

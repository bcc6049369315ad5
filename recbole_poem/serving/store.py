"""The online request cache: what the ranking stage said at each user's previous request."""

import time
from collections import OrderedDict
from threading import Lock
from typing import Callable, Optional, Protocol, Tuple

from recbole_poem.errors import InputError
from recbole_poem.serving.entry import Entry


class RequestStore(Protocol):
    """Keeps the last entry of each user; never fails for want of one."""

    def read(self, user: str) -> Optional[Entry]:
        """Return the user's last entry; None where there is none, or none to be had in time."""

    def write(self, user: str, entry: Entry) -> bool:
        """Keep an entry in place of the user's last one; tell whether that was possible."""


class MemoryStore:
    """A store in this process: the entries written last stay, each for a while.

    Parameters
    ----------
    max_entries : int
        The size bound; beyond it the user who was neither read nor written for longest goes.
    seconds_to_live : float
        An older entry counts as none.
    clock : function, optional
        Seconds, ascending.

    Raises
    ------
    InputError
        If a bound is not above 0.
    """

    def __init__(
        self,
        max_entries: int = 100_000,
        seconds_to_live: float = 86_400.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value in (("max_entries", max_entries), ("seconds_to_live", seconds_to_live)):
            if not value > 0:
                raise InputError(f"{name}: expected a number above 0, not {value!r}")
        self._max_entries, self._seconds_to_live = max_entries, seconds_to_live
        self._clock = clock
        self._entries: OrderedDict[str, Tuple[float, Entry]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, user: str) -> Optional[Entry]:
        """Return the user's last entry, or None."""
        with self._lock:
            if user not in self._entries:
                return None
            written, entry = self._entries[user]
            if self._clock() - written > self._seconds_to_live:
                del self._entries[user]
                return None
            self._entries.move_to_end(user)
            return entry

    def write(self, user: str, entry: Entry) -> bool:
        """Keep an entry in place of the user's last one."""
        with self._lock:
            self._entries[user] = (self._clock(), entry)
            self._entries.move_to_end(user)
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
        return True

"""What a service keeps between requests: each user's last rankings, and the history so far."""

import time
from array import array
from typing import Callable, List, Optional, Protocol, Sequence, Tuple

from recbole_poem.serving.bounds import above_zero
from recbole_poem.serving.history import History
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.stores.recent import Recent

DAY, MONTH = 86_400.0, 30 * 86_400.0  # seconds


class RequestStore(Protocol):
    """The request cache: the last rankings of each user; never fails for want of one.

    It keeps so many of a user as the model reads: one, unless ``n_rankings`` asks for more.
    """

    def read(self, user: str) -> Optional[Ranking]:
        """Return the user's last ranking; None where there is none, or none to be had in time."""

    def read_many(self, users: Sequence[str]) -> List[Sequence[Ranking]]:
        """Return the kept rankings of several users at once, the youngest first."""

    def write(self, user: str, ranking: Ranking) -> bool:
        """Keep a ranking as the user's last one; tell whether that was possible."""

    def add_many(self, users: Sequence[str], rankings: Sequence[Sequence[Ranking]]) -> int:
        """Keep the rankings, the youngest first, of those users who have none; count the users."""


class HistoryStore(Protocol):
    """The last items of each user; never fails for want of them."""

    def read(self, user: str) -> History:
        """Return what the user has dealt with; nothing where nothing is to be had in time."""

    def read_many(self, users: Sequence[str]) -> List[History]:
        """Do the same for several users at once."""

    def append(self, user: str, new: History) -> bool:
        """Add what the user has just dealt with, oldest first; tell whether that was possible."""

    def add_many(self, users: Sequence[str], histories: Sequence[History]) -> int:
        """Keep the histories of those users who have none; return how many were kept."""


class MemoryStore:
    """A request cache in this process.

    Parameters
    ----------
    max_rankings : int
        The size bound; beyond it the user who was neither read nor written for longest goes.
    seconds_to_live : float
        An older ranking counts as none; of several the youngest tells.
    clock : function, optional
        Seconds, ascending.
    n_rankings : int
        Kept of a user.

    Raises
    ------
    InputError
        If a bound is not above 0.
    """

    def __init__(
        self,
        max_rankings: int = 100_000,
        seconds_to_live: float = DAY,
        clock: Callable[[], float] = time.monotonic,
        n_rankings: int = 1,
    ) -> None:
        above_zero(n_rankings=n_rankings)
        self._n_rankings = n_rankings
        self._rankings: Recent[Tuple[Ranking, ...]] = Recent(max_rankings, seconds_to_live, clock)

    def __len__(self) -> int:
        return len(self._rankings)

    def read(self, user: str) -> Optional[Ranking]:
        """Return the user's last ranking, or None."""
        return next(iter(self._rankings.read(user) or ()), None)

    def read_many(self, users: Sequence[str]) -> List[Sequence[Ranking]]:
        """Return the last rankings of several users, the youngest first."""
        return [self._rankings.read(user) or () for user in users]

    def write(self, user: str, ranking: Ranking) -> bool:
        """Keep a ranking as the user's last one, in place of the oldest where there are enough."""
        self._rankings.change(user, lambda kept: (ranking, *(kept or ()))[: self._n_rankings])
        return True

    def add_many(self, users: Sequence[str], rankings: Sequence[Sequence[Ranking]]) -> int:
        """Keep the rankings of those users who have none; return how many users these are."""
        kept = (tuple(of_one[: self._n_rankings]) for of_one in rankings)
        return sum(map(self._rankings.add, users, kept))


class MemoryHistories:
    """Histories in this process.

    Parameters
    ----------
    max_users : int
        Beyond it the user who was neither read nor written for longest goes.
    max_length : int
        Items that are kept of a user, the last ones.
    seconds_to_live : float
        After so long without a new item a history counts as empty.
    clock : function, optional
        Seconds, ascending.

    Raises
    ------
    InputError
        If a bound is not above 0.
    """

    def __init__(
        self,
        max_users: int = 100_000,
        max_length: int = 200,
        seconds_to_live: float = MONTH,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        above_zero(max_length=max_length)
        self._max_length = max_length
        self._histories: Recent[_Kept] = Recent(max_users, seconds_to_live, clock)

    def __len__(self) -> int:
        return len(self._histories)

    def read(self, user: str) -> History:
        """Return what the user has dealt with."""
        kept = self._histories.read(user) or _Kept((), array("d"))
        return History(list(kept.items), kept.times.tolist())

    def read_many(self, users: Sequence[str]) -> List[History]:
        """Return the histories of several users."""
        return [self.read(user) for user in users]

    def append(self, user: str, new: History) -> bool:
        """Add what the user has just dealt with, oldest first."""
        added = _Kept.of(new)
        self._histories.change(
            user, lambda old: (added if old is None else old + added).last(self._max_length)
        )
        return True

    def add_many(self, users: Sequence[str], histories: Sequence[History]) -> int:
        """Keep the histories of those users who have none; return how many were kept."""
        kept = (_Kept.of(history).last(self._max_length) for history in histories)
        return sum(map(self._histories.add, users, kept))


class _Kept:
    """A history in 16 bytes an item, the texts of the items aside, which users share."""

    __slots__ = ("items", "times")

    def __init__(self, items: Tuple[str, ...], times: "array[float]") -> None:
        self.items, self.times = items, times

    @classmethod
    def of(cls, history: History) -> "_Kept":
        return cls(tuple(history.items), array("d", history.times))

    def __add__(self, new: "_Kept") -> "_Kept":
        return _Kept(self.items + new.items, self.times + new.times)

    def last(self, number: int) -> "_Kept":
        return (
            self if len(self.items) <= number else _Kept(self.items[-number:], self.times[-number:])
        )

"""What a service keeps between requests, in Redis, which several servers may share.

Redis is a help, never a condition: where it is away, slow or holds something else, a request has an
empty cache and no history.
"""

from logging import getLogger
from math import isfinite, nan
from typing import Any, List, Optional, Sequence, Tuple

from recbole_poem.serving.bounds import above_zero
from recbole_poem.serving.history import History
from recbole_poem.serving.ranking import DamagedRankingError, Ranking
from recbole_poem.serving.stores.redis_client import RedisClient
from recbole_poem.serving.stores.store import DAY, MONTH


class RedisStore:
    """A request cache in Redis.

    How many rankings it holds is the server's to bound: ``maxmemory`` with the policy
    ``allkeys-lru``.

    Parameters
    ----------
    reader, writer : RedisClient
        Somebody waits for what is read; what is written may take longer.
    seconds_to_live : float
        The server forgets a ranking after so long.
    max_bytes : int
        A larger ranking is not written.
    prefix : str
        Of the keys, before the user.

    Raises
    ------
    InputError
        If a bound is not above 0.
    """

    def __init__(
        self,
        reader: RedisClient,
        writer: RedisClient,
        seconds_to_live: float = DAY,
        max_bytes: int = 1_000_000,
        prefix: str = "recbole_poem:ranking:",
    ) -> None:
        above_zero(max_bytes=max_bytes, seconds_to_live=seconds_to_live)
        self._milliseconds_to_live = milliseconds(seconds_to_live)
        self._reader, self._writer = reader, writer
        self._max_bytes, self._prefix = max_bytes, prefix

    def read(self, user: str) -> Optional[Ranking]:
        """Return the user's last ranking; None where there is none, or none to be had in time."""
        return next(iter(self.read_many([user])[0]), None)

    def read_many(self, users: Sequence[str]) -> List[Sequence[Ranking]]:
        """Return those of several users, with one question: none or one of each."""
        if not users:
            return []
        keys = [self._prefix + user for user in users]
        nothing: List[Optional[bytes]] = [None] * len(users)
        contents = self._reader.ask(lambda server: server.mget(keys), nothing)
        return [whole_rankings(user, [content]) for user, content in zip(users, contents)]

    def write(self, user: str, ranking: Ranking) -> bool:
        """Keep a ranking in place of the user's last one; tell whether that was possible."""
        content = bounded_content(user, ranking, self._max_bytes)
        if content is None:
            return False
        key, live = self._prefix + user, self._milliseconds_to_live
        return self._writer.ask(lambda server: bool(server.set(key, content, px=live)), False)

    def add_many(self, users: Sequence[str], rankings: Sequence[Sequence[Ranking]]) -> int:
        """Keep the youngest rankings of those users who have none; return how many were kept."""
        live = self._milliseconds_to_live
        contents = {user: of_one[0].to_bytes() for user, of_one in zip(users, rankings)}

        def push(server: Any) -> int:
            with server.pipeline(transaction=False) as steps:
                for user, content in contents.items():
                    if len(content) <= self._max_bytes:
                        steps.set(self._prefix + user, content, px=live, nx=True)
                return sum(map(bool, steps.execute()))

        return self._writer.ask(push, 0)


class RedisHistories:
    """Histories in Redis: a list a user, of elements ``<time> <item>``, ``nan`` for no time.

    Parameters
    ----------
    reader, writer : RedisClient
        See `RedisStore`.
    max_length : int
        Items that are kept of a user, the last ones.
    seconds_to_live : float
        The server forgets a history after so long without a new item.
    prefix : str
        Of the keys, before the user.

    Raises
    ------
    InputError
        If a bound is not above 0.
    """

    def __init__(
        self,
        reader: RedisClient,
        writer: RedisClient,
        max_length: int = 200,
        seconds_to_live: float = MONTH,
        prefix: str = "recbole_poem:timed_history:",
    ) -> None:
        self._reader, self._writer = reader, writer
        self._max_length, self._prefix = max_length, prefix
        above_zero(max_length=max_length, seconds_to_live=seconds_to_live)
        self._milliseconds_to_live = milliseconds(seconds_to_live)

    def read(self, user: str) -> History:
        """Return what the user has dealt with; nothing where nothing is to be had in time."""
        return self.read_many([user])[0]

    def read_many(self, users: Sequence[str]) -> List[History]:
        """Do the same for several users, with one question."""

        def pull(server: Any) -> List[Any]:
            with server.pipeline(transaction=False) as steps:
                for user in users:
                    steps.lrange(self._prefix + user, 0, -1)
                return list(steps.execute(raise_on_error=False))

        nothing: List[Any] = [[]] * len(users)
        return [_history(found) for found in self._reader.ask(pull, nothing)] if users else []

    def append(self, user: str, new: History) -> bool:
        """Add what the user has just dealt with, oldest first; tell whether that was possible."""
        key = self._prefix + user
        rows = _elements(new, self._max_length)

        def push(server: Any) -> bool:
            with server.pipeline() as steps:  # all of them or none
                steps.rpush(key, *rows)
                steps.ltrim(key, -self._max_length, -1)
                steps.pexpire(key, self._milliseconds_to_live)
                steps.execute()
            return True

        return not rows or self._writer.ask(push, False)

    def add_many(self, users: Sequence[str], histories: Sequence[History]) -> int:
        """Keep the histories of those users who have none; return how many were kept."""
        lists = {
            self._prefix + user: _elements(history, self._max_length)
            for user, history in zip(users, histories)
        }
        return self._writer.add_lists(lists, self._milliseconds_to_live)


def _elements(history: History, number: int) -> List[str]:
    """Return the last elements of a history's list."""
    return [f"{float(time)!r} {item}" for item, time in zip(*history)][-number:]


def _history(found: Any) -> History:
    """Return a history; what another program put in its place is none."""
    rows = [_row(element) for element in found] if isinstance(found, list) else []
    return History([item for item, _ in rows], [time for _, time in rows])


def _row(element: bytes) -> Tuple[str, float]:
    """Return the item and the time of an element; what another program wrote has no time."""
    text = element.decode("utf-8", "replace")
    time, blank, item = text.partition(" ")
    try:
        moment = float(time)
    except ValueError:
        return text, nan
    return (item, moment if isfinite(moment) else nan) if blank else (text, nan)


def milliseconds(seconds_to_live: float) -> int:
    """Return seconds as Redis asks for them."""
    return max(1, int(seconds_to_live * 1000))


def whole_rankings(user: str, contents: Sequence[Optional[bytes]]) -> List[Ranking]:
    """Return a user's rankings of what Redis holds; what is none counts as none, and is told."""
    found = []
    for content in contents:
        try:
            if content is not None:
                found.append(Ranking.from_bytes(content))
        except DamagedRankingError as error:
            getLogger().warning(f"store: the ranking of user {user!r} counts as none: {error}")
    return found


def bounded_content(user: str, ranking: Ranking, max_bytes: int) -> Optional[bytes]:
    """Return what is written of a ranking; None where it is too large, which is told."""
    content = ranking.to_bytes()
    if len(content) <= max_bytes:
        return content
    getLogger().warning(
        f"store: a ranking of {len(content)} bytes for user {user!r} is not kept; the bound is "
        f"{max_bytes}"
    )
    return None

"""The online request cache in Redis, which several servers may share.

Redis is a help, never a condition: where it is away, slow or holds something else, a request has an
empty cache. After a failure it is left alone for a moment, so that not every request waits for the
time-out, and then asked again.
"""

import time
from logging import getLogger
from typing import Any, Callable, Optional, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recbole_poem.errors import InputError
from recbole_poem.serving.entry import DamagedEntryError, Entry

Result = TypeVar("Result")


class RedisStore:
    """A store in a Redis server.

    How many entries it holds is the server's to bound: ``maxmemory`` with the policy
    ``allkeys-lru``.

    Parameters
    ----------
    url : str
        ``redis://[[user]:[password]@]host[:port][/database]``.
    seconds_to_live : float
        The server forgets an entry after so long.
    timeout : float
        Seconds that an answer of the server may take.
    pause : float
        Seconds after a failure in which the server is not asked.
    max_bytes : int
        A larger entry is not written.
    prefix : str
        Of the keys, before the user.
    clock : function, optional
        Seconds, ascending.

    Raises
    ------
    InputError
        If the URL is none of Redis, or a bound is not above 0. A server that is away is no error.
    """

    def __init__(
        self,
        url: str,
        seconds_to_live: float = 86_400.0,
        timeout: float = 0.005,
        pause: float = 0.5,
        max_bytes: int = 1_000_000,
        prefix: str = "recbole_poem:",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        bounds = {"seconds_to_live": seconds_to_live, "timeout": timeout, "max_bytes": max_bytes}
        for name, value in bounds.items():
            if not value > 0:
                raise InputError(f"{name}: expected a number above 0, not {value!r}")
        try:
            self._client: Any = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise InputError(f"store: {url!r} is no address of Redis: {error}") from error
        self._milliseconds_to_live = max(1, int(seconds_to_live * 1000))
        self._max_bytes, self._prefix = max_bytes, prefix
        self._pause, self._clock, self._asked_again = pause, clock, -float("inf")
        self._is_away = False

    def read(self, user: str) -> Optional[Entry]:
        """Return the user's last entry; None where there is none, or none to be had in time."""
        content = self._ask(lambda: self._client.get(self._prefix + user), None)
        if content is None:
            return None
        try:
            return Entry.from_bytes(content)
        except DamagedEntryError as error:
            getLogger().warning(f"store: the entry of user {user!r} counts as none: {error}")
            return None

    def write(self, user: str, entry: Entry) -> bool:
        """Keep an entry in place of the user's last one; tell whether that was possible."""
        content = entry.to_bytes()
        if len(content) > self._max_bytes:
            getLogger().warning(
                f"store: an entry of {len(content)} bytes for user {user!r} is not kept; the bound "
                f"is {self._max_bytes}"
            )
            return False
        key, live = self._prefix + user, self._milliseconds_to_live
        return self._ask(lambda: bool(self._client.set(key, content, px=live)), False)

    def _ask(self, question: Callable[[], Result], otherwise: Result) -> Result:
        """Return the server's answer, or `otherwise` where it gives none in time."""
        if self._clock() < self._asked_again:
            return otherwise
        try:
            answer = question()
        except redis.RedisError as error:
            self._asked_again = self._clock() + self._pause
            if not self._is_away:
                getLogger().warning(f"store: Redis gives no answer, caches are empty: {error}")
            self._is_away = True
            return otherwise
        if self._is_away:
            getLogger().warning("store: Redis is back")
        self._is_away = False
        return answer

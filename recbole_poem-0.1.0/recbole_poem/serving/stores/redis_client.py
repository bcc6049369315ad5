"""Questions to a Redis server that may be away, slow or broken, and never an error.

After some failures in a row the server is left alone for a moment, so that not every request waits
for the time-out, and then asked again.
"""

import time
from logging import getLogger
from typing import Any, Callable, Mapping, Sequence, TypeVar
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recbole_poem.core.errors import InputError
from recbole_poem.serving.bounds import above_zero

Result = TypeVar("Result")

_PATIENCE = 3  # failures in a row; a single one is what a busy machine makes


class RedisClient:
    """A connection pool, and what is known of the server's state.

    Parameters
    ----------
    url : str
        ``redis://[[user]:[password]@]host[:port][/database]``.
    timeout : float
        Seconds that an answer of the server may take.
    pause : float
        Seconds in which the server is not asked after it has failed some times.
    clock : function, optional
        Seconds, ascending.

    Raises
    ------
    InputError
        If the URL is none of Redis, or the time-out is not above 0. A server that is away is no
        error.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 0.005,
        pause: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        above_zero(timeout=timeout)
        try:
            self._redis: Any = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise InputError(f"store: {url!r} is no address of Redis: {error}") from error
        self._pause, self._clock, self._asked_again = pause, clock, -float("inf")
        self._n_failures = 0

    def ask(self, question: Callable[[Any], Result], otherwise: Result) -> Result:
        """Return ``question(connection)``, or `otherwise` where there is no answer in time."""
        if self._clock() < self._asked_again:
            return otherwise
        try:
            answer = question(self._redis)
        except redis.ResponseError as error:  # of this one question: another kind of value, no room
            getLogger().warning(f"store: Redis refuses: {error}")
            return otherwise
        except redis.RedisError as error:
            self._n_failures += 1
            if self._n_failures >= _PATIENCE:
                self._asked_again = self._clock() + self._pause
            if self._n_failures == _PATIENCE:
                getLogger().warning(f"store: Redis gives no answer, caches are empty: {error}")
            return otherwise
        if self._n_failures >= _PATIENCE:
            getLogger().warning("store: Redis is back")
        self._n_failures = 0
        return answer

    def add_lists(self, lists: Mapping[str, Sequence[Any]], milliseconds_to_live: int) -> int:
        """Keep lists under those keys that hold nothing; return how many were kept.

        Each is pushed under a name of its own and then renamed, so that of several servers that
        begin at once one alone adds it. An empty list is not kept.

        Parameters
        ----------
        lists : mapping of keys to elements
        milliseconds_to_live : int
            The server forgets a list after so long.
        """
        name = f"recbole_poem:being_added:{uuid4()}"
        filled = {key: elements for key, elements in lists.items() if elements}

        def push(server: Any) -> int:
            with server.pipeline() as steps:
                for key, elements in filled.items():
                    steps.rpush(name, *elements)
                    steps.pexpire(name, milliseconds_to_live)
                    steps.renamenx(name, key)
                    steps.delete(name)
                return sum(map(bool, steps.execute()[2::4]))

        return self.ask(push, 0) if filled else 0

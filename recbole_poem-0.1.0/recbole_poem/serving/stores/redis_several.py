"""Several rankings of each user in Redis, for a model that reads more than the last one."""

from typing import Any, List, Optional, Sequence

from recbole_poem.serving.bounds import above_zero
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.stores.redis_client import RedisClient
from recbole_poem.serving.stores.redis_store import bounded_content, milliseconds, whole_rankings
from recbole_poem.serving.stores.store import DAY


class RedisSeveralStore:
    """A request cache in Redis: a list a user, the youngest ranking first.

    A model that reads one ranking has `recbole_poem.serving.stores.redis_store.RedisStore`, whose
    keys are others: what was kept for one is not read by the other.

    Parameters
    ----------
    reader, writer : RedisClient
        See `recbole_poem.serving.stores.redis_store.RedisStore`.
    n_rankings : int
        Kept of a user.
    seconds_to_live : float
        The server forgets the rankings of a user after so long without a new one.
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
        n_rankings: int,
        seconds_to_live: float = DAY,
        max_bytes: int = 1_000_000,
        prefix: str = "recbole_poem:rankings:",
    ) -> None:
        above_zero(n_rankings=n_rankings, max_bytes=max_bytes, seconds_to_live=seconds_to_live)
        self._milliseconds_to_live = milliseconds(seconds_to_live)
        self._reader, self._writer, self._n_rankings = reader, writer, n_rankings
        self._max_bytes, self._prefix = max_bytes, prefix

    def read(self, user: str) -> Optional[Ranking]:
        """Return the user's last ranking; None where there is none, or none to be had in time."""
        return next(iter(self.read_many([user])[0]), None)

    def read_many(self, users: Sequence[str]) -> List[Sequence[Ranking]]:
        """Return the kept rankings of several users, with one question, the youngest first."""

        def pull(server: Any) -> List[Any]:
            with server.pipeline(transaction=False) as steps:
                for user in users:
                    steps.lrange(self._prefix + user, 0, self._n_rankings - 1)
                return list(steps.execute(raise_on_error=False))

        nothing: List[Any] = [[]] * len(users)
        found = self._reader.ask(pull, nothing) if users else []
        return [
            whole_rankings(user, contents if isinstance(contents, list) else [])
            for user, contents in zip(users, found)
        ]

    def write(self, user: str, ranking: Ranking) -> bool:
        """Keep a ranking as the user's last one; tell whether that was possible."""
        content, key = bounded_content(user, ranking, self._max_bytes), self._prefix + user
        if content is None:
            return False

        def push(server: Any) -> bool:
            with server.pipeline() as steps:  # all of them or none
                steps.lpush(key, content)
                steps.ltrim(key, 0, self._n_rankings - 1)
                steps.pexpire(key, self._milliseconds_to_live)
                steps.execute()
            return True

        return self._writer.ask(push, False)

    def add_many(self, users: Sequence[str], rankings: Sequence[Sequence[Ranking]]) -> int:
        """Keep the rankings of those users who have none; return how many users these are."""
        contents = {
            self._prefix + user: [ranking.to_bytes() for ranking in of_one[: self._n_rankings]]
            for user, of_one in zip(users, rankings)
        }
        kept = {
            key: of_one
            for key, of_one in contents.items()
            if of_one and max(map(len, of_one)) <= self._max_bytes
        }
        return self._writer.add_lists(kept, self._milliseconds_to_live)

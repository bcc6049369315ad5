"""A warm start: seconds and bytes until stores hold a history of 50 items of each user of a log.

Beside it a ranking of 100 candidates with five objectives of each, in memory and in Redis. The
stores are given what a request cache in main memory says; to read one from a disk comes on top.
"""

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Dict, Tuple

import measure
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from redis_server import Server, program

from recbole_poem.cache.parts import Part, ragged
from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.log.requests import RequestLog, first_rows
from recbole_poem.serving.known_users import KnownUsers
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.stores.redis_client import RedisClient
from recbole_poem.serving.stores.redis_store import RedisHistories, RedisStore
from recbole_poem.serving.stores.store import MemoryHistories, MemoryStore
from recbole_poem.serving.stores.warm_start import warm_start

USERS, QUICK_USERS = 100_000, 2_000
LENGTH, ITEMS, CANDIDATES, OBJECTIVES = 50, 20_000, 100, ("a", "b", "c", "d", "e")


def world(n_users: int) -> Tuple[KnownUsers, np.ndarray]:
    """Return users with a log and a request cache, and the tokens of their items."""
    draws = np.random.default_rng(0)
    user = np.repeat(np.arange(1, n_users + 1), LENGTH)
    size = len(user)
    log = RequestLog(
        user=user,
        item=draws.integers(1, ITEMS, size),
        time=np.arange(size, dtype=float),
        first=first_rows(user),
        values={},
        n_users=n_users + 1,
        n_items=ITEMS,
        training=np.ones(size, dtype=bool),
    )
    items = draws.integers(1, ITEMS - CANDIDATES, (1000, 1)) + np.arange(CANDIDATES)
    scores = draws.random((1000, CANDIDATES, len(OBJECTIVES))).astype(np.float32)
    part = Part(**ragged(Rankings(items, scores), raw_scores=False))
    # a thousand rankings stand for those of all rows, so that the cache takes no memory
    number = np.arange(size) % 1000
    cache = RequestCache.of_parts([part], number, log, OBJECTIVES, Path(), raw_scores=False)
    tokens = np.array(["[PAD]", *(f"u{number}" for number in range(n_users))])
    dataset = SimpleNamespace(
        log=log,
        cache=cache,
        uid_field="user_id",
        field2id_token={"user_id": tokens},
        dataset_name="made up",
    )
    config = {"benchmark_filename": None, "request_lag": 1}
    known = KnownUsers(config, dataset, Needs(list(OBJECTIVES)))
    return known, np.array([f"item{number}" for number in range(ITEMS)], object)


def in_memory(n_users: int) -> Dict[str, float]:
    """Measure the stores of a single server."""

    def size() -> float:
        memory = psutil.Process().memory_info()
        return float(memory.rss - getattr(memory, "shared", 0))

    known, items = world(n_users)
    stores = MemoryHistories(n_users), MemoryStore(n_users)
    before = size()
    done = warm_start(known, items, *stores, longest=200, show_progress=False)
    assert done.histories == done.rankings == n_users
    return {"seconds": done.seconds, "mebibytes": (size() - before) / 2**20}


def in_redis(n_users: int) -> Dict[str, float]:
    """Measure the stores that several servers share."""
    path = program()
    assert path is not None, "no redis-server is installed"
    known, items = world(n_users)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(path, Path(folder))
        client = RedisClient(server.url, timeout=10.0)

        def size() -> int:
            return client.ask(lambda redis: int(redis.info("memory")["used_memory"]), 0)

        before = size()
        stores = RedisHistories(client, client), RedisStore(client, client)
        done = warm_start(known, items, *stores, longest=200, show_progress=False)
        found = {"seconds": done.seconds, "mebibytes": (size() - before) / 2**20}
        server.kill()
    assert done.histories == done.rankings == n_users
    return found


def main() -> None:
    """Measure both."""
    quick = measure.parser(str(__doc__)).parse_args().quick
    n_users = QUICK_USERS if quick else USERS
    result = {
        "users": n_users,
        "memory": measure.call("in_memory", n_users=n_users),
        "redis": measure.call("in_redis", n_users=n_users),
    }
    measure.record("serving_warm_start", result, quick)


if __name__ == "__main__":
    measure.main(globals())

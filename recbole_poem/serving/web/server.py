"""The service as a process: stores, model, web server, and the watch over the checkpoint."""

import gc
import logging
import socket
import sys
from argparse import Namespace
from typing import Any, Dict, Optional, Tuple

import torch
import uvicorn

from recbole_poem.serving.bounds import above_zero
from recbole_poem.serving.query import Query
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.stores.redis_client import RedisClient
from recbole_poem.serving.stores.redis_store import RedisHistories, RedisStore
from recbole_poem.serving.stores.store import (
    HistoryStore,
    MemoryHistories,
    MemoryStore,
    RequestStore,
)
from recbole_poem.serving.web.guard import Rules
from recbole_poem.serving.web.http import make_app
from recbole_poem.serving.web.metrics import Metrics
from recbole_poem.serving.web.rate_limit import RateLimit
from recbole_poem.serving.web.service import Bounds, Service
from recbole_poem.serving.web.watch import Watcher

_KEPT = 200  # items of a history that are kept at least, for they are not recommended again
_PATIENCE = 10  # times as long as for what is read, Redis may take for what is written


# Seconds after which the thread of the model lets the one of the web server work, and vice versa:
# Python's own 5 ms would be part of every answer under load.
_SWITCH_INTERVAL = 0.0005


def serve(
    options: Namespace, keys: Dict[str, Any], listener: socket.socket, token: Optional[str]
) -> None:
    """Serve until the process is told to stop.

    Parameters
    ----------
    options : Namespace
        Of the command, see `recbole_poem.cli.serve.parse`.
    keys : dict
        Of the configuration.
    listener : socket
        Bound.
    token : str or None
        The bearer token to ask for.

    Raises
    ------
    InputError
        If the checkpoint, the store or a bound is not usable.
    """
    above_zero(
        threads=options.threads,
        max_users=options.max_users,
        max_bytes=options.max_bytes,
        max_connections=options.max_connections,
        store_timeout=options.store_timeout,
        seconds_to_live=options.seconds_to_live,
    )
    limit = None if options.rate is None else RateLimit(options.rate, options.burst)
    bounds = Bounds(
        options.max_batch,
        options.max_waiting,
        options.budget,
        options.max_users,
        options.seconds_to_live,
    )
    path = str(options.checkpoint)
    recommender = _warm(Recommender.load(path, keys, options.approximate), options.threads)
    rankings, histories = _stores(options, recommender.config["MAX_ITEM_LIST_LENGTH"])
    logging.getLogger().setLevel(logging.INFO)  # RecBole set it to what the training was told
    metrics = Metrics()
    service = Service(recommender, rankings, histories, metrics, bounds)
    rules = Rules(token=token, max_bytes=options.max_bytes, rate_limit=limit)
    config = uvicorn.Config(
        make_app(service, metrics, rules),
        access_log=False,
        log_level="warning",
        limit_concurrency=options.max_connections,
    )

    def take() -> None:
        successor = service.recommender.successor(path, keys)
        service.swap(_warm(successor, options.threads))
        _settle()

    sys.setswitchinterval(_SWITCH_INTERVAL)
    _settle()
    watcher = Watcher(options.checkpoint, take, metrics.swapped)
    host, port = listener.getsockname()[:2]
    print(f"{recommender.checkpoint} answers at http://{host}:{port} (see /docs)", flush=True)
    try:
        uvicorn.Server(config).run([listener])
    finally:
        watcher.stop()
        service.close()


def _stores(options: Namespace, read: int) -> Tuple[RequestStore, HistoryStore]:
    """Make the stores; of a history at least the items that the model reads are kept.

    And one more, from which the first of them is told in time.
    """
    length = max(read + 1, _KEPT)
    if options.store == "memory":
        return (
            MemoryStore(options.max_users, options.seconds_to_live),
            MemoryHistories(options.max_users, length),
        )
    reader = RedisClient(options.store, options.store_timeout)
    writer = RedisClient(options.store, _PATIENCE * options.store_timeout)
    return (
        RedisStore(reader, writer, options.seconds_to_live),
        RedisHistories(reader, writer, length),
    )


def _warm(recommender: Recommender, threads: int) -> Recommender:
    """Let a recommender answer once, so that no user waits for what is done at first."""
    torch.set_num_threads(threads)  # loading has set what the training was told
    recommender.answer([Query([])])
    return recommender


def _settle() -> None:
    """Spare what stays the garbage collector's looks, for which requests would wait."""
    gc.unfreeze()  # a former model may go
    gc.collect()
    gc.freeze()

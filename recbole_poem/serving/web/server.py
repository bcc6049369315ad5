"""The service as a process: stores, model, web server, and the watch over the checkpoint."""

import gc
import logging
import socket
import sys
from argparse import Namespace
from typing import Any, Callable, Dict, NamedTuple, Optional

import psutil
import torch
import uvicorn

from recbole_poem.serving.bounds import above_zero
from recbole_poem.serving.query import Query
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.stores.redis_client import RedisClient
from recbole_poem.serving.stores.redis_several import RedisSeveralStore
from recbole_poem.serving.stores.redis_store import RedisHistories, RedisStore
from recbole_poem.serving.stores.store import (
    HistoryStore,
    MemoryHistories,
    MemoryStore,
    RequestStore,
)
from recbole_poem.serving.stores.warm_start import warm_start
from recbole_poem.serving.web.guard import Rules
from recbole_poem.serving.web.http import make_app
from recbole_poem.serving.web.metrics import Metrics
from recbole_poem.serving.web.rate_limit import RateLimit
from recbole_poem.serving.web.service import Bounds, Service
from recbole_poem.serving.web.watch import Watcher, look

_KEPT = 200  # items of a history that are kept at least, for they are not recommended again
_AT_LEISURE = 100  # times as long as usual it may take before the first question
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
    path, seen = str(options.checkpoint), look(options.checkpoint)
    recommender = _warm(Recommender.load(path, keys, options.approximate), options.threads)
    read = recommender.config["MAX_ITEM_LIST_LENGTH"]
    stores = _stores(options, read, recommender.needs.n_rankings)
    if options.warm_start:
        print(_warm_start(recommender, options, stores), flush=True)
    logging.getLogger().setLevel(logging.INFO)  # RecBole set it to what the training was told
    _warn_of_misfits(recommender, stores)
    metrics = Metrics()
    service = Service(recommender, stores.rankings, stores.histories, metrics, bounds)
    rules = Rules(token=token, max_bytes=options.max_bytes, rate_limit=limit)
    config = uvicorn.Config(
        make_app(service, metrics, rules),
        access_log=False,
        log_level="warning",
        limit_concurrency=options.max_connections,
    )

    def take() -> None:
        successor = service.recommender.successor(path, keys)
        _warn_of_misfits(successor, stores)
        service.swap(_warm(successor, options.threads))
        _settle()

    sys.setswitchinterval(_SWITCH_INTERVAL)
    _settle()
    watcher = Watcher(options.checkpoint, seen, take, metrics.swapped)
    host, port = listener.getsockname()[:2]
    print(f"{recommender.checkpoint} answers at http://{host}:{port} (see /docs)", flush=True)
    try:
        uvicorn.Server(config).run([listener])
    finally:
        watcher.stop()
        service.close()


class _Stores(NamedTuple):
    """What is kept between requests.

    Attributes
    ----------
    rankings : RequestStore
    histories : HistoryStore
    length : int
        Items that are kept of a history.
    n_rankings : int
        That are kept of a user.
    size : function
        Returns the bytes of the process that keeps them, 0 where that is not known.
    """

    rankings: RequestStore
    histories: HistoryStore
    length: int
    n_rankings: int
    size: Callable[[], int]


def _stores(options: Namespace, read: int, n_rankings: int = 1, patience: float = 1.0) -> _Stores:
    """Make the stores; as many rankings are kept of a user, and items, as the model reads.

    And one more, from which the first of them is told in time. A store may take `patience` times
    as long as when somebody waits.
    """
    length = max(read + 1, _KEPT)
    if options.store == "memory":
        return _Stores(
            MemoryStore(options.max_users, options.seconds_to_live, n_rankings=n_rankings),
            MemoryHistories(options.max_users, length),
            length,
            n_rankings,
            _own_memory,
        )
    reader = RedisClient(options.store, patience * options.store_timeout)
    writer = RedisClient(options.store, patience * _PATIENCE * options.store_timeout)
    rankings: RequestStore = (
        RedisStore(reader, writer, options.seconds_to_live)
        if n_rankings == 1
        else RedisSeveralStore(reader, writer, n_rankings, options.seconds_to_live)
    )
    return _Stores(
        rankings,
        RedisHistories(reader, writer, length),
        length,
        n_rankings,
        lambda: reader.ask(lambda server: int(server.info("memory")["used_memory"]), 0),
    )


def _warn_of_misfits(recommender: Recommender, stores: _Stores) -> None:
    """Warn of a checkpoint that reads more of a user than the stores keep, or something else."""
    lag = recommender.config["request_lag"] if recommender.objectives else 1
    if lag != 1:
        logging.getLogger().warning(
            f"request_lag: the checkpoint learned from rankings that are {lag} requests old, and "
            "the service gives those of the previous request; train with request_lag: 1, or say "
            "--request_lag=1 to serve it all the same"
        )
    asked = recommender.needs.n_rankings
    if asked > stores.n_rankings:
        logging.getLogger().warning(
            f"n_rankings: the new checkpoint reads {asked} rankings of a user, and the store keeps "
            f"{stores.n_rankings}; start the service anew to keep them all"
        )
    read = recommender.config["MAX_ITEM_LIST_LENGTH"]
    if read >= stores.length:
        logging.getLogger().warning(
            f"MAX_ITEM_LIST_LENGTH: the new checkpoint reads {read} items of a history and the "
            f"time before them, and the store keeps {stores.length}; start the service anew to "
            "keep them all"
        )


def _own_memory() -> int:
    """Return the bytes of this process, those of files that it has mapped aside."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))  # which Linux alone tells


def _warm_start(recommender: Recommender, options: Namespace, stores: _Stores) -> str:
    """Give the stores what the log says of its users; say what was done."""
    in_memory = options.store == "memory"
    patient = (
        stores if in_memory else _stores(options, stores.length - 1, stores.n_rankings, _AT_LEISURE)
    )
    before = patient.size()
    done = warm_start(
        recommender.known_users,
        recommender.item_tokens,
        patient.histories,
        patient.rankings,
        stores.length,
        options.max_users if in_memory else None,
    )
    grown = max(0, patient.size() - before) / 2**20
    left = done.users - done.histories
    why = (
        f"; of {left} users nothing was added: --max_users is {options.max_users}"
        if in_memory
        else f"; of {left} users nothing was added: Redis has their histories, or gave no answer"
    )
    return (
        f"warm start: {done.histories} histories and {done.rankings} rankings of the log in "
        f"{done.seconds:.1f} s, {grown:.0f} MiB{why if left else ''}"
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

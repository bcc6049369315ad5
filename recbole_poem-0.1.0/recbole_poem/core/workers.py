"""Parallelism by injection: a `map` over one process, over threads, or over Ray's workers.

A computation takes a `Map` and calls it as it would the builtin ``map``, on one function and one
sequence of tasks; whoever starts it decides where the tasks run. The results come in the order of
the tasks, so that they do not depend on the number of workers. What all tasks share belongs into
the function (``functools.partial(function, large_arrays)``): Ray's object store holds it once per
call, and only the tasks travel one by one.
"""

import atexit
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    Generator,
    Iterable,
    Iterator,
    Optional,
    Sequence,
    TypeVar,
)

import torch

from recbole_poem.core.errors import InputError

#: the type of the builtin ``map`` on one function and one sequence of tasks
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]

Pending = TypeVar("Pending")

_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
_CONNECT_SECONDS = 10.0
_AGENT_SECONDS = 3.0


@contextmanager
def open_map(threads: int = 1, ray: Optional[int] = None) -> Iterator[Map]:
    """Yield a map; its workers end with the context, whatever ends it.

    At most two tasks per worker are in flight: results wait in memory for who takes them, no more
    than that. An exception in a task ends the map with that exception.

    Parameters
    ----------
    threads : int
        1 is the builtin ``map``; more is a pool of so many threads, each of which computes on one.
    ray : int, optional
        So many local processes of Ray instead, each on one thread and without a GPU; where
        ``RAY_ADDRESS`` is set, so many tasks at a time on that cluster. Ray is imported and
        started by the first call of the map.

    Raises
    ------
    InputError
        From the map: Ray is not installed or cannot be started or reached, or a worker died.
    """
    if ray is not None:
        with ExitStack() as until_the_end:
            yield _ray_map(ray, until_the_end)
    elif threads > 1:
        with _one_thread_each(), ThreadPoolExecutor(threads) as pool:
            yield _thread_map(pool, threads)
    else:
        yield map


def _in_order(
    submit: Callable[[Any], Pending],
    collect: Callable[[Pending], Any],
    drop: Callable[[Pending], Any],
    tasks: Sequence[Any],
    ahead: int,
) -> Generator[Any, None, None]:
    """Submit `tasks`, at most `ahead` before their results are taken; drop those never taken."""
    pending: Deque[Pending] = deque()
    try:
        for task in tasks:
            pending.append(submit(task))
            if len(pending) >= ahead:
                yield collect(pending.popleft())
        while pending:
            yield collect(pending.popleft())
    finally:
        for left in pending:
            drop(left)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let torch compute on one thread, in the threads that are started meanwhile as well."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _thread_map(pool: ThreadPoolExecutor, threads: int) -> Map:
    def parallel_map(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
        return _in_order(
            lambda task: pool.submit(function, task),
            lambda future: future.result(),
            lambda future: future.cancel(),
            tasks,
            2 * threads,
        )

    return parallel_map


def _ray_map(workers: int, until_the_end: ExitStack) -> Map:
    """Return a map that starts or joins Ray when it is first called."""
    started: Dict[str, Any] = {}

    def parallel_map(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
        if not started:
            started["ray"] = until_the_end.enter_context(ray_session(workers))
        ray = started["ray"]
        # a task is a pure function, so what a lost machine had in hand is computed once more
        remote = ray.remote(num_cpus=1, num_gpus=0, max_retries=1)(_apply)
        shared = ray.put(function)
        return _in_order(
            lambda task: remote.remote(shared, task),
            lambda pending: _result(ray, pending),
            lambda pending: None,  # forgotten with its reference, and ended with Ray
            tasks,
            2 * workers,
        )

    return parallel_map


def _apply(function: Callable[[Any], Any], task: Any) -> Any:
    return function(task)


def _result(ray: Any, pending: Any) -> Any:
    try:
        return ray.get(pending)
    except ray.exceptions.RayTaskError as error:  # the function's own exception, as map raises it
        raise getattr(error, "cause", None) or error from error
    except ray.exceptions.RayError as error:
        words = str(error).strip().partition("\n")[0]
        raise InputError(
            f"ray: a worker died ({type(error).__name__}: {words}); where memory ran out, fewer "
            "workers need less of it"
        ) from error


@contextmanager
def ray_session(workers: int) -> Iterator[Any]:
    """Start local workers or join the cluster of ``RAY_ADDRESS``; leave it as it was."""
    with environment({"RAY_USAGE_STATS_ENABLED": "0", **_ONE_THREAD}), _same_sigterm():
        with _same_sigterm():
            ray = _import_ray()
        if ray.is_initialized():  # inside a run of Ray Tune, say: its owner ends it
            yield ray
            return
        with ExitStack() as until_the_end:
            # what matters of its errors, we report
            until_the_end.enter_context(_silent(logging.getLogger("ray")))
            address = os.environ.get("RAY_ADDRESS") or "local"
            if address == "local":
                where = _local(workers, until_the_end.enter_context(_folder_until_exit()))
            else:
                _require_listener(address)
                where = {"address": address}
            until_the_end.callback(ray.shutdown)
            with _same_sigterm():
                _start(ray, where)
            yield ray


def _import_ray() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ray 2.6.3 imports the deprecated pkg_resources
            import ray
    except ImportError as error:
        raise InputError(f"ray: this key needs the package ray, version 2.6.3 ({error})") from error
    return ray


def _start(ray: Any, where: Dict[str, Any]) -> None:
    try:
        ray.init(log_to_driver=False, configure_logging=False, **where)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise InputError(f"ray: the workers cannot be started or reached: {error}") from error


def _local(workers: int, folder: str) -> Dict[str, Any]:
    """Return what ``ray.init`` has to know to start workers here."""
    return {
        "address": "local",
        "num_cpus": workers,
        "num_gpus": 0,
        "include_dashboard": False,
        "_temp_dir": folder,
        # by default a task that runs out of memory is tried for ever
        "_system_config": {"task_oom_retries": 1},
    }


@contextmanager
def _folder_until_exit() -> Iterator[str]:
    """Yield a folder for Ray's sockets and logs, which goes when the process ends.

    Not earlier, and then not at once: Ray's agent outlives Ray by seconds, and by a minute where
    its logs are gone.
    """
    folder = tempfile.mkdtemp(prefix="ray-")
    try:
        yield folder
    finally:
        atexit.register(_remove, folder, not_before=time.monotonic() + _AGENT_SECONDS)


def _remove(folder: str, not_before: float) -> None:
    time.sleep(max(0.0, not_before - time.monotonic()))
    shutil.rmtree(folder, ignore_errors=True)


def _require_listener(address: str) -> None:
    """Raise `InputError` where nobody answers at host:port: Ray would try for minutes, aloud."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if not port.isdigit():
        return  # 'auto' and the like: Ray knows at once
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise InputError(
            f"ray: no cluster answers at RAY_ADDRESS={address} ({error}); start it, or unset "
            "RAY_ADDRESS for local workers"
        ) from error


@contextmanager
def _same_sigterm() -> Iterator[None]:
    """Restore the handler of SIGTERM, which Ray replaces: imported, started and ended."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def environment(variables: Dict[str, str]) -> Iterator[None]:
    """Set environment variables, which the processes that are started meanwhile inherit."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

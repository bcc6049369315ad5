"""One run on several processes, of this machine or of several."""

import os
import signal
import socket
from traceback import format_exc
from typing import Any, Callable, Dict, List, Mapping

import torch
import torch.distributed
import torch.multiprocessing
from recbole.trainer.trainer import AbstractTrainer
from torch.nn.parallel import DistributedDataParallel

from recbole_poem.core.errors import InputError

#: keys that say how many processes there are, and how they find each other
PROCESS_KEYS = ("nproc", "world_size", "ip", "port", "group_offset")
#: from the keys of a process to its result
Run = Callable[[Dict[str, Any]], Dict[str, Any]]


class WrapForDevice(AbstractTrainer):
    """Stands behind RecBole's `Trainer` and wraps the model for several processes on the CPU."""

    def __init__(self, config: Any, model: Any) -> None:
        if config["single_spec"] or config["device"].type == "cuda":
            super().__init__(config, model)
            return
        self.config, self.model = config, model
        # RecBole passes device_ids, which the CPU must not have (trainer/trainer.py:63)
        self.distributed_model = DistributedDataParallel(model)


def repeats_in_words(data: Any, phase: str, n_processes: int) -> List[str]:
    """Say how many rows an evaluation by several processes counts twice, if any.

    RecBole's loaders give all processes equally many rows, for which the first ones are given out
    again. Where items are ranked `PlainCollector` counts each once. Metrics of values, such as AUC,
    are averages of all that was given out.

    Parameters
    ----------
    data : AbstractDataLoader or None
    phase : str
        What its rows are called.
    n_processes : int
    """
    repeats = 0 if data is None else -data.sample_size % n_processes
    if not repeats:
        return []
    return [
        f"nproc: {repeats} of {data.sample_size:,} {phase} rows count twice, so that all processes "
        "have equally many; recbole_poem.load(path).evaluate() counts each once"
    ]


def launched(config_dict: Mapping[str, Any]) -> Dict[str, Any]:
    """Return how the processes of a run find each other, by the keys of RecBole's own launcher.

    On one machine ``nproc`` says it all. On several, each starts the same command with
    ``world_size``, the processes of all; ``ip`` and ``port`` of the first machine; and
    ``group_offset``, how many processes the machines before it have. They share the folders of
    checkpoints and of the request cache.

    Returns
    -------
    dict
        ``nproc``, ``world_size``, ``ip``, ``port``, ``offset``.

    Raises
    ------
    InputError
        If a number is none, or they do not fit each other.
    """
    nproc = _whole(config_dict, "nproc", 1, 1)
    world_size = _whole(config_dict, "world_size", nproc, nproc)
    missing = [key for key in ("ip", "port") if config_dict.get(key) is None]
    if world_size > nproc and missing:
        raise InputError(
            f"{missing[0]}: world_size {world_size} is more than nproc {nproc}, so there are other "
            "machines; give ip and port of the first one"
        )
    offset = _whole(config_dict, "group_offset", 0, 0)
    if offset > world_size - nproc:
        raise InputError(
            f"group_offset: {offset} processes on the machines before, and {nproc} on this one, "
            f"are more than world_size {world_size}"
        )
    port = _whole(config_dict, "port", 0, 1) or _free_port()
    ip = config_dict.get("ip") or "localhost"
    return {"nproc": nproc, "world_size": world_size, "ip": ip, "port": port, "offset": offset}


def _whole(keys: Mapping[str, Any], key: str, usual: int, least: int) -> int:
    """Return a whole number of the keys that is not below `least`."""
    value = keys.get(key)
    if value is None:
        return usual
    if not str(value).isdecimal() or int(value) < least:
        raise InputError(f"{key}: expected a whole number from {least}, not {value!r}")
    return int(value)


def run_on_several(run: Run, config_dict: Dict[str, Any]) -> Dict[str, Any]:
    """Run on ``nproc`` processes of this machine, and return the result of its first one.

    Parameters
    ----------
    run : callable
        It can be pickled.
    config_dict : dict
        Keys, with those that `launched` reads.

    Raises
    ------
    InputError
        As `run` raises it in a process.
    RuntimeError
        With the traceback of a process that failed in another way.
    """
    launch = launched(config_dict)
    nproc = launch["nproc"]
    given = {**config_dict, **launch}
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    try:
        torch.multiprocessing.spawn(_worker, args=(queue, run, given, os.getpid()), nprocs=nproc)
    except torch.multiprocessing.ProcessRaisedException as error:
        if queue.empty():
            raise
        raise queue.get() from error
    result: Dict[str, Any] = queue.get()
    return result


def _worker(rank: int, queue: Any, run: Run, config_dict: Dict[str, Any], parent: int) -> None:
    _end_with_parent(parent)
    try:
        result = run({**config_dict, "local_rank": rank})
        if rank == 0:
            queue.put(result)
    except InputError as error:
        queue.put(error)
        raise
    except Exception:
        # Said before the others see the connection close, so that the cause is read, not the echo.
        queue.put(RuntimeError(f"process {rank} of {config_dict['nproc']} failed\n{format_exc()}"))
        raise
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _end_with_parent(parent: int) -> None:
    """Heed the SIGINT by which torch tells that the parent is gone, in the background as well.

    A shell starts what is to run in the background with SIGINT ignored, and processes inherit that.
    Ctrl-C goes on meaning nothing there: the parent is alive then.
    """

    def heed(number: int, frame: Any) -> None:
        if os.getppid() != parent:
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, heed)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return str(probe.getsockname()[1])

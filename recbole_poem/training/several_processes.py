"""One run on several processes of this machine."""

import socket
from traceback import format_exc
from typing import Any, Callable, Dict, List

import torch
import torch.distributed
import torch.multiprocessing
from recbole.trainer.trainer import AbstractTrainer
from torch.nn.parallel import DistributedDataParallel

from recbole_poem.core.errors import InputError

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


def run_on_several(run: Run, config_dict: Dict[str, Any]) -> Dict[str, Any]:
    """Run on ``nproc`` processes, and return the result of the first one.

    Parameters
    ----------
    run : callable
        It can be pickled.
    config_dict : dict
        Keys, ``nproc`` among them.

    Raises
    ------
    InputError
        As `run` raises it in a process.
    RuntimeError
        With the traceback of a process that failed in another way.
    """
    nproc = int(config_dict["nproc"])
    launch = {"world_size": nproc, "ip": "localhost", "port": _free_port(), "offset": 0}
    given = {**launch, **config_dict}
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    try:
        torch.multiprocessing.spawn(_worker, args=(queue, run, given), nprocs=nproc)
    except torch.multiprocessing.ProcessRaisedException as error:
        if queue.empty():
            raise
        raise queue.get() from error
    result: Dict[str, Any] = queue.get()
    return result


def _worker(rank: int, queue: Any, run: Run, config_dict: Dict[str, Any]) -> None:
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


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return str(probe.getsockname()[1])

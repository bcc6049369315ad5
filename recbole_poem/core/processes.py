"""Several processes that train one model together, of one machine or of several."""

from datetime import timedelta
from typing import Any, Callable, TypeVar

import torch.distributed

Result = TypeVar("Result")

#: how long the others wait for what the first process builds; torch would give up within the hour
_PATIENCE = timedelta(days=30)


def n_processes(config: Any) -> int:
    """Return how many processes share the batches of a training."""
    return 1 if config["single_spec"] else int(config["world_size"])


def place_of(config: Any) -> int:
    """Return the number of this process among those of all machines, from 0."""
    return int(config["local_rank"]) + int(config["offset"] or 0)


def first_process_first(config: Any, build: Callable[[], Result]) -> Result:
    """Call `build` in every process, the first one ahead, so that it is the one that writes."""
    if config["single_spec"]:
        return build()
    # a group of its own, whose time limit is ours whatever the processes talk by
    waiting = torch.distributed.new_group(backend="gloo", timeout=_PATIENCE)
    if place_of(config) == 0:
        result = build()
        torch.distributed.barrier(waiting)
        return result
    torch.distributed.barrier(waiting)
    return build()

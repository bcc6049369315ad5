"""Several processes that talk to each other and import nothing anew: they are forked."""

import tempfile
from pathlib import Path
from typing import Any, Callable, List

import torch
import torch.distributed
import torch.multiprocessing


def _begun(rank: int, number: int, folder: str, function: Callable[..., Any], args: Any) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", rank=rank, world_size=number, init_method=f"file://{folder}/meeting"
    )
    torch.save(function(rank, number, *args), Path(folder, f"{rank}.pth"))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def on_processes(number: int, function: Callable[..., Any], *args: Any) -> List[Any]:
    """Return what `function(rank, number, *args)` returns in each of several processes."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            _begun, (number, folder, function, args), nprocs=number, start_method="fork"
        )
        return [torch.load(Path(folder, f"{rank}.pth")) for rank in range(number)]

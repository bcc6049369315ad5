"""What a step costs that moves all item embeddings, and one that moves those of its batch.

A step learns 2,050 targets in windows of 50 rows, by the softmax over 2,000 shared negatives. The
state of a place is the mean of the rows up to it. The items have a long tail. ``dense`` is a weight
with Adam, the moving average, and, on two processes, torch's data parallelism; ``sharded`` is the
component. Both learn the same batches at the same rate.

Each side runs in processes of its own, in turn. ``cpu_s`` is the processor time of a step in a
process, the steadier clock on a busy machine, and ``step_s`` the time that passes. ``peak_gib`` is
the highest resident memory of a process, ``sent_mib`` what it sends in a step, reckoned.
``settle_s`` is what brings all averages up to date, once an evaluation. What would take more than
8 GiB in all is left out.
"""

import os
import socket
import statistics
import time
from typing import Any, Dict, List, Tuple

import measure
import torch
import torch.distributed
import torch.multiprocessing
from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.benchmark.machine import peak_memory
from recbole_poem.core.stages import ITEM_TABLES
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.encoders.tables.sharded import Sharded
from recbole_poem.logits.scoring import Items, of_state
from recbole_poem.losses.softmax import sampled_log_probability
from recbole_poem.training.weight_average import WeightAverage

#: items and numbers of an embedding
CASES = ((1_000_000, 64), (10_000_000, 8), (30_000_000, 8))
QUICK_CASES = ((20_000, 8),)
WINDOWS, WIDTH, NEGATIVES = 41, 50, 2000
RATE, DECAY = 0.001, 0.998
STEPS, QUICK_STEPS, TURNS, QUICK_TURNS = 6, 2, 2, 1
LIMIT_GIB = 8.0
#: arrays of the table's size at most: weight, gradient, two moments, average, and two of Adam's own
_DENSE, _SHARDED = 7, 4
_BASE_GIB = 0.4


class Learner(nn.Module):
    """A table, and the loss of a batch by it."""

    def __init__(self, table: str, n_items: int, size: int, n_processes: int) -> None:
        super().__init__()
        sizes = Sizes(size, WIDTH, 1, 1, 1, 0.0, 0.0, seed=0)
        choice = ITEM_TABLES.choose(table, "item_table")
        self.table = choice.make(n_items, sizes, n_processes)
        self.table.begin(0.02)

    def forward(self, seen: torch.Tensor, target: torch.Tensor, negative: torch.Tensor) -> Any:
        """Return the loss of windows (B, W), their targets, and the negatives (K,) of all."""
        batch = Interaction({"seen": seen, "target": target, "negative": negative})
        batch, weight, _ = self.table.opened(batch, list(batch.interaction))
        places = torch.arange(1, WIDTH + 1).unsqueeze(1)
        states = (weight[batch["seen"]].cumsum(dim=1) / places).flatten(0, 1)
        log_q = torch.zeros(len(weight))
        wanted, among = batch["target"].view(-1, 1), batch["negative"]
        interest = of_state(states.unsqueeze(1))
        return -sampled_log_probability(interest, Items(weight), wanted, among, log_q).mean()


def batch_of(step: int, n_items: int, rank: int, n_processes: int) -> Tuple[torch.Tensor, ...]:
    """Draw the share of a process in the batch of a step."""
    generator = torch.Generator().manual_seed(step)

    def drawn(*shape: int) -> torch.Tensor:
        share = torch.rand(*shape, generator=generator, dtype=torch.float64)
        return 1 + (share.pow(3) * (n_items - 1)).long()

    rows = drawn(WINDOWS, WIDTH + 1).tensor_split(n_processes)[rank]
    return rows[:, :-1], rows[:, 1:].contiguous(), drawn(NEGATIVES)


def run(rank: int, n_processes: int, table: str, n_items: int, size: int, n_steps: int) -> Any:
    """Learn some steps in one of the processes."""
    torch.set_num_threads(1)
    begin = time.perf_counter()
    learner = Learner(table, n_items, size, n_processes)
    begun = time.perf_counter() - begin
    shared = learner.table if isinstance(learner.table, Sharded) else None
    step: Any = shared
    if shared is None:
        optimizer = torch.optim.Adam(learner.parameters(), lr=RATE)
        WeightAverage(learner, DECAY).follow(optimizer)
        step = optimizer
    whole = n_processes > 1 and shared is None
    model: nn.Module = nn.parallel.DistributedDataParallel(learner) if whole else learner
    taken: List[float] = []
    worked: List[float] = []
    for number in range(n_steps + 1):
        given = batch_of(number, n_items, rank, n_processes)
        begin, at_work = time.perf_counter(), time.process_time()
        if shared is None:
            step.zero_grad()
        loss = model(*given)
        loss.backward()
        _ = step.step() if shared is None else step.step(RATE, DECAY)
        taken.append(time.perf_counter() - begin)
        worked.append(time.process_time() - at_work)
    found = {"begin_s": begun, "loss": float(loss.detach())}
    found.update(step_s=statistics.median(taken[1:]), cpu_s=statistics.median(worked[1:]))
    n_touched = len(torch.cat([part.flatten() for part in given]).unique())
    other = (n_processes - 1) / n_processes
    sent = n_touched * (8 + 2 * 4 * size) if shared is not None else 2 * n_items * 4 * size
    found["sent_mib"] = other * sent / 2**20
    if shared is not None and shared.average is not None:
        average = shared.average
        found["settle_s"] = measure.seconds(lambda: average.settle(shared.rows))
    return {**found, "peak_gib": peak_memory() / 2**30}


def _process(rank: int, queue: Any, port: int, n_processes: int, *case: Any) -> None:
    torch.distributed.init_process_group(
        "gloo", rank=rank, world_size=n_processes, init_method=f"tcp://localhost:{port}"
    )
    queue.put(run(rank, n_processes, *case))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def side(table: str, n_items: int, size: int, n_processes: int, n_steps: int) -> Dict[str, float]:
    """Learn some steps; of several processes the most that one took."""
    case = table, n_items, size, n_steps
    if n_processes == 1:
        return dict(run(0, 1, *case))
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    arguments = (queue, port, n_processes, *case)
    torch.multiprocessing.spawn(_process, args=arguments, nprocs=n_processes)
    found = [queue.get() for _ in range(n_processes)]
    return {name: max(each[name] for each in found) for name in found[0]}


def needed_gib(table: str, n_items: int, size: int, n_processes: int) -> float:
    """Reckon the memory of all processes."""
    rows = n_items * size * 4 / 2**30
    if table == "sharded":
        return _SHARDED * rows + n_items * 4 / 2**30 + n_processes * _BASE_GIB
    return n_processes * ((_DENSE + (n_processes > 1)) * rows + _BASE_GIB)


def main() -> None:
    """Measure both tables in turn, in all cases that fit."""
    quick = measure.parser(__doc__ or "").parse_args().quick
    os.environ["OMP_NUM_THREADS"] = "1"
    result: Dict[str, Any] = {}
    for n_items, size in QUICK_CASES if quick else CASES:
        for n_processes in (1, 2):
            case = {"n_items": n_items, "size": size, "n_processes": n_processes}
            fitting = [t for t in ("dense", "sharded") if needed_gib(t, **case) <= LIMIT_GIB]
            turns: Dict[str, List[Dict[str, float]]] = {table: [] for table in fitting}
            for _ in range(QUICK_TURNS if quick else TURNS):
                for table in fitting:
                    n_steps = QUICK_STEPS if quick else STEPS
                    turns[table].append(measure.call("side", table=table, n_steps=n_steps, **case))
                    print(case, table, turns[table][-1], flush=True)
            name = f"{n_items} items of {size} numbers, {n_processes} processes"
            result[name] = {table: _summary(taken) for table, taken in turns.items()}
    measure.record("item_tables", result, quick)


def _summary(taken: List[Dict[str, float]]) -> Dict[str, Any]:
    """Return the medians over the turns, and the range of the processor seconds of a step."""
    found = {n: round(statistics.median(turn[n] for turn in taken), 5) for n in taken[0]}
    steps = [round(turn["cpu_s"], 5) for turn in taken]
    return {**found, "cpu_s_range": [min(steps), max(steps)]}


if __name__ == "__main__":
    measure.main(globals())

"""The closed-loop world: seconds and memory of a million requests, on one thread and on two.

Each request has 100 candidates with 5 scores, of which 50 are kept and 10 are shown; people come in
blocks of 256, and what happened to a block is counted and let go. Each side has a fresh process,
which imports the package and makes the world before the clock starts. Seconds are those of the
clock on the wall, whatever else the machine did; processor_seconds are what the work itself took.
"""

import time
from functools import partial
from typing import Any, Dict, List

import measure
import numpy as np

from recbole_poem.benchmark.machine import peak_memory
from recbole_poem.core.workers import open_map
from recbole_poem.world.life import blocks
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.settings import world_settings
from recbole_poem.world.world import World

_REQUESTS = 40  # of each user
_CANDIDATES = 100


def requests_of(world: World, users: np.ndarray) -> int:
    """Let some users live; return how many requests they made."""
    rounds = Lives(world, users).go(world.sources(), Until(requests=_REQUESTS))
    return sum(len(served.user) for served in rounds)


def run(n_requests: int, threads: int) -> Dict[str, Any]:
    """Answer so many requests; return seconds, MiB and requests a second."""
    dials = {"people.users": n_requests // _REQUESTS, "sources.candidates": _CANDIDATES}
    world = World(world_settings(dials))
    requests_of(world, np.arange(2))  # compiles
    parts: List[np.ndarray] = blocks(world)
    begin, cpu = time.perf_counter(), time.process_time()
    with open_map(threads=threads) as run_blocks:
        n_answered = sum(run_blocks(partial(requests_of, world), parts))
    taken = time.perf_counter() - begin
    return {
        "requests": n_answered,
        "seconds": taken,
        "processor_seconds": time.process_time() - cpu,
        "requests_per_second": n_answered / taken,
        "peak_memory_mib": round(peak_memory() / 2**20),
    }


def main() -> None:
    """Measure, print and record."""
    options = measure.parser(__doc__).parse_args()
    n_requests = 40_960 if options.quick else 1_000_000
    record: Dict[str, Any] = {"candidates": _CANDIDATES, "objectives": 5}
    for threads in (1, 2):
        found = measure.call("run", n_requests=n_requests, threads=threads)
        record[f"threads: {threads}"] = found
        print(f"threads: {threads}: {found}", flush=True)
    measure.record("world", record, options.quick)


if __name__ == "__main__":
    measure.main(globals())

"""Rows a second and memory of ``recbole-poem convert recflow``, on days that are made up.

A day has as many requests, users and rows a request as one of RecFlow's, and ids of the same
ranges: one of its first period, and one of its second, in which a request seems to have all that
the rank stage dropped. On a busy machine ``cpu_s``, the processor time, is the steadier clock.
Memory is the peak resident set of the whole process, and what of it came on top after the imports.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import measure
import numpy as np
import pyarrow as pa
import pyarrow.ipc

from recbole_poem.benchmark.machine import peak_memory
from recbole_poem.data.convert.recflow import convert
from recbole_poem.data.convert.recflow.columns import DAY

BATCH = 65_536
N_USERS, N_VIDEOS = 42_472, 82_216_301
START_MS = 1_705_075_200_000
N_REQUESTS, QUICK_REQUESTS = 253_000, 5_000
#: day -> rows of the rank stage's rest in a request, and users to convert
DAYS = {"first period": (10, None), "1,000 users of it": (10, 1000), "second period": (250, None)}
#: flag -> rows of a request, beside the rank stage's rest; six of the first ten are shown
STAGES = {"rerank_pos": 10, "rerank_neg": 10, "rank_pos": 10, "coarse_neg": 40, "prerank_neg": 40}


def make_day(path: Path, n_requests: int, rank_rest: int) -> int:
    """Write a day; return its rows."""
    flags = [name for name, number in STAGES.items() for _ in range(number)]
    flags += ["rank_neg"] * rank_rest
    schema = pa.schema([(name, pa.int64()) for name in DAY])
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    each = max(1, BATCH // len(flags))
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.ipc.new_file(str(path), schema, options=options) as file:
        for begin in range(0, n_requests, each):
            number = np.arange(begin, min(begin + each, n_requests))
            file.write_batch(_batch(number, flags, schema, n_requests))
    return n_requests * len(flags)


def _batch(number: np.ndarray, flags: List[str], schema: pa.Schema, n: int) -> pa.RecordBatch:
    rng = np.random.default_rng(int(number[0]))
    size = len(number) * len(flags)
    place = np.tile(np.arange(len(flags)), len(number))
    columns = {name: rng.integers(0, 1000, size) for name in DAY}
    columns["request_id"] = np.repeat(number, len(flags))
    columns["request_timestamp"] = START_MS + columns["request_id"] * 86_400_000 // n
    columns["user_id"] = np.repeat(rng.integers(0, N_USERS, len(number)), len(flags))
    columns["video_id"] = (N_VIDEOS * rng.random(size) ** 3).astype(np.int64)
    columns["upload_timestamp"] = columns["video_id"] % 10_000_000 + 1_690_000_000
    of_place = np.array(flags)
    for name in (*STAGES, "rank_neg"):
        columns[name] = (of_place == name)[place].astype(np.int64)
    shown = place < 6
    columns["realshow"] = shown.astype(np.int64)
    columns["rank_index"], columns["rerank_index"] = place, place
    for name in ("effective_view", "long_view", "like", "follow", "forward", "comment"):
        columns[name] = (shown & (rng.random(size) < 0.3)).astype(np.int64)
    return pa.record_batch([columns[name] for name in DAY], schema=schema)


def converted(folder: str, users: Optional[int]) -> Dict[str, Any]:
    """Convert a day, in a process of its own; return what it took."""
    before = peak_memory()
    start, own = time.perf_counter(), time.process_time()
    convert(Path(folder) / "raw", Path(folder) / "recflow", users=users)
    seconds, own = time.perf_counter() - start, time.process_time() - own
    lines = {}
    for kind in ("inter", "cand", "item"):
        with (Path(folder) / "recflow" / f"recflow.{kind}").open("rb") as file:
            lines[kind] = sum(1 for _ in file) - 1
    peak = peak_memory()
    return {"s": seconds, "cpu_s": own, "peak": peak, "peak_added": peak - before, "rows": lines}


def main() -> None:
    """Make the days, and convert each."""
    options = measure.parser(__doc__).parse_args()
    n_requests = QUICK_REQUESTS if options.quick else N_REQUESTS
    result: Dict[str, Any] = {}
    for name, (rank_rest, users) in DAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "raw" / "all_stage" / "2024-01-13.feather"
            rows = make_day(path, n_requests, rank_rest)
            found = measure.call("converted", folder=folder, users=users)
            result[name] = {"rows_of_day": rows, "bytes": path.stat().st_size, **found}
        rate = rows / found["cpu_s"]
        print(
            f"{name}: {rows:,} rows in {found['s']:.0f} s, {rate:,.0f} a second of a processor, ",
            end="",
        )
        print(f"peak {found['peak'] / 2**30:.2f} GiB; rows written: {found['rows']}", flush=True)
    measure.record("recflow_day", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())

"""Rows a second and memory of ``recbole-poem convert recflow``, on a day that is made up.

The day has as many requests, rows a request and users as RecFlow's, and ids of the same ranges.

    python benchmarks/recflow.py --requests 253000 --rank_rest 10 --folder /tmp/day
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from recbole_poem.data.convert.recflow import convert
from recbole_poem.data.convert.recflow.columns import DAY

BATCH = 65_536
N_USERS, N_VIDEOS = 42_472, 82_216_301
START_MS = 1_705_075_200_000
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


def _batch(number: np.ndarray, flags: "list[str]", schema: pa.Schema, n: int) -> pa.RecordBatch:
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


def main() -> None:
    """Make a day, convert it, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=253_000, help="of the day")
    parser.add_argument("--rank_rest", type=int, default=10, help="rank_neg of a request")
    parser.add_argument("--users", type=int, help="as of the command")
    parser.add_argument("--folder", type=Path, required=True, help="what is written")
    options = parser.parse_args()
    path = options.folder / "raw" / "all_stage" / "2024-01-13.feather"
    if not path.exists():
        print(f"{make_day(path, options.requests, options.rank_rest):,} rows made")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start, own = time.perf_counter(), time.process_time()
    print(convert(options.folder / "raw", options.folder / "recflow", users=options.users))
    seconds, own = time.perf_counter() - start, time.process_time() - own
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = sum(1 for _ in (options.folder / "recflow" / "recflow.cand").open("rb")) - 1
    print(
        f"{seconds:.1f} s ({own:.1f} s of a processor), peak {peak:.2f} GB (before {before:.2f}), {rows:,} rows of .cand"
    )


if __name__ == "__main__":
    main()

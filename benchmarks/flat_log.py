"""What a log on disk costs: writing its flat store, opening it, splitting it, cutting windows.

Each log is synthetic: 12,000 rows per user and 10 per item, a long tail, in the order of time, with
five columns of feedback and a table of items. That is the shape of KuaiRand-27K, which has 322
million rows of 27 thousand users and 32 million videos. Each step runs in a process of its own,
from the file (``flat_store: never``) and from the store, as POEM's data set with its default keys.

With ``--direct`` there is no text: the store is written by `flat_store`, for logs whose text would
take too long, such as ``--direct --rows 322000000 --items 32000000``. What it costs is recorded
beside the rest.

Memory of a step is told twice, on top of what stood before it. ``peak`` is by how much it raised
the highest resident memory, pages of mapped files included, which the system may drop.
``anonymous`` is the most that it may not drop, and ``kept`` what of that is left behind the step.
On a busy machine ``cpu_s``, the processor time, is the steadier clock.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict

import measure
import numpy as np
from flat_store import FIELDS, FLAGS, ITEM_HEADER, write_store
from watch import Watch

SIZES = (1_000_000, 10_000_000)
QUICK_SIZES = (50_000,)
LEAVE_OUT = {"LS": "valid_and_test"}
BY_TIME = {"split_by_time": {"valid": "24 hours", "test": "last 24 hours"}}
BATCH, BATCHES, WINDOW = 2048, 50, 50
#: rows beyond which the file is not read as well: 304 bytes a row were measured before
MOST_FROM_FILE = 30_000_000
#: beyond it a step is given up: others use the machine
MOST_ANONYMOUS = 10 * 2**30
_ROWS_AT_ONCE = 2_000_000


def write_log(folder: Path, rows: int) -> int:
    """Write a log and return the bytes of its file."""
    import pyarrow as pa
    from pyarrow import csv

    rng = np.random.default_rng(0)
    n_users, n_items = max(100, rows // 12_000), rows // 10
    activity = np.cumsum(rng.lognormal(size=n_users))
    path = folder / f"log{rows}" / f"log{rows}.inter"
    path.parent.mkdir()
    head = "user_id:token\titem_id:token\ttimestamp:float\tclick:float\tlong_view:float\tlike:float"
    options = csv.WriteOptions(include_header=False, delimiter="\t")
    with path.open("wb") as file:
        file.write(f"{head}\tplay_ms:float\tduration_ms:float\n".encode())
        for begin in range(0, rows, _ROWS_AT_ONCE):
            n = min(_ROWS_AT_ONCE, rows - begin)
            share = (begin + np.sort(rng.random(n)) * n) / rows  # of thirty days
            time_ms = 1_650_000_000_000 + 30 * 86_400_000 * share
            duration = rng.integers(3_000, 300_000, n)
            columns = {
                "user": np.searchsorted(activity, rng.random(n) * activity[-1]),
                "item": (n_items * rng.power(3, n)).astype(np.int64),
                "time": time_ms.astype(np.int64),
                **{name: (rng.random(n) < p).astype(np.int8) for name, p in FLAGS.items()},
                "play": (duration * rng.random(n)).astype(np.int64),
                "duration": duration,
            }
            csv.write_csv(pa.table(columns), file, options)
    write_items(path.with_suffix(".item"), n_items)
    return path.stat().st_size


def write_items(path: Path, n_items: int) -> None:
    """Write a table of items."""
    rng = np.random.default_rng(1)
    author, day = rng.integers(0, max(1, n_items // 20), n_items), rng.integers(0, 30, n_items)
    tags = rng.integers(0, 60, (n_items, 3))
    length = rng.integers(3_000, 300_000, n_items)
    with path.open("w", encoding="utf-8") as file:
        file.write(ITEM_HEADER)
        for item, (a, t, d, s) in enumerate(zip(author, tags, day, length)):
            file.write(f"{item}\t{a}\t{' '.join(map(str, t[: item % 4]))}\t{d}\t{s}\n")


def convert(folder: str, rows: int) -> Dict[str, float]:
    """Write the flat store of a log."""
    from recbole_poem.core.atomic import Format
    from recbole_poem.data.convert.flat import write_flat

    path = Path(folder) / f"log{rows}" / f"log{rows}.inter"
    with Watch(MOST_ANONYMOUS) as watch:
        write_flat(path, Format(), FIELDS)
    store = sum(each.stat().st_size for each in path.with_suffix(".flat").iterdir())
    return {**watch.found, "bytes": store}


def load(
    folder: str, rows: int, way: str, filters: bool = False, by_time: bool = False
) -> Dict[str, Dict[str, float]]:
    """Open a log in one of two ways, split it, and cut windows of rows at random."""
    import torch

    from recbole_poem.data.dataloader import POEMTrainDataLoader
    from recbole_poem.training.config import Config
    from recbole_poem.training.experiment import create_dataset

    keys = {
        "data_path": folder,
        "flat_store": way,
        "time_unit": "ms",
        "MAX_ITEM_LIST_LENGTH": WINDOW,
        "eval_args": {"split": BY_TIME if by_time else LEAVE_OUT, "order": "TO", "mode": "full"},
        "use_gpu": False,
        "state": "ERROR",
        "load_col": {"inter": "*", "item": "*"},
        "item_inter_num_interval": "[2,inf)" if filters else None,
    }
    config = Config("POEM", f"log{rows}", config_dict=keys)
    found = {}
    with Watch(MOST_ANONYMOUS) as watch:
        dataset = create_dataset(config)
    found["opening"] = watch.found
    with Watch(MOST_ANONYMOUS) as watch:
        splits = dataset.build()
    n_rows = len(dataset.log)
    found["splitting"] = {**watch.found, "rows": n_rows}
    if by_time:
        # the order of time, which is made when somebody asks for it
        with Watch(MOST_ANONYMOUS) as watch:
            splits[0].inter_feat[[0]]["item_id"]
        found["ordering"] = watch.found
    found["splitting"]["digest"] = _digest(splits)
    with Watch(MOST_ANONYMOUS) as watch:
        loader = POEMTrainDataLoader(config, splits[0], {}, False, shuffle=True)
    found["loader"] = {**watch.found, "windows": len(loader._start)}
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(len(splits[0]), (BATCHES, BATCH), generator=generator)
    splits[0][index[0]]  # pages that all batches need
    with Watch(MOST_ANONYMOUS) as watch:
        for rows_of_batch in index:
            splits[0][rows_of_batch]
    found["windows"] = {**watch.found, "per_second": BATCHES * BATCH / watch.found["seconds"]}
    return found


def _digest(splits: Any) -> int:
    """Return a number that differs where the items of two splits, or their order, do."""
    found = 0
    for split in splits:
        for begin in range(0, len(split), _ROWS_AT_ONCE):
            item = split.inter_feat[slice(begin, begin + _ROWS_AT_ONCE)]["item_id"].numpy()
            weight = np.arange(begin, begin + len(item)) % 10_007 + 1
            found += int((weight * item).sum())
    return found


def rounded(found: Any) -> Any:
    """Return seconds with two digits, memory in MiB, and rates whole."""
    if isinstance(found, dict):
        memory = {"peak", "anonymous", "kept", "bytes"}
        return {
            f"{name}_mib" if name in memory else name: round(value / 2**20, 1)
            if name in memory
            else rounded(value)
            for name, value in found.items()
        }
    return round(found, 2) if isinstance(found, float) and found < 1000 else int(found)


def measured(folder: Path, rows: int) -> Dict[str, Any]:
    """Write a log and take all steps."""
    result: Dict[str, Any] = {"file": {"bytes": write_log(folder, rows)}}
    arguments = {"folder": str(folder), "rows": rows}
    result["convert"] = measure.call("convert", **arguments)
    result["convert"]["rows_per_second"] = rows / result["convert"]["seconds"]
    result["store"] = measure.call("load", **arguments, way="always")
    result["store_filtered"] = measure.call("load", **arguments, way="always", filters=True)
    if rows <= MOST_FROM_FILE:
        result["from_file"] = measure.call("load", **arguments, way="never")
        digests = {result[way]["splitting"]["digest"] for way in ("store", "from_file")}
        assert len(digests) == 1, "the splits differ"
    print(rows, rounded(result), flush=True)
    return rounded(result)


def generate(folder: str, rows: int, items: int) -> Dict[str, float]:
    """Write the flat store of a log directly."""
    with Watch(MOST_ANONYMOUS) as watch:
        write_store(Path(folder), f"log{rows}", rows, max(100, rows // 12_000), items)
    store = Path(folder) / f"log{rows}" / f"log{rows}.flat"
    size = sum(each.stat().st_size for each in store.iterdir())
    return {**watch.found, "bytes": size, "items": items}


def measured_directly(folder: Path, rows: int, items: int) -> Dict[str, Any]:
    """Write a store without a text file, and take the steps that need none."""
    arguments = {"folder": str(folder), "rows": rows}
    result = {"generate": measure.call("generate", **arguments, items=items)}
    result["store"] = measure.call("load", **arguments, way="always")
    result["store_by_time"] = measure.call("load", **arguments, way="always", by_time=True)
    print(rows, rounded(result), flush=True)
    return rounded(result)


def record(result: Dict[str, Any], directly: bool) -> None:
    """Write what was measured with a text file, or add what was without; each keeps the other."""
    path = measure.RESULTS / "flat_log.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    direct = before.get("direct", {"result": {}})
    if directly:
        whole = before
        direct["command"] = " ".join(["python", *sys.argv])
        direct["date"] = time.strftime("%Y-%m-%d")
        direct["load_average"] = [round(load, 2) for load in os.getloadavg()]
        direct["result"].update(result)
    else:
        measure.record("flat_log", result, quick=False)
        whole = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**whole, "direct": direct}, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


def main() -> None:
    """Measure each size; a folder of the disk that the logs fit on may be named."""
    parser = measure.parser(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="sizes of the logs")
    parser.add_argument("--items", type=int, help="of each log that is written directly")
    parser.add_argument("--direct", action="store_true", help="write the stores without a text")
    parser.add_argument("--folder", help="where the logs may lie for a while")
    options = parser.parse_args()
    result = {}
    for rows in QUICK_SIZES if options.quick else options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            if options.direct:
                found = measured_directly(Path(folder), rows, options.items or rows // 10)
            else:
                found = measured(Path(folder), rows)
        result[f"{rows}_rows"] = found
        if not options.quick:  # an interrupted run keeps what it has
            record(result, options.direct)


if __name__ == "__main__":
    measure.main(globals())

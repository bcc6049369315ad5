"""Peak memory and preparation time of the flat data set against RecBole's `SequentialDataset`.

Both make the leave-one-out splits of the same synthetic log, with five inter fields and windows of
50, each in a process of its own, in turn. The seconds of reading the file stand apart from those of
preparing: everything from then on until the three splits stand. On a busy machine ``cpu_s``, the
processor time of both stages, is the steadier clock. Memory is the peak resident set
of the whole process, and what of it came on top after the imports.
"""

import statistics
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List

import measure
import numpy as np
import pandas as pd
import psutil

from recbole_poem.benchmark.machine import peak_memory

#: rows of the log -> pairs of runs
SIZES = {100_000: 5, 1_000_000: 5, 5_000_000: 1}
QUICK_SIZES = {20_000: 1, 50_000: 1}
FIELDS = ["user_id", "item_id", "rating", "timestamp", "duration"]
WINDOW = 50
SIDES = ("recbole", "ours")


def write_log(folder: Path, rows: int) -> None:
    """Write a log of about 50 rows per user over a catalogue of long tail, in order of time."""
    rng = np.random.default_rng(0)
    n_users, n_items = rows // 50, max(1000, rows // 100)
    activity = rng.lognormal(size=n_users)
    log = pd.DataFrame(
        {
            "user_id:token": rng.choice(n_users, rows, p=activity / activity.sum()),
            "item_id:token": (n_items * rng.power(3, rows)).astype(int),
            "rating:float": rng.integers(1, 6, rows),
            "timestamp:float": 1_500_000_000 + np.sort(rng.integers(0, 10**8, rows)),
            "duration:float": rng.exponential(60, rows).round(2),
        }
    )
    target = folder / f"log{rows}" / f"log{rows}.inter"
    target.parent.mkdir()
    log.to_csv(target, sep="\t", index=False)


def prepare(side: str, folder: str, rows: int) -> Dict[str, float]:
    """Build the data set of one side; return seconds by stage and peaks in bytes."""
    keys = {
        "data_path": folder,
        "load_col": {"inter": FIELDS},
        "MAX_ITEM_LIST_LENGTH": WINDOW,
        "train_neg_sample_args": None,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
        "use_gpu": False,
        "state": "ERROR",
        "show_progress": False,
    }
    of_data, of_config = ("recbole.data.dataset", "recbole.config")
    if side == "ours":
        of_data, of_config = ("recbole_poem.data.dataset", "recbole_poem.training.config")
    name = "FlatSequentialDataset" if side == "ours" else "SequentialDataset"
    dataset: Any = getattr(import_module(of_data), name)
    config_of: Any = import_module(of_config).Config

    found: Dict[str, float] = {}

    class Timed(dataset):
        """The data set, with a clock where the file has been read."""

        def _load_data(self, *arguments: Any) -> None:
            found["reading_s"] = measure.seconds(lambda: super(Timed, self)._load_data(*arguments))
            found["reading_peak"] = peak_memory()

    config = config_of(model="SASRec", dataset=f"log{rows}", config_dict=keys)
    before = psutil.Process().memory_info().rss
    begin, cpu = time.perf_counter(), time.process_time()
    splits = Timed(config).build()
    total = time.perf_counter() - begin
    assert sum(map(len, splits)) > 0.9 * rows
    return {
        **found,
        "preparing_s": total - found["reading_s"],
        "total_s": total,
        "cpu_s": time.process_time() - cpu,
        "before": before,
        "peak": peak_memory(),
        "kept": psutil.Process().memory_info().rss - before,
    }


def compare(folder: str, rows: int, pairs: int) -> Dict[str, Any]:
    """Run both sides in turn on the log of `rows` rows."""
    runs: Dict[str, List[Dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(pairs):
        for side in SIDES:
            run = measure.call("prepare", side=side, folder=folder, rows=rows)
            for peak in ("peak", "reading_peak"):
                run[f"{peak}_above"] = run[peak] - run["before"]
            runs[side].append(run)
            print(f"{rows} rows, {side}: {summary([run])}", flush=True)
    measured = ("total_s", "cpu_s", "preparing_s", "reading_s", "peak_above", "peak")
    ratios = {
        name: measure.ratio(*([run[name] for run in runs[side]] for side in SIDES))
        for name in measured
    }
    return {
        "pairs": pairs,
        **{side: summary(runs[side]) for side in SIDES},
        "recbole_over_ours": ratios,
    }


def summary(runs: List[Dict[str, float]]) -> Dict[str, float]:
    """Return medians over runs, memory in MiB."""
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return {
        name if name.endswith("_s") else f"{name}_mib": round(
            value if name.endswith("_s") else value / 2**20, 2
        )
        for name, value in median.items()
    }


def main() -> None:
    """Write the logs and compare the sides on each."""
    options = measure.parser(__doc__).parse_args()
    result: Dict[str, Any] = {"fields": FIELDS, "window": WINDOW}
    with tempfile.TemporaryDirectory() as folder:
        for rows, pairs in (QUICK_SIZES if options.quick else SIZES).items():
            write_log(Path(folder), rows)
            result[f"{rows}_rows"] = compare(folder, rows, pairs)
    measure.record("dataset", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())

"""What the readers of rankings cost: a training step, and a request that the service answers.

Steps are those of ml-100k in windows of 50, with the losses and the state fusion of the default.
``stacked`` reads five rankings a window, as the default does; ``joint`` reads one at every
position. The service has 100,000 items and answers one request at a time on one thread, by all
items and by the index. All sides are measured in turn.
"""

import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict

import measure
import numpy as np
import serving_world
import torch
from serving_latency import Setting
from throughput import BATCH_SIZE, experiment, steps

from recbole_poem import Recommender
from recbole_poem.serving.query import Query

DEFAULT = "partial_order stacked"
READERS: Dict[str, Any] = {
    "none": "none",
    "partial_order": {"name": "partial_order", "n_layers": 1, "mask": "all"},
    "ridge": "ridge",
    "pooling": "pooling",
    "contrast": "contrast",
}
TRAININGS: Dict[str, Dict[str, Any]] = {
    "stacked": {},
    "joint": {
        "ranking_training": "joint",
        "request_weight": 1,
        "requests_per_window": 50,
        "logit_terms": ["candidate_head", "repeat", "item_bias"],
    },
}
N_ITEMS, QUICK_ITEMS = 100_000, 2_000
LENGTH = 50


def training(folder: str, pairs: int) -> Dict[str, Any]:
    """Compare the targets a second of all readers, in both trainings, with the default's."""
    sides: Dict[str, Callable[[], float]] = {}
    for reader, block in READERS.items():
        for name, keys in TRAININGS.items():
            if reader == "none" and name == "joint":
                continue
            run = experiment("POEM", LENGTH, folder, ranking_reader=block, **keys)
            sides[f"{reader} {name}" if reader != "none" else reader] = steps(run, 3)
    rate = measure.paired(sides, pairs)
    return {
        "targets_a_batch": BATCH_SIZE[LENGTH],
        "targets_per_second": {side: statistics.median(taken) for side, taken in rate.items()},
        "step_over_default": {
            side: measure.ratio(rate[DEFAULT], taken) for side, taken in rate.items()
        },
    }


def serving(folder: Path, n_items: int, n_requests: int, rounds: int) -> Dict[str, Any]:
    """Compare the milliseconds of a single request of all readers."""
    settings: Dict[str, Setting] = {}
    for reader, block in READERS.items():
        home = folder / reader
        home.mkdir()
        world = serving_world.make(home, n_items, ranking_reader=block)
        rng = np.random.default_rng(0)
        queries = [
            Query(world.history(rng), world.ranking(rng) if reader != "none" else None)
            for _ in range(n_requests)
        ]
        for way in (False, True):
            recommender = Recommender.load(world.checkpoint, approximate=way)
            name = f"{reader} {'index' if way else 'all items'}"
            settings[name] = Setting(recommender, queries, 1)

    def p50(setting: Setting) -> float:
        return 1000 * float(np.median(setting.seconds(1)))

    sides = {name: partial(p50, setting) for name, setting in settings.items()}
    taken = measure.paired(sides, rounds)
    return {name: measure.spread(values) for name, values in taken.items()}


def main() -> None:
    """Measure both."""
    quick = measure.parser(__doc__).parse_args().quick
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trained = training(folder, 1 if quick else 7)
    n_items, n_requests = (QUICK_ITEMS, 32) if quick else (N_ITEMS, 200)
    with tempfile.TemporaryDirectory() as folder:
        served = serving(Path(folder), n_items, n_requests, 1 if quick else 5)
    result = {"training": trained, f"request_p50_ms_at_{n_items}_items": served}
    measure.record("ranking_readers", result, quick)


if __name__ == "__main__":
    measure.main(globals())

"""In process: a single request, a batch, the start, and a loop over RecBole's `full_sort_topk`.

Every request has a history of 50 items, a ranking of 100 candidates with five objectives, and gets
10 items. ``exact`` scores the whole catalogue, ``approximate`` asks the index first. All are
measured in turn, several times, as a machine that others use as well has its quiet minutes. The
start is that of a fresh process, from its first line to its first answer. The loop asks RecBole's
`full_sort_topk` for one user of ml-100k's test rows after the other, `Recommender` for the same
users one by one, and all at once; the model is RecBole's SASRec on both sides.
"""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import measure
import numpy as np
import serving_world
import torch
from recbole.utils.case_study import full_sort_topk

from recbole_poem import Recommender, load, run_recbole_poem
from recbole_poem.serving.query import Query

SIZES, QUICK_SIZES = (2_000, 100_000), (2_000,)
ROUNDS, QUICK_ROUNDS = 9, 1
REQUESTS, QUICK_REQUESTS, BATCH = 320, 64, 64
FIGURES = ("p50_ms", "p95_ms", "p99_ms", "requests_per_second_in_batches_of_64")
START = (
    "from recbole_poem import Recommender; "
    "print(Recommender.load({!r}).recommend([['i1', 'i2']], k=10))"
)


class Setting(NamedTuple):
    """What is measured in turn with the others.

    Attributes
    ----------
    recommender : Recommender
    queries : list of Query
    threads : int
    """

    recommender: Recommender
    queries: List[Query]
    threads: int

    def seconds(self, size: int) -> List[float]:
        """Return the seconds of each batch of queries, after some that warm up."""
        torch.set_num_threads(self.threads)
        batches = [
            self.queries[begin : begin + size] for begin in range(0, len(self.queries), size)
        ]
        for batch in batches[:20]:
            self.recommender.answer(batch)
        return [measure.seconds(partial(self.recommender.answer, batch)) for batch in batches]


def settings(world: serving_world.World, n_requests: int) -> Dict[str, Setting]:
    """Return those of one catalogue: exact or by the index, on one thread or on two."""
    rng = np.random.default_rng(0)
    queries = [Query(world.history(rng), world.ranking(rng)) for _ in range(n_requests)]
    ways = {
        "exact": Recommender.load(world.checkpoint),
        "approximate": Recommender.load(world.checkpoint, approximate=True),
    }
    return {
        f"{world.n_items}_items_{way}_{threads}_threads": Setting(recommender, queries, threads)
        for way, recommender in ways.items()
        for threads in (1, 2)
    }


def latency(compared: Dict[str, Setting], rounds: int) -> Dict[str, Any]:
    """Measure single requests, and batches, of all settings in turn; medians over the rounds."""
    taken: Dict[str, Dict[str, List[float]]] = {}
    for turn in range(rounds):
        for name, setting in compared.items():
            single = 1000 * np.percentile(setting.seconds(1), (50, 95, 99))
            rate = BATCH / float(np.median(setting.seconds(BATCH)))
            for figure, value in zip(FIGURES, [*single, rate]):
                taken.setdefault(name, {}).setdefault(figure, []).append(float(value))
            print(f"round {turn + 1} of {rounds}: {name}: p50 {single[0]:.2f} ms", flush=True)
    return {
        name: {figure: measure.spread(values) for figure, values in figures.items()}
        for name, figures in taken.items()
    }


def start(world: serving_world.World) -> float:
    """Return the seconds from the start of a process to its first answer."""
    command = [sys.executable, "-W", "ignore", "-c", START.format(world.checkpoint)]
    quiet = subprocess.DEVNULL
    return measure.seconds(lambda: subprocess.run(command, check=True, stdout=quiet, stderr=quiet))


def against_recbole(folder: Path, n_users: int, pairs: int) -> Dict[str, Any]:
    """Compare with a loop over `full_sort_topk` for users of ml-100k."""
    keys = {
        "checkpoint_dir": str(folder),
        "epochs": 1,
        "train_neg_sample_args": None,
        "loss_type": "CE",
        "lazy_sequences": True,
        "MAX_ITEM_LIST_LENGTH": 50,
        "show_progress": False,
        "state": "ERROR",
        "topk": [10],
        "valid_metric": "NDCG@10",
    }
    path = run_recbole_poem(model="SASRec", dataset="ml-100k", config_dict=keys)["model_file"]
    experiment, recommender = load(path), Recommender.load(path)
    torch.set_num_threads(1)
    data = experiment.test_data._dataset
    rows = data[torch.arange(n_users)]
    users = rows[data.uid_field].numpy()
    lengths = rows[data.item_list_length_field].tolist()
    lists = rows[data.iid_field + "_list"]
    histories = [list(data.id2token(data.iid_field, row[:n])) for row, n in zip(lists, lengths)]

    def loop() -> None:
        for user in users:
            full_sort_topk(np.array([user]), experiment.model, experiment.test_data, 10)

    def one_by_one() -> None:
        for history in histories:
            recommender.answer([Query(history, filter_seen=False)])

    def together() -> None:
        recommender.recommend(histories, k=10, filter_seen=False)

    sides = {"full_sort_topk": loop, "one_by_one": one_by_one, "together": together}
    for side in sides.values():
        side()
    measured = measure.paired(
        {name: partial(measure.seconds, side) for name, side in sides.items()}, pairs
    )
    return {
        "users": n_users,
        "loop_over_one_by_one": measure.ratio(measured["full_sort_topk"], measured["one_by_one"]),
        "loop_over_together": measure.ratio(measured["full_sort_topk"], measured["together"]),
    }


def main() -> None:
    """Measure all of it."""
    quick = measure.parser(__doc__).parse_args().quick
    result: Dict[str, Any] = {}
    compared: Dict[str, Setting] = {}
    with tempfile.TemporaryDirectory() as folder:
        for n_items in QUICK_SIZES if quick else SIZES:
            world = serving_world.make(Path(folder), n_items)
            result[f"{n_items}_items_start_to_first_answer_s"] = measure.spread(
                [start(world) for _ in range(1 if quick else 3)]
            )
            compared.update(settings(world, QUICK_REQUESTS if quick else REQUESTS))
        result.update(latency(compared, QUICK_ROUNDS if quick else ROUNDS))
    with tempfile.TemporaryDirectory() as folder:
        result["against_recbole"] = against_recbole(
            Path(folder), 50 if quick else 300, 1 if quick else 5
        )
    measure.record("serving_latency", result, quick)


if __name__ == "__main__":
    measure.main(globals())

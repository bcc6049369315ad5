"""In process: a single request, a batch, the start, and a loop over RecBole's `full_sort_topk`.

Every request has a history of 50 items, an entry of 100 candidates with five objectives, and gets
10 items. ``exact`` scores the whole catalogue, ``approximate`` asks the index first. The start is
that of a fresh process, from its first line to its first answer. The loop asks RecBole's
`full_sort_topk` for one user of ml-100k's test rows after the other, `Recommender` for the same
users one by one, and all at once; the model is RecBole's SASRec on both sides.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import measure
import numpy as np
import serving_world
import torch
from recbole.utils.case_study import full_sort_topk

from recbole_poem import Recommender, load, run_recbole_poem
from recbole_poem.serving.query import Query

SIZES, QUICK_SIZES = (2_000, 100_000), (2_000,)
START = (
    "from recbole_poem import Recommender; "
    "print(Recommender.load({!r}).recommend([['i1', 'i2']], k=10))"
)


def quantiles(seconds: List[float]) -> Dict[str, float]:
    """Return milliseconds at the middle and the far end."""
    milliseconds = 1000 * np.array(seconds)
    return {f"p{q}": round(float(np.percentile(milliseconds, q)), 3) for q in (50, 95, 99)}


def timed(ask: Callable[[Any], Any], questions: List[Any]) -> List[float]:
    """Return the seconds of each question, after some that warm up."""
    for question in questions[:20]:
        ask(question)
    return [measure.seconds(lambda question=question: ask(question)) for question in questions]


def latency(folder: Path, n_items: int, threads: int, n_requests: int) -> Dict[str, Any]:
    """Measure single requests, and batches of 64, at one size of the catalogue."""
    world = serving_world.make(folder, n_items)
    rng = np.random.default_rng(0)
    queries = [Query(world.history(rng), world.entry(rng)) for _ in range(n_requests)]
    found: Dict[str, Any] = {}
    for name, approximate in (("exact", False), ("approximate", True)):
        recommender = Recommender.load(world.checkpoint, approximate=approximate)
        torch.set_num_threads(threads)
        single = timed(recommender.answer, [[query] for query in queries])
        batches = [queries[begin : begin + 64] for begin in range(0, n_requests - 63, 64)]
        together = timed(recommender.answer, batches)
        found[name] = {
            "single_ms": quantiles(single),
            "requests_per_second_in_batches_of_64": round(64 / float(np.median(together))),
        }
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START.format(world.checkpoint)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found["start_to_first_answer_s"] = round(time.perf_counter() - begin, 2)
    return found


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
        {name: (lambda side=side: measure.seconds(side)) for name, side in sides.items()}, pairs
    )
    return {
        "users": n_users,
        "loop_over_one_by_one": measure.ratio(measured["full_sort_topk"], measured["one_by_one"]),
        "loop_over_together": measure.ratio(measured["full_sort_topk"], measured["together"]),
    }


def main() -> None:
    """Measure all of it, each on one thread and on two."""
    options = measure.parser(__doc__).parse_args()
    quick = options.quick
    result: Dict[str, Any] = {}
    for n_items in QUICK_SIZES if quick else SIZES:
        for threads in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                name = f"{n_items}_items_{threads}_threads"
                result[name] = latency(Path(folder), n_items, threads, 200 if quick else 2000)
                print(name, result[name], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        result["against_recbole"] = against_recbole(
            Path(folder), 50 if quick else 300, 1 if quick else 5
        )
    measure.record("serving_latency", result, quick)


if __name__ == "__main__":
    measure.main(globals())

r"""Does a ranker that knows more make rankings that POEM can read? In a world that gives clues.

The world's log holds clues of the context of each request (docs/world.md). A ranker reads them, and
how items did; POEM's history does not. ``time_blocks`` fills a cache with the rankings of a ranker
that knows neither (``none``), and of one that knows both. POEM reads each cache, and none. The
ranking that it reads stands beside it (``Upstream``). All are judged on validation rows, the eighth
and ninth tenth of each user's long views, by NDCG@10 with seen videos last. Nobody is tuned, and
all have the same epochs.

A list has several videos. Where the row before the target belongs to the same list, its ranking was
made with the clues of this very request; where it belongs to an earlier one, it was not. Both kinds
of rows are told apart.

    python benchmarks/ranker_knowledge.py
    python benchmarks/ranker_knowledge.py --ranker_epochs 8 --recent 5 \
        --arms "none,Upstream none,both,Upstream both" --record ranker_knowledge_longer
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import measure
import numpy as np

from recbole_poem.benchmark.evaluation import recommend
from recbole_poem.benchmark.significance import difference
from recbole_poem.core.run_log import end_log
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import begin, trainer_of
from recbole_poem.world.asked import ensure_world

CLUES = 16
COLUMNS = [f"clue_{number}" for number in range(CLUES)]
DIALS = {"ranking_stage.error": 0, "clues.n": CLUES, "clues.noise": 0.5, "clues.buckets": 8}
KEYS: Dict[str, Any] = {
    "threads": 1,
    "show_progress": False,
    "state": "ERROR",
    "mask_seen": True,
    "MAX_ITEM_LIST_LENGTH": 20,
    "train_batch_size": 256,
    "targets": {name: {"feedback": {name: "[1,1]"}} for name in ("click", "long_view")},
    "eval_args": {
        "split": {"RS": [0.7, 0.2, 0.1]}, "order": "TO", "group_by": "user", "mode": "full"
    },
    "ranking_source": {
        "name": "time_blocks",
        "n_candidates": 50,
        "training": {"train_batch_size": 256, "learning_rate": 0.003},
    },
}  # fmt: skip
KNOWS: Dict[str, Any] = {"item_statistics": {}, "request_context": {"columns": COLUMNS}}
ARMS: Dict[str, Dict[str, Any]] = {
    "none": {"model": "POEM"},
    "both": {"model": "POEM", "ranker_input": KNOWS},
    "no cache": {"model": "POEM", "ranking_reader": "none", "losses.system": "none"},
    "Upstream none": {"model": "Upstream"},
    "Upstream both": {"model": "Upstream", "ranker_input": KNOWS},
}
#: what is compared with what
PAIRS = [
    ("both", "none"), ("both", "no cache"), ("none", "no cache"),
    ("Upstream both", "Upstream none"),
]  # fmt: skip


def judged(keys: Dict[str, Any]) -> Dict[str, Any]:
    """Train one arm, and return what it makes of the validation rows.

    Returns
    -------
    dict
        ``user`` of each row, ``ndcg``, ``same`` (whether the row before is of the same request),
        and ``seconds`` of the processor.
    """
    since = time.process_time()
    experiment = begin(Config(config_dict=keys))
    trainer = trainer_of(experiment)
    trainer.fit(experiment.train_data, None, saved=False)
    found = recommend(trainer, experiment.valid_data, 10)
    end_log()
    rank = found.rank["masked"]
    assert experiment.valid_data is not None
    dataset = experiment.valid_data._dataset
    log, rows = dataset.log, dataset.inter_feat["request_id"].numpy()
    clue = np.stack([log.tokens[name] for name in COLUMNS], axis=1)
    same = (clue[rows] == clue[rows - 1]).all(axis=1)
    user = dataset.id2token("user_id", log.user[rows]).astype(str)
    item = dataset.id2token("item_id", log.item[rows]).astype(str)
    order = np.lexsort((item, user))
    assert (user[order] == found.user).all() and (item[order] == found.target).all()
    return {
        "user": found.user.tolist(),
        "ndcg": np.where(rank <= 10, 1 / np.log2(1.0 + rank), 0).tolist(),
        "same": same[order].tolist(),
        "seconds": time.process_time() - since,
    }


def summary(runs: Dict[str, List[Dict[str, Any]]]) -> Dict[str, Any]:
    """Average each arm over its seeds, on all rows and on both kinds, and compare."""
    first = next(iter(runs.values()))[0]
    user, same = np.array(first["user"]), np.array(first["same"])
    value = {name: np.array([run["ndcg"] for run in of]) for name, of in runs.items()}
    kinds = {"all": np.ones(len(user), dtype=bool), "same request": same, "earlier request": ~same}
    result: Dict[str, Any] = {"seconds": {n: [r["seconds"] for r in of] for n, of in runs.items()}}
    for kind, rows in kinds.items():
        own = {name: of[:, rows] for name, of in value.items()}
        result[kind] = {
            "rows": int(rows.sum()),
            "ndcg@10": {name: of.mean(axis=1).tolist() for name, of in own.items()},
            "differences": {
                f"{one} - {other}": compared(own[one], own[other], user[rows])
                for one, other in PAIRS
                if one in own and other in own
            },
        }
    return result


def compared(one: np.ndarray, other: np.ndarray, user: np.ndarray) -> Dict[str, Any]:
    """Return a difference of means with its interval over users; (S, N) each."""
    found = difference(user, one, other)
    return {"mean": found.difference, "interval": [found.low, found.high], "p": found.p}


def main() -> None:
    """Judge all arms."""
    parser = measure.parser(__doc__)
    parser.add_argument("--users", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=8, help="of POEM")
    parser.add_argument("--ranker_epochs", type=int, default=3)
    parser.add_argument("--recent", type=int, default=20, help="items that the rankers read")
    parser.add_argument("--arms", default=",".join(ARMS), help="some of them, behind each other")
    parser.add_argument("--record", default="ranker_knowledge", help="name of the record")
    options = parser.parse_args()
    users, seeds, epochs = options.users, options.seeds, options.epochs
    with tempfile.TemporaryDirectory() as folder:
        dials = {**DIALS, "people.users": 32 if options.quick else users}
        ensure_world(Path(folder, "world-clues"), {"dials": dials})
        keys = {**KEYS, "dataset": "world-clues", "data_path": folder, "checkpoint_dir": folder}
        source = {**KEYS["ranking_source"], "epochs": options.ranker_epochs}
        training = {**source["training"], "MAX_ITEM_LIST_LENGTH": options.recent}
        keys["ranking_source"] = {**source, "training": training}
        runs: Dict[str, List[Dict[str, Any]]] = {name: [] for name in options.arms.split(",")}
        for seed in range(1 if options.quick else seeds):
            for name in runs:
                given = {**keys, **ARMS[name], "seed": 2020 + seed}
                given["epochs"] = 1 if options.quick else epochs
                runs[name].append(measure.call("judged", keys=given))
                print(name, seed, np.mean(runs[name][-1]["ndcg"]), flush=True)
    measure.record(options.record, summary(runs), options.quick)


if __name__ == "__main__":
    measure.main(globals())

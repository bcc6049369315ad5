"""Small runs whose results are frozen in ``golden.json``, so that no change moves them unnoticed.

``python tests/golden/runs.py --freeze`` writes the results anew, for a change that is meant to
move them. ``python tests/golden/runs.py --check`` compares floats to four digits, and all else
exactly; with ``--exact`` floats to the last bit, on a machine like the one that froze them. The
test beside this file allows for processors that round differently all through training.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import torch
from comparing import BITS, IsSame, checksum, differences, is_equal, some_of, within
from recbole.utils import init_seed
from toy_platform import write_platform

from recbole_poem import Config, Ranking, Recommender, load, run_recbole_poem
from recbole_poem.cache.reading import read_rankings
from recbole_poem.fusion.scores.reciprocal_rank import competition_ranks
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

FROZEN = Path(__file__).with_name("golden.json")

OVERALL = {
    "MAX_ITEM_LIST_LENGTH": 8,
    "train_batch_size": 64,
    "eval_batch_size": 4096,
    "learning_rate": 0.003,
    "epochs": 2,
    "topk": [5, 10],
    "metric_decimal_place": 12,
    "show_progress": False,
    "state": "ERROR",
    "use_gpu": False,
    "threads": 1,
}
RANKED_LISTS = {**OVERALL, "metrics": ["Hit", "NDCG", "MRR"], "valid_metric": "NDCG@10"}
TARGETS = {
    "click": {"feedback": {"click": "[1,1]"}},
    "like": {"feedback": {"like": "[1,1]"}, "positive_weight": 2},
    "seconds": {"target": "watch_time", "weight": 0.5},
}
WATCH_TIME = {"play": "play", "duration": "duration", "unit": "ms"}
SMALL_SIZES = {"embedding_size": 4, "hidden_size": 8, "train_batch_size": 128}
SMALL_NETWORK = {"name": "mmoe", "n_experts": 2, "expert_sizes": [8], "tower_sizes": [4]}
BY_TIME = {"split_by_time": {"valid": "24 hours", "test": "last 24 hours"}}
RETRIEVAL = {"n_candidates": 12, "folds": 3, "neighbours": 40}
CACHE = {
    **RANKED_LISTS,
    "ranking_source": {**RETRIEVAL, "name": "item_to_item"},
}
POEM = {
    **CACHE,
    "model": "POEM",
    "hidden_size": 16,
    "inner_size": 32,
    "grouping.n_groups": 3,
    "ranking_reader": {
        "name": "partial_order",
        "n_layers": 2,
        "mask": "better",
        "group_samples": 2,
    },
    "requests_per_window": 3,
}
FEW_NEIGHBOURS = {"losses.margin.negatives.neighbours": 20}
#: name of a run -> its keys
RUNS: Dict[str, Dict[str, Any]] = {
    "paper": {**POEM, **FEW_NEIGHBOURS, "preset": "paper"},
    "best": {**POEM, **FEW_NEIGHBOURS, "row_features": "gap"},
    "joint": {
        **POEM,
        "ranking_training": "joint",
        "state_fusion": "gate",
        "logit_terms.popularity_trend": {"hours": [24, 72], "weights": [0.6, 0.8], "step": 12},
        "logit_terms.hour_of_day": {"hours": 3, "weight": 0.5, "days": 3},
        "full_softmax_limit": 0,
        "sampled_negatives": 30,
        "losses.margin.negatives": "uniform",
        "category_field": "tags",
        "rerankers": {"category_penalty": {"penalty": 0.3, "pool": 20}},
    },
    "logged": {
        **POEM,
        **FEW_NEIGHBOURS,
        "ranking_source": {
            "name": "logged",
            "n_candidates": 12,
            "columns": ["click_score", "like_score"],
        },
        "score_fusion": {"weights": [0.7, 0.3], "kappa": 2},
        "positive_feedback": {"click": "[1,1]"},
    },
    "multitask": {
        **POEM,
        **FEW_NEIGHBOURS,
        "ranking_source": {
            **RETRIEVAL,
            "name": "time_blocks",
            "blocks": 2,
            "epochs": 1,
            "unexposed": 2,
            "training": {**SMALL_SIZES, "MAX_ITEM_LIST_LENGTH": 4},
        },
        "ranker": SMALL_NETWORK,
        "objectives": {
            "consumed": {"similarity": "cosine", "history": 5},
            "next": {"similarity": "transition", "steps": 2},
        },
        "targets": TARGETS,
        "watch_time": WATCH_TIME,
        "eval_args": {"split": BY_TIME, "order": "TO", "mode": "full"},
    },
    "ranking_alone": {**CACHE, "model": "Upstream"},
    "ranker": {
        **OVERALL,
        **SMALL_SIZES,
        "model": "MultiTaskRanker",
        "ranker": SMALL_NETWORK,
        "targets": TARGETS,
        "watch_time": WATCH_TIME,
        "unexposed_negatives": 1,
        "metrics": ["GAUC"],
        "valid_metric": "GAUC",
        "eval_args": {"split": BY_TIME, "order": "TO", "group_by": "none", "mode": "labeled"},
    },
    "sasrec": {
        **RANKED_LISTS,
        "model": "SASRec",
        "hidden_size": 16,
        "inner_size": 32,
        "mask_seen": True,
        "train_neg_sample_args": None,
    },
    "gru4rec": {
        **RANKED_LISTS,
        "model": "GRU4Rec",
        "embedding_size": 16,
        "hidden_size": 16,
        "loss_type": "BPR",
        "lazy_sequences": True,
    },
}
#: raw histories: one with an item that no model knows, and an empty one
HISTORIES: List[List[str]] = [
    ["i3", "i5", "i6", "i8"],
    [f"i{i}" for i in range(60, 75)],
    ["i9", "new"],
    [],
]
HOUR = 3600.0
END = 1.6e9 + 11 * 24 * HOUR


def result_of(name: str, folder: Path) -> Dict[str, Any]:
    """Do one run in an empty folder, and return all that is frozen of it."""
    keys = {
        **RUNS[name],
        **write_platform(folder / "data"),
        "checkpoint_dir": str(folder / "saved"),
    }
    result: Dict[str, Any] = {"steps": list(_first_steps(keys))}
    trained = run_recbole_poem(config_dict=keys)
    result["best_valid_score"] = float(trained["best_valid_score"])
    result["test"] = {metric: float(value) for metric, value in trained["test_result"].items()}
    if keys["model"] == "MultiTaskRanker":
        return result
    experiment = load(trained["model_file"])
    result["scores"] = _scores(experiment)
    cache = getattr(experiment.train_data._dataset, "cache", None)
    if cache is not None:
        log = experiment.train_data._dataset.log
        own = read_rankings(cache, log, np.arange(len(log)), lag=0)
        result["cache"] = _rankings(own[0], own[1], cache.request_start)
    if keys["model"] != "Upstream":  # which is no model to serve
        result["answers"] = _answers(Recommender.load(trained["model_file"]))
    if name == "best" and has_index():
        result["answers_by_index"] = _answers(
            Recommender.load(trained["model_file"], approximate=True)
        )
    return result


def has_index() -> bool:
    """Tell whether the library of the index is installed."""
    try:
        import faiss  # noqa: F401
    except ImportError:
        return False
    return True


def _first_steps(keys: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """Train on the first three batches of the first epoch, and say what each of them did."""
    config = Config(config_dict=keys)
    experiment = assemble(config)
    loader, model = experiment.train_data, experiment.model.train()
    optimizer = get_trainer(config)(config, model).optimizer
    init_seed(7, True)
    loader.generator.manual_seed(7)
    if hasattr(loader, "set_epoch"):
        loader.set_epoch(0)
    for _, batch in zip(range(3), loader):
        optimizer.zero_grad()
        loss = model.calculate_loss(batch)
        parts = loss if isinstance(loss, tuple) else (loss,)
        sum(parts).backward()
        norms = [
            float(parameter.grad.double().norm())
            for parameter in model.parameters()
            if parameter.grad is not None
        ]
        yield {
            "loss": [float(part.detach()) for part in parts],
            # neither depends on the names, the modules and the order of the parameters
            "gradient": math.sqrt(math.fsum(norm**2 for norm in norms)),
            "gradients": sorted(norms),
        }
        optimizer.step()


@torch.no_grad()
def _scores(experiment: Any) -> Dict[str, Any]:
    """Score the catalogue for the first test rows."""
    batch = next(iter(experiment.test_data))[0][:16]
    scores = experiment.model.eval().full_sort_predict(batch).view(16, -1)[:, 1:].numpy()
    return {BITS: checksum(scores, "<f4"), "some": some_of(scores)}


def _rankings(items: np.ndarray, scores: np.ndarray, starts: np.ndarray) -> Dict[str, Any]:
    """Say what the request cache holds for every row of the log, whatever scores it keeps."""
    there = items > 0
    ranks = competition_ranks(torch.from_numpy(scores), torch.from_numpy(there)).numpy()
    return {
        f"{BITS}_items": checksum(items[there], "<i8"),
        f"{BITS}_ranks": checksum(ranks[there], "<i8"),
        "request_start": checksum(starts, "<i8"),
        "candidates": int(there.sum()),
    }


def _answers(recommender: Any) -> Dict[str, Any]:
    """Answer raw histories alone and, where a model reads them, with rankings and times."""
    answers = {"bare": _lists(recommender.recommend(HISTORIES, k=5))}
    if recommender.objectives:
        full = recommender.recommend(
            HISTORIES,
            k=5,
            rankings=_previous_rankings(recommender.objectives),
            times=[END + HOUR * place for place in range(len(HISTORIES))],
            item_times=[[END - HOUR * n for n in range(len(h), 0, -1)] for h in HISTORIES],
        )
        answers["full"] = _lists(full)
    return answers


def _previous_rankings(objectives: List[str]) -> List[Any]:
    """Draw what the ranking stage said at the previous request of each history."""
    rng = np.random.default_rng(5)
    shape = 9, len(objectives)
    drawn = [(rng.choice(80, shape[0], replace=False), rng.random(shape)) for _ in HISTORIES]
    return [Ranking.of([f"i{i}" for i in items], objectives, scores) for items, scores in drawn]


def _lists(found: Any) -> Dict[str, Any]:
    return {
        "items": found["item"].tolist(),
        "scores": [float(score) for score in found["score"]],
        "unknown": int(found.attrs["unknown_items"]),
    }


def _arguments() -> Tuple[bool, IsSame, List[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--freeze", action="store_true", help="write golden.json anew")
    what.add_argument("--check", action="store_true", help="compare")
    parser.add_argument("--exact", action="store_true", help="floats to the last bit")
    parser.add_argument("runs", nargs="*", help="names of runs; default: all")
    given = parser.parse_args()
    del sys.argv[1:]  # which RecBole's configuration would read
    warnings.filterwarnings("ignore", module="recbole")
    return given.freeze, is_equal if given.exact else within(1e-4, 0), given.runs or list(RUNS)


def main() -> int:
    """Freeze runs, or check them; return the exit status."""
    freezes, is_same, names = _arguments()
    frozen = json.loads(FROZEN.read_text()) if FROZEN.exists() else {}
    lines: List[str] = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            found = result_of(name, Path(folder))
            os.chdir(FROZEN.parent)
        lines += differences(frozen.get(name), found, is_same, name)
        frozen[name] = found
        print(name, flush=True)
    if freezes:
        in_order = {name: frozen[name] for name in RUNS if name in frozen}
        FROZEN.write_text(json.dumps(in_order, indent=0) + "\n")
    print("\n".join(lines) or "nothing differs")
    return int(bool(lines) and not freezes)


if __name__ == "__main__":
    sys.exit(main())

"""A synthetic results folder: rows of planted quality, with every case that a report must say."""

import json
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np
import yaml

from recbole_poem.benchmark import ranking
from recbole_poem.benchmark.stored_ranks import Ranks, write_ranks

N_USERS, N_ITEMS, KS = 120, 70, [10, 50]
PROTOCOLS = ("recbole", "masked")


def toy_ranks(
    skill: float, seed: int, n_users: int = N_USERS, categories: bool = True
) -> Dict[str, np.ndarray]:
    """Draw ranks that are better the larger `skill` is; a user is as hard for every row."""
    hard = np.random.default_rng(0).normal(size=n_users)
    generator = np.random.default_rng([seed, abs(int(1000 * skill))])
    target = np.arange(n_users) % (N_ITEMS - 1) + 1
    arrays: Dict[str, Any] = {
        "user": np.array([f"u{user:03}" for user in range(n_users)]),
        "target": np.array([f"i{item}" for item in target]),
        "ks": np.array(KS),
        "n_items": np.array(N_ITEMS),
    }
    for ease, protocol in enumerate(PROTOCOLS):
        level = hard + 0.3 * generator.normal(size=n_users) - skill - ease
        rank = np.clip(np.exp(3 + level).astype(int) + 1, 1, N_ITEMS - 1)
        order = np.argsort(generator.random((n_users, N_ITEMS - 1)), axis=1) + 1
        others = order[order != target[:, None]].reshape(n_users, N_ITEMS - 2)
        lists = np.stack([np.insert(o, r - 1, t) for o, r, t in zip(others, rank, target)])
        arrays[f"rank_{protocol}"] = rank.astype(np.int32)
        arrays[f"top_{protocol}"] = lists[:, : KS[-1]].astype(np.int32)
    if categories:
        arrays["category"] = np.random.default_rng(1).random((N_ITEMS, 6)) < 0.25
    return arrays


def measures(ranks: Dict[str, np.ndarray], protocol: str) -> Dict[str, float]:
    """Return what a run measures when it evaluates, of ranks and lists."""
    rank, top = ranks[f"rank_{protocol}"], ranks[f"top_{protocol}"]
    return ranking.metrics(rank, top, KS, N_ITEMS, ranks.get("category"))


def in_another_order(ranks: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """Return the same results with the users in another order."""
    order = np.random.default_rng(0).permutation(len(ranks["user"]))
    columns = ("user", "target", "seen", "n_before")
    per_user = {name for name in ranks if name in columns or name[:4] in ("rank", "top_")}
    return {name: a[order] if name in per_user else a for name, a in ranks.items()}


def write_run(
    folder: Path,
    row: str,
    model: str,
    seed: int,
    ranks: Optional[Dict[str, np.ndarray]] = None,
    dataset: str = "toy",
    run: Optional[str] = None,
    **changed: Any,
) -> Path:
    """Write one run that is over, and return its folder; without ranks it is a failed one."""
    name = run or f"{dataset}-{row}-{seed}-0123abcd".replace(" ", "_").replace(":", "_")
    path = folder / "runs" / "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
    path.mkdir(parents=True, exist_ok=True)
    record: Dict[str, Any] = {
        "id": path.name,
        "row": row,
        "model": model,
        "dataset": dataset,
        "seed": seed,
        "purpose": "test",
        "status": "failed" if ranks is None else "finished",
        "reason": "RuntimeError: out of <memory>" if ranks is None else None,
        "given": {"epochs": 20, "stopping_step": 10},
    }
    if ranks is not None:
        by_protocol = {protocol: ranks[f"rank_{protocol}"] for protocol in PROTOCOLS}
        known = (ranks.get(name) for name in ("seen", "n_before"))
        write_ranks(path, Ranks(ranks["user"], ranks["target"], by_protocol, *known))
        n_epochs = 12 + seed
        score = 0.08 * (1 - np.exp(-0.3 * np.arange(n_epochs)))
        record.update(
            stopped="early stopping",
            config={
                "MODEL_TYPE": "ModelType.SEQUENTIAL",
                "epochs": 20,
                "stopping_step": 10,
                "learning_rate": 0.001,
                "seed": seed,
            },
            command="python -m recbole_poem.benchmark.run job.json",
            commit="0123456789ab",
            versions={"torch": "2.13.0", "recbole": "1.2.1"},
            machine={"processor": "toy", "cores": 2},
            curve=[
                {"epoch": epoch, "score": float(value), "seconds": 4.0 + 2.5 * epoch}
                for epoch, value in enumerate(score)
            ],
            valid_metric="NDCG@10",
            best_valid_score=float(score[-1]),
            best_epoch=n_epochs - 1,
            seconds={"preparation": 4.0, "training": 30.0, "evaluation": 1.5, "total": 35.5},
            peak_memory_mib=612,
            peak_gpu_memory_mib=None,
            n_parameters=123456,
            metrics={protocol: {"test": measures(ranks, protocol)} for protocol in PROTOCOLS},
        )
    record.update(changed)
    (path / "record.json").write_text(json.dumps(record))
    return path


def write_plan(
    folder: Path,
    rows: Dict[str, str],
    datasets: Any = ("toy",),
    variant_of: Optional[Dict[str, str]] = None,
) -> None:
    """Write ``plan.yaml`` with rows of name to model."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "datasets": list(datasets),
        "rows": [
            {"row": row, "model": model, "keys": {}, "tuned_as": (variant_of or {}).get(row, row)}
            for row, model in rows.items()
        ],
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(content))


NASTY = "<script>alert(1)</script>|`x` & co"


def write_toy_results(folder: Path) -> Path:
    """Write two seeds of POEM, baselines, upstreams, a failed row, and one with a nasty name."""
    rows = {"POEM": "POEM", "SASRec": "SASRec", "Pop": "Pop", "Upstream": "Upstream"}
    rows.update({NASTY: "GRU4Rec", "Broken": "NARM", "Later": "BERT4Rec"})
    write_plan(folder, rows)
    skills = {"POEM": 0.9, "SASRec": 0.5, "Pop": -0.7, "Upstream": 0.88, NASTY: 0.45}
    for row, skill in skills.items():
        for seed in (0, 1):
            changed: Dict[str, Any] = {}
            if row in ("Pop", "Upstream"):
                changed = {"curve": [{"epoch": 0, "score": 0.01, "seconds": 4.0}]}
                changed.update(best_epoch=0, n_parameters=1, stopped="epochs")
                changed["seconds"] = {"training": 0.1, "total": 5.0}
            if row == "Pop":
                changed["config"] = {"MODEL_TYPE": "ModelType.GENERAL"}
            if row == "SASRec":
                changed = {"stopped": "time limit", "given": {"epochs": 20, "n_layers": 2}}
                changed["time_limit"] = 1800.0
            write_run(folder, row, rows[row], seed, toy_ranks(skill, seed), **changed)
    write_run(folder, "Broken", "NARM", 0)
    write_run(folder, "SASRec", "SASRec", 2)
    for trial in range(3):
        write_run(folder, "SASRec", "SASRec", 0, run=f"trial-{trial}", purpose="trial")
    return folder

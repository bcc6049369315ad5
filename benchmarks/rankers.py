"""Which ranker orders exposures best: the rows of a plan, five seeds, paired (``rankers/*.yaml``).

All rows learn from the training exposures of a split by time, and are judged on its validation
exposures: GAUC and AUC of every yes/no target, XAUC and MAE of watch times. Test exposures are not
looked at. Each row stands against the plan's ``reference``:

- ``by seed``: the mean of the differences of runs of the same seed, with Student's interval; it
  says whether other trainings would agree, on these exposures;
- ``gauc``: the difference over users, its bootstrap interval, and the p of a test that takes users
  and seeds for chance, corrected for the number of rows by Holm's method.

``--quick``: two seeds of one epoch.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import measure
import numpy as np
import pandas as pd
import yaml
from scipy import stats

from recbole_poem.benchmark.significance import difference
from recbole_poem.benchmark.statistics import holm
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import trainer_of

PLAN = Path(__file__).parent / "rankers" / "kuairand-pure.yaml"


def judged(dataset: str, keys: Dict[str, Any], seeds: int) -> List[Dict[str, Any]]:
    """Train a row's ranker for each seed, and judge it."""
    return [judged_once(dataset, {**keys, "seed": seed}) for seed in range(1, seeds + 1)]


def judged_once(dataset: str, keys: Dict[str, Any]) -> Dict[str, Any]:
    """Train one ranker; return its measures, and of yes/no targets those of each user."""
    usual = {"threads": 1, "show_progress": False, "state": "ERROR"}
    with tempfile.TemporaryDirectory() as folder:
        given = {**usual, **keys, "checkpoint_dir": folder}
        experiment = assemble(Config("MultiTaskRanker", dataset, config_dict=given))
        trainer, since = trainer_of(experiment), time.process_time()
        trainer.fit(experiment.train_data, saved=False)
    seconds, model = time.process_time() - since, experiment.model
    found = trainer.predict(experiment.valid_data)
    answers = {
        target.name: (target.answers(label), score)
        for target, label, score in zip(model.targets, found.labels.T, found.scores.T)
    }
    return {
        "measures": trainer.evaluate(experiment.valid_data, load_best_model=False),
        "users": found.users.tolist(),
        "auc of users": {
            name: auc_by_user(found.users, label, score).tolist()
            for name, (label, score) in answers.items()
            if label is not None
        },
        "weights of the network": sum(w.numel() for w in model.network.parameters()),
        "processor seconds": seconds,
    }


def auc_by_user(users: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return for each exposure (E,) the AUC of its user's; NaN where that is not defined."""
    known = ~np.isnan(labels)
    rows = pd.DataFrame({"user": users[known], "yes": labels[known], "score": scores[known]})
    rows["rank"] = rows.groupby("user")["score"].rank() * rows["yes"]
    of = rows.groupby("user").agg(n=("yes", "size"), yes=("yes", "sum"), ranks=("rank", "sum"))
    pairs = of["yes"] * (of["n"] - of["yes"])
    auc = (of["ranks"] - of["yes"] * (of["yes"] + 1) / 2) / pairs.where(pairs > 0)
    values = np.full(len(users), np.nan)
    values[known] = auc.reindex(users[known]).to_numpy()
    return values


def by_seed(runs: List[Dict[str, Any]], others: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Compare the measures of runs of the same seeds."""
    compared = {}
    for name in runs[0]["measures"]:
        one, other = (np.array([run["measures"][name] for run in side]) for side in (runs, others))
        gaps = one - other
        margin = stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
        compared[name] = {
            "mean": one.mean(),
            "difference": gaps.mean(),
            "low": gaps.mean() - margin,
            "high": gaps.mean() + margin,
        }
    return compared


def over_users(
    runs: Dict[str, List[Dict[str, Any]]], reference: str, target: str
) -> Dict[str, Any]:
    """Compare the GAUC of one target with that of the reference, row by row."""
    values = {
        name: np.array([run["auc of users"][target] for run in mine]) for name, mine in runs.items()
    }
    users, known = np.array(runs[reference][0]["users"]), ~np.isnan(values[reference][0])
    values, users = {name: mine[:, known] for name, mine in values.items()}, users[known]
    base, found = values.pop(reference), {}
    for name, mine in values.items():
        gap = difference(users, mine, base)
        p = gap.p_with_seeds
        found[name] = {"difference": gap.difference, "low": gap.low, "high": gap.high, "p": p}
    for each, p in zip(found.values(), holm(np.array([each["p"] for each in found.values()]))):
        each["p"] = float(p)
    return {"users": len(np.unique(users)), **found}


def main() -> None:
    """Judge all rows of the plan."""
    parser = measure.parser(__doc__)
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--data_path", default="dataset", help="folder of the data set's folder")
    options = parser.parse_args()
    plan = yaml.safe_load(options.plan.read_text(encoding="utf-8"))
    keys, seeds = {**plan["keys"], "data_path": options.data_path}, plan["seeds"]
    if options.quick:
        keys, seeds = {**keys, "epochs": 1}, 2
    runs: Dict[str, List[Dict[str, Any]]] = {}
    for name, own in plan["rows"].items():
        print(f"training {name}", flush=True)
        given = {"dataset": plan["dataset"], "keys": {**keys, **own}, "seeds": seeds}
        runs[name] = measure.call("judged", **given)
    base = runs[plan["reference"]]
    result: Dict[str, Any] = {
        "plan": plan,
        "users": len(set(base[0]["users"])),
        "exposures": len(base[0]["users"]),
        "rows": {
            name: {
                "weights of the network": mine[0]["weights of the network"],
                "processor seconds": measure.spread([run["processor seconds"] for run in mine]),
                "by seed": by_seed(mine, base),
            }
            for name, mine in runs.items()
        },
        "gauc": {
            name: over_users(runs, plan["reference"], name) for name in base[0]["auc of users"]
        },
    }
    measure.record(f"rankers_{options.plan.stem}", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())

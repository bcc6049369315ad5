"""Score fusions side by side on user-day lists of KuaiRand-Pure: what learning them is worth.

A multi-task ranker learns from the exposures before the last eight days, and scores those of the
six days that follow; the last two days, the test rows, are not looked at. What a user was shown on
one day is a list. The lists of the first four of the six days teach the fusions, those of the other
two judge them: HR@3 and NDCG@3 of each label, and the AUC within lists. So rankers and fusions are
both judged on days that come after all that they know. Who asks is not told to the fusions.

Each seed trains its own ranker and its own fusions. Intervals are of the difference to inverse
ranks, list by list, averaged over the seeds and clustered by user.

    python benchmarks/fusions.py --data_path dataset

``--quick`` takes one seed and a tenth of the lists.
"""

import tempfile
from typing import Any, Callable, Dict, List, NamedTuple

import measure
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from recbole_poem.benchmark.significance import difference
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.learned import Lists
from recbole_poem.fusion.list_auc import list_auc
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import trainer_of

SPLIT = {"split": {"split_by_time": {"valid": "6 days", "test": "last 2 days"}}, "order": "TO"}
JUDGED_DAYS = 2
OBJECTIVES = ("click", "long_view", "watch_time", "like", "rare")
LABELS = ("click", "long_view", "like", "rare")
SHORTEST, LONGEST = 5, 100
#: of the fusions; folds of the teaching lists tell 2, 5 and 15 epochs hardly apart
EPOCHS, BATCH, RATE = 5, 256, 0.01


class Days(NamedTuple):
    """What users were shown on days: lists, and whose they are, (Q,)."""

    lists: Lists
    user: np.ndarray

    def of(self, kept: np.ndarray) -> "Days":
        """Return some of them."""
        where = torch.from_numpy(kept)
        scores, valid, labels = (part[where] for part in self.lists[:3])
        return Days(Lists(scores, valid, labels), self.user[kept])


def user_days(user: np.ndarray, day: np.ndarray, scores: Any, labels: Any) -> "tuple[Days, Any]":
    """Put exposures (E,) in the order of time into lists, and return the days of these."""
    names, of = np.unique(np.stack([user, day]), axis=1, return_inverse=True)
    of = of.ravel()
    order = np.argsort(of, kind="stable")
    size = np.bincount(of)
    place = np.empty_like(of)
    place[order] = np.arange(len(of)) - np.repeat(np.cumsum(size) - size, size)
    kept = (size[of] >= SHORTEST) & (place < LONGEST)
    rows = np.flatnonzero(size >= SHORTEST)
    at = np.searchsorted(rows, of[kept]), place[kept]
    width = int(place[kept].max()) + 1
    tables = [
        np.zeros((len(rows), width, scores.shape[1]), np.float32),
        np.zeros((len(rows), width), bool),
        np.zeros((len(rows), width, labels.shape[1]), bool),
    ]
    for table, values in zip(tables, (scores, True, labels)):
        table[at] = values if values is True else values[kept]
    scored, valid, labelled = map(torch.from_numpy, tables)
    return Days(Lists(scored, valid, labelled), names[0, rows]), names[1, rows]


def scored(data_path: str, seed: int, epochs: int) -> "tuple[Days, Days]":
    """Train a ranker, and return the lists that teach and those that judge."""
    keys = {"threads": 1, "show_progress": False, "state": "ERROR", "data_path": data_path}
    with tempfile.TemporaryDirectory() as folder:
        own = {"seed": seed, "checkpoint_dir": folder, "epochs": epochs}
        eval_args = {**SPLIT, "mode": "labeled"}
        config = Config("MultiTaskRanker", "kuairand-pure", config_dict={
            **keys, **own, "eval_args": eval_args, "unexposed_negatives": 0,
        })  # fmt: skip
        experiment = assemble(config)
        trainer = trainer_of(experiment)
        trainer.fit(experiment.train_data, saved=False)
    found = trainer.predict(experiment.valid_data)
    assert experiment.valid_data is not None
    rows = np.sort(experiment.valid_data.rows)
    names = [target.name for target in experiment.model.targets]
    seconds = experiment.valid_data.exposures.seconds[rows] + config["utc_offset"]
    objectives = found.scores[:, [names.index(name) for name in OBJECTIVES]]
    labels = found.labels[:, [names.index(name) for name in LABELS]] > 0
    days, day = user_days(found.users, seconds // 86400, objectives, labels)
    is_judged = day > day.max() - JUDGED_DAYS
    return days.of(~is_judged), days.of(is_judged)


def learned(name: str, teaching: Lists, seed: int) -> Callable[[Lists], torch.Tensor]:
    """Train a fusion of the stage ``score_fusion``."""
    torch.manual_seed(seed)
    block = {"name": name, "labels": {label: {} for label in LABELS}}
    fusion = SCORE_FUSIONS.choose(block, "score_fusion").make(len(OBJECTIVES), 0)
    fusion.fit(teaching.scores[teaching.valid])
    optimizer = torch.optim.Adam(fusion.parameters(), RATE)
    for _ in range(EPOCHS):
        fusion.begin_epoch()
        for some in torch.randperm(len(teaching.scores)).split(BATCH):
            optimizer.zero_grad()
            lists = Lists(teaching.scores[some], teaching.valid[some], teaching.labels[some])
            fusion.loss(lists).backward()
            optimizer.step()

    def fused(lists: Lists) -> torch.Tensor:
        with torch.no_grad():
            return fusion(lists.scores, lists.valid).score

    return fused


def inverse_rank(lists: Lists) -> torch.Tensor:
    """Fuse by inverse ranks, at equal weights."""
    usual = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion").make(len(OBJECTIVES))
    return usual(lists.scores, lists.valid).score


def mean_aucs(fused: torch.Tensor, lists: Lists) -> torch.Tensor:
    """Return the AUC of each label within lists."""
    auc, there = list_auc(fused, lists.labels, lists.valid)
    return (auc * there).sum(dim=0) / there.sum(dim=0)


def best_single(teaching: Lists) -> Callable[[Lists], torch.Tensor]:
    """Take the objective whose mean AUC over the labels is best where the fusions learn."""
    aucs = [mean_aucs(score, teaching).mean() for score in teaching.scores.unbind(-1)]
    best = int(torch.stack(aucs).argmax())
    print(f"best single objective: {OBJECTIVES[best]}", flush=True)
    return lambda lists: lists.scores[..., best]


def log_odds(scores: torch.Tensor) -> torch.Tensor:
    """Return the log odds of probabilities, and the logarithm of seconds."""
    is_time = torch.tensor([name == "watch_time" for name in OBJECTIVES])
    odds = scores.clamp(1e-6, 1 - 1e-6).logit()
    return torch.where(is_time, scores.clamp_min(0).log1p(), odds)


def logistic(teaching: Lists) -> Callable[[Lists], torch.Tensor]:
    """Regress all labels at once: weights of their own share, and a level for each label."""
    x = log_odds(teaching.scores)[teaching.valid].numpy()
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    y = teaching.labels[teaching.valid].numpy()
    level = np.repeat(np.eye(len(LABELS)), len(x), axis=0)
    features = np.hstack([np.tile((x - mean) / deviation, (len(LABELS), 1)), level])
    model = LogisticRegression(fit_intercept=False, max_iter=200).fit(features, y.T.ravel())
    weight = torch.tensor(model.coef_[0, : len(OBJECTIVES)] / deviation, dtype=torch.float32)
    return lambda lists: log_odds(lists.scores) @ weight


def measured(fused: torch.Tensor, lists: Lists, seed: int) -> Dict[str, np.ndarray]:
    """Measure each list, (Q,) by metric; NaN where a list says nothing."""
    noise = np.random.default_rng(seed).random(fused.shape)  # ties fall by chance
    score = torch.where(lists.valid, fused, -torch.inf).numpy()
    top = np.lexsort((noise, -score))[:, :3]
    gain = np.take_along_axis(lists.labels.numpy(), top[..., None], axis=1)  # (Q, 3, L)
    discount = 1 / np.log2(np.arange(2, 5))[:, None]
    n_positive = lists.labels.sum(dim=1).numpy()
    ideal = np.cumsum(discount)[np.clip(n_positive, 1, 3) - 1]
    auc, there = (part.numpy() for part in list_auc(fused, lists.labels, lists.valid))
    result = {}
    for label, name in enumerate(LABELS):
        has_it = n_positive[:, label] > 0
        hit, ndcg = gain[..., label].any(axis=1), (gain * discount).sum(axis=1) / ideal
        result[f"HR@3 {name}"] = np.where(has_it, hit, np.nan)
        result[f"NDCG@3 {name}"] = np.where(has_it, ndcg[:, label], np.nan)
        result[f"AUC {name}"] = np.where(there[:, label], auc[:, label], np.nan)
    count = there.sum(axis=1)
    mean = (auc * there).sum(axis=1) / np.maximum(count, 1)
    result["AUC mean"] = np.where(count > 0, mean, np.nan)
    return result


def compared(user: np.ndarray, arms: Dict[str, List[Dict[str, np.ndarray]]]) -> Dict[str, Any]:
    """Average over the seeds, and compare with inverse ranks list by list."""
    table: Dict[str, Any] = {}
    for metric in arms["inverse_rank"][0]:
        usual = np.stack([each[metric] for each in arms["inverse_rank"]])
        there = ~np.isnan(usual[0])
        row: Dict[str, Any] = {"lists": int(there.sum())}
        for arm, of_seeds in arms.items():
            mine = np.stack([each[metric] for each in of_seeds])
            found = difference(user[there], mine[:, there], usual[:, there])
            row[arm] = {
                "mean": round(found.one_mean, 4),
                "less_inverse_rank": round(found.difference, 4),
                "interval": [round(found.low, 4), round(found.high, 4)],
                "by_seed": [round(float(d), 4) for d in (mine - usual)[:, there].mean(axis=1)],
            }
        table[metric] = row
    return table


def main() -> None:
    """Compare all arms."""
    parser = measure.parser(__doc__)
    parser.add_argument("--data_path", default="dataset", help="folder of the data set's folder")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10, help="of the ranker")
    options = parser.parse_args()
    arms: Dict[str, List[Dict[str, np.ndarray]]] = {}
    for seed in range(1, 1 + (1 if options.quick else options.seeds)):
        teaching, judging = scored(options.data_path, seed, options.epochs)
        if options.quick:
            teaching, judging = (
                d.of(np.arange(len(d.user)) % 10 == 0) for d in (teaching, judging)
            )
        lists = teaching.lists
        fusions = {
            "inverse_rank": inverse_rank,
            "best_single": best_single(lists),
            "logistic": logistic(lists),
            "umre": learned("umre", lists, seed),
            "harmonrank": learned("harmonrank", lists, seed),
        }
        for name, fuse in fusions.items():
            found = measured(fuse(judging.lists), judging.lists, seed)
            arms.setdefault(name, []).append(found)
            print(f"seed {seed}, {name}: AUC mean {np.nanmean(found['AUC mean']):.4f}", flush=True)
    sizes = {"teaching": len(teaching.user), "judging": len(judging.user)}
    result = {"lists": sizes, "metrics": compared(judging.user, arms)}
    measure.record("fusions", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())

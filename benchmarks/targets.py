"""What a ranker orders that learned one label of watching: XAUC, GAUC and MAE, five seeds.

Rankers that differ in their only target learn from the training exposures of a split by time
(validation: the day before the last), and are judged on the validation day, all by the same
yardsticks, on the rows whose play time and duration are known:

- ``xauc``: pairs of exposures that the predictions put in the order of the seconds watched, once
  through at most; ``xauc of seconds`` takes predictions in seconds, which end at the duration;
- ``xgauc``: the first within each user's exposures, weighted by their number;
- ``gauc of long views``: the platform's own answer;
- ``gauc of interest``: CWM's answer, watched to the end or longer than 70 % of the training rows;
- ``mae``: seconds, of targets that predict them, D2Co's with sensitivity 0 among them.

Every target stands against ``watch_time``: the difference of the means over seeds, its bootstrap
interval over users, and the p of a paired test that takes users and seeds for chance, corrected
for their number by Holm's method. The data set is KuaiRand-Pure's part, or another one that says
``watch_time`` and has a column ``long_view``. ``--quick``: two seeds of three targets, one epoch.
"""

import tempfile
from typing import Any, Callable, Dict, List, Optional

import measure
import numpy as np

from recbole_poem.benchmark.significance import difference
from recbole_poem.benchmark.statistics import holm
from recbole_poem.log.watch_time import watched_part
from recbole_poem.rankers.measures import auc, xauc
from recbole_poem.rankers.targets.cwm import CWM
from recbole_poem.rankers.targets.d2co import D2Co
from recbole_poem.rankers.targets.watch_time import WatchTime
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import trainer_of

SPLIT = {
    "split": {"split_by_time": {"valid": "24 hours", "test": "last 24 hours"}},
    "order": "TO",
    "mode": "labeled",
}
TARGETS: Dict[str, Dict[str, Any]] = {
    "watch_time": {"target": "watch_time"},
    "watch_ratio": {"feedback": {"watch_ratio": "[1,inf)"}},
    "long_view": {"feedback": {"long_view": "[1,1]"}},
    "d2co": {"target": "d2co"},
    "d2co straight": {"target": "d2co", "sensitivity": 0},
    "cwm": {"target": "cwm"},
    "cwm likelihood": {"target": "cwm", "survival": "normal", "finished_weight": 1},
}
REFERENCE = "watch_time"
Measure = Callable[[np.ndarray, np.ndarray], float]


def judged(target: str, seeds: int, **given: Any) -> List[Dict[str, Any]]:
    """Train a ranker for each seed, and judge it."""
    return [judged_once(target, seed, **given) for seed in range(1, seeds + 1)]


def judged_once(
    target: str, seed: int, dataset: str, data_path: str, epochs: int
) -> Dict[str, Any]:
    """Train one ranker; return what each validation row says of it, and XAUC of all."""
    keys = {"threads": 1, "show_progress": False, "state": "ERROR", "data_path": data_path}
    keys.update(eval_args=SPLIT, targets={"t": TARGETS[target]}, seed=seed, epochs=epochs)
    with tempfile.TemporaryDirectory() as folder:
        experiment = assemble(
            Config("MultiTaskRanker", dataset, config_dict={**keys, "checkpoint_dir": folder})
        )
        trainer = trainer_of(experiment)
        trainer.fit(experiment.train_data, saved=False)
    assert experiment.valid_data is not None
    found = trainer.predict(experiment.valid_data)
    log, rows = experiment.train_data.exposures.log, np.unique(experiment.valid_data.rows)
    watched, durations = watched_part(log.values, log.watch_time)
    long = np.quantile(watched[log.training & ~np.isnan(watched)], 0.7)
    watched, durations = watched[rows], durations[rows]
    known = ~np.isnan(watched)
    users, watched, durations = found.users[known], watched[known], durations[known]
    scores = found.scores[known, 0].astype(np.float64)
    seconds = seconds_of(experiment.model.targets[0], scores, durations)
    interest = (watched >= durations) | (watched > long)
    of_rows = {
        "xgauc": of_users(xauc, users, watched, scores),
        "gauc of long views": of_users(auc, users, log.values["long_view"][rows][known], scores),
        "gauc of interest": of_users(auc, users, interest.astype(float), scores),
    }
    of_all = {"xauc": xauc(watched, scores)}
    if seconds is not None:
        of_rows["mae"] = np.abs(watched - seconds)
        of_all["xauc of seconds"] = xauc(watched, seconds)
    return {
        "users": users.tolist(),
        "of_rows": {name: values.tolist() for name, values in of_rows.items()},
        "of_all": of_all,
    }


def seconds_of(target: Any, scores: np.ndarray, durations: np.ndarray) -> Optional[np.ndarray]:
    """Return predictions (E,) as seconds that end at the duration; None where they are none.

    An average of D2Co's interest is no interest of an average, unless its sensitivity is 0.
    """
    if isinstance(target, (WatchTime, CWM)):
        return np.minimum(scores, durations)
    if isinstance(target, D2Co) and target.settings.sensitivity == 0:
        low, high = target.levels.at(durations)
        return np.minimum(low + scores * (high - low), durations)
    return None


def of_users(of: Measure, users: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Measure each user's exposures; each row (E,) has its user's value, NaN where undefined."""
    values = np.empty(len(users))
    for user in np.unique(users):
        mine = users == user
        values[mine] = of(labels[mine], scores[mine])
    return values


def compared(runs: Dict[str, List[Dict[str, Any]]]) -> Dict[str, Any]:
    """Return each measure of each target, with the difference to the reference where it has one."""
    of_all = {
        name: {of: measure.spread([run["of_all"][of] for run in mine]) for of in mine[0]["of_all"]}
        for name, mine in runs.items()
    }
    names = {of: None for mine in runs.values() for of in mine[0]["of_rows"]}
    of_rows = {
        of: against_reference(
            np.array(runs[REFERENCE][0]["users"]),
            {name: rows_of(mine, of) for name, mine in runs.items() if of in mine[0]["of_rows"]},
        )
        for of in names
    }
    return {"of_all": of_all, "of_rows": of_rows}


def against_reference(users: np.ndarray, values: Dict[str, np.ndarray]) -> Dict[str, Any]:
    """Return mean, seeds and tests of one measure, (seeds, E) for each target."""
    found: Dict[str, Any] = {
        name: {"mean": float(np.nanmean(mine)), "by_seed": by_seed(mine)}
        for name, mine in values.items()
    }
    others = [name for name in values if name != REFERENCE]
    tests = [tested(users, values[name], values[REFERENCE]) for name in others]
    corrected = holm(np.array([test["p"] for test in tests]))
    for name, test, p in zip(others, tests, corrected):
        found[name].update(test, p=float(p))
    return found


def rows_of(runs: List[Dict[str, Any]], measure_: str) -> np.ndarray:
    """Return the values of one measure, (seeds, E)."""
    return np.array([run["of_rows"][measure_] for run in runs])


def by_seed(values: np.ndarray) -> List[float]:
    """Return the mean over rows of each seed."""
    return [float(value) for value in np.nanmean(values, axis=1)]


def tested(users: np.ndarray, one: np.ndarray, other: np.ndarray) -> Dict[str, Any]:
    """Return a difference, its interval, and the p of its test; (seeds, E) of both sides."""
    known = ~np.isnan(one[0])
    one, other, users = one[:, known], other[:, known], users[known]
    found = difference(users, one, other)
    p = found.p_with_seeds
    return {"difference": found.difference, "low": found.low, "high": found.high, "p": p}


def main() -> None:
    """Judge all targets."""
    parser = measure.parser(__doc__)
    parser.add_argument("--dataset", default="kuairand-pure")
    parser.add_argument("--data_path", default="dataset", help="folder of the data set's folder")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.seeds, options.targets = 1, 2, ["d2co", "cwm"]
    given = {name: getattr(options, name) for name in ("dataset", "epochs", "seeds")}
    runs: Dict[str, List[Dict[str, Any]]] = {}
    for name in dict.fromkeys([REFERENCE, *options.targets]):
        print(f"training on {name}", flush=True)
        runs[name] = measure.call("judged", target=name, data_path=options.data_path, **given)
    measure.record("targets", {**given, **compared(runs)}, options.quick)


if __name__ == "__main__":
    measure.main(globals())

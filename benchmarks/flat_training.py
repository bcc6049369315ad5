"""What the first steps of a training cost on a log that does not fit into memory.

The store is written as by ``flat_log.py --direct``, and has the shape of KuaiRand-27K by default:
322 million rows of 27 thousand users and 32 million items. POEM then trains on it in a process of
its own, by the configuration, the data set, the loader and the trainer that ``recbole-poem train``
takes. Only the epoch ends after ``--steps`` batches. Each step learns 2,048 targets at most, by the
softmax over 2,000 sampled negatives, from histories of 50 rows. The item table is sharded, of one
process. No ranking is read, unless ``--rankings`` is given: two similarities with caps are counted
then, and the rankings that the run reads are made, before the training begins.

A last process opens the checkpoint, whose rows are one table then. Nothing is evaluated.

Steps are told as by ``flat_log.py``: seconds, and memory on top of what stood before. ``process``
is the whole of a process, its imports included: the most that no file holds, and the most with the
pages of mapped files, which the system may drop.
"""

import argparse
import json
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterator

import flat_log
import measure
from watch import Watch, anonymous

ROWS, ITEMS, STEPS = 322_000_000, 32_000_000, 1000
QUICK_ROWS, QUICK_ITEMS, QUICK_STEPS = 60_000, 6_000, 4
SIZE = 8
#: beyond it a process is given up
MOST_ANONYMOUS = 16 * 2**30
KEYS: Dict[str, Any] = {
    "flat_store": "always",
    "time_unit": "ms",
    "eval_args": {"split": flat_log.LEAVE_OUT, "order": "TO", "mode": "full"},
    "item_table": "sharded",
    "full_softmax_limit": 0,
    "losses": ["feedback"],
    "epochs": 1,
    "eval_step": 0,
    "use_gpu": False,
    "threads": 1,
}
ALONE: Dict[str, Any] = {"ranking_reader": "none"}
WITH_RANKINGS: Dict[str, Any] = {
    "objectives": {
        "consumed": {"similarity": "cosine"},
        "next": {"similarity": "transition", "steps": 1},
    },
    "ranking_source.only_read": True,
    "ranking_source.max_items_per_user": 200,
    "ranking_source.max_users_per_item": 50,
    "ranking_source.neighbours": 20,
    "requests_per_window": 1,
}


class FirstSteps:
    """A loader whose epochs end early.

    Parameters
    ----------
    loader : POEMTrainDataLoader
    number : int
        Batches of an epoch.
    """

    def __init__(self, loader: Any, number: int) -> None:
        self._loader, self._number = loader, number

    def __len__(self) -> int:
        return min(self._number, len(self._loader))

    def __iter__(self) -> Iterator[Any]:
        return islice(self._loader, self._number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class Phases:
    """Watches a training before its first step, in its steps, and behind them.

    Attributes
    ----------
    found : dict
        What each of the three took.
    """

    def __init__(self) -> None:
        self.found: Dict[str, Dict[str, float]] = {}
        self._n_steps, self._name = 0, "before_steps"
        self._watch = Watch(MOST_ANONYMOUS).__enter__()

    def begin(self, epoch: int, n_batches: int) -> None:
        """Hear that the steps begin."""
        self._then("steps")

    def learned(self) -> None:
        """Hear of a step."""
        self._n_steps += 1
        if self._n_steps % 100 == 0:
            print(self._n_steps, "steps", flush=True)

    def trained(self, losses: Dict[str, float], is_over: bool) -> None:
        """Hear that the steps are over."""
        self._then("checkpoint")
        taken, n_steps = self.found["steps"], self._n_steps
        taken.update(number=n_steps, loss=sum(losses.values()) / n_steps)
        taken["per_second"] = n_steps / taken["seconds"]

    def validated(self, *_: Any) -> None:
        """Hear nothing: there is no validation."""

    def end(self) -> None:
        """Hear that the training is over."""
        self._then("")

    def _then(self, name: str) -> None:
        self._watch.__exit__()
        self.found[self._name] = _told(self._name, self._watch.found)
        self._name = name
        if name:
            self._watch = Watch(MOST_ANONYMOUS).__enter__()


def keys_of(folder: str, size: int, rankings: bool) -> Dict[str, Any]:
    """Return the keys of a run."""
    more = WITH_RANKINGS if rankings else ALONE
    places = {"data_path": folder, "checkpoint_dir": f"{folder}/saved"}
    return {**KEYS, **more, **places, "hidden_size": size}


def train(
    folder: str, rows: int, size: int, steps: int, rankings: bool
) -> Dict[str, Dict[str, float]]:
    """Train on the store of a log, and write a checkpoint."""
    from recbole_poem.core.run_log import end_log
    from recbole_poem.data.preparation import data_preparation
    from recbole_poem.training.config import Config
    from recbole_poem.training.experiment import Prepared, create_dataset
    from recbole_poem.training.quick_start import begin, trainer_of

    found: Dict[str, Dict[str, float]] = {}
    before = anonymous()
    whole = Watch(MOST_ANONYMOUS).__enter__()
    config = Config("POEM", f"log{rows}", config_dict=keys_of(folder, size, rankings))
    with Watch(MOST_ANONYMOUS) as watch:
        dataset = create_dataset(config)
    found["opening"] = _told("opening", watch.found)
    with Watch(MOST_ANONYMOUS) as watch:
        loader, *evaluated = data_preparation(config, dataset)
    windows = {"windows": loader.sample_size}
    found["split_and_loaders"] = _told("split_and_loaders", {**watch.found, **windows})
    parts: Any = FirstSteps(loader, steps), *evaluated
    with Watch(MOST_ANONYMOUS) as watch:
        experiment = begin(config, lambda _: Prepared(dataset, parts))
        trainer = trainer_of(experiment)
    found["model"] = _told("model", watch.found)
    trainer.progress = phases = Phases()
    trainer.fit(experiment.train_data)
    found.update(phases.found)
    path = Path(trainer.saved_model_file)
    files = [path, *Path(f"{path}.items").iterdir()]
    found["checkpoint"]["bytes"] = sum(each.stat().st_size for each in files)
    end_log()
    return {**found, "process": _of_process(whole, before)}


def open_checkpoint(folder: str) -> Dict[str, Dict[str, float]]:
    """Open the checkpoint of a training, and score a test row."""
    from recbole_poem.training.quick_start import load

    before = anonymous()
    whole = Watch(MOST_ANONYMOUS).__enter__()
    (path,) = Path(folder, "saved").glob("*.pth")
    with Watch(MOST_ANONYMOUS) as watch:
        experiment = load(str(path), {"show_progress": False})
    n_scores = int(experiment.scores([0]).isfinite().sum())
    found = {"load": {**watch.found, "scores": n_scores}}
    return {**found, "process": _of_process(whole, before)}


def _told(name: str, found: Dict[str, float]) -> Dict[str, float]:
    """Print what a step took, which a run of an hour is followed by, and return it."""
    print(json.dumps({name: flat_log.rounded(found)}), flush=True)
    return found


def _of_process(whole: Watch, before: int) -> Dict[str, float]:
    """Return what a process took in all."""
    from recbole_poem.benchmark.machine import peak_memory

    whole.__exit__()
    found = whole.found
    times = {name: found[name] for name in ("seconds", "cpu_s")}
    return {**times, "anonymous": found["anonymous"] + before, "peak": peak_memory()}


def measured(folder: Path, options: argparse.Namespace) -> Dict[str, Any]:
    """Write a store, train on it, and open the checkpoint."""
    rows = options.rows
    result = {"store": measure.call("generate", folder=str(folder), rows=rows, items=options.items)}
    keys = {"size": options.size, "steps": options.steps, "rankings": options.rankings}
    result["training"] = measure.call("train", folder=str(folder), rows=rows, **keys)
    result["opened"] = measure.call("open_checkpoint", folder=str(folder))
    return {**keys, **flat_log.rounded(result)}


def record(name: str, found: Dict[str, Any]) -> None:
    """Add what was measured to the record, which keeps other sizes."""
    path = measure.RESULTS / "flat_training.json"
    before = json.loads(path.read_text(encoding="utf-8"))["result"] if path.is_file() else {}
    about = {"command": " ".join(["python", *sys.argv]), "date": time.strftime("%Y-%m-%d")}
    measure.record("flat_training", {**before, name: {**about, **found}}, quick=False)


#: called by its name, in a process of its own
generate = flat_log.generate


def main() -> None:
    """Measure one size; a folder of the disk that the log fits on may be named."""
    parser = measure.parser(__doc__ or "")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--size", type=int, default=SIZE, help="numbers of an item's embedding")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rankings", action="store_true", help="let requests read rankings")
    parser.add_argument("--folder", help="where the log and the checkpoint may lie for a while")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.items, options.steps = QUICK_ROWS, QUICK_ITEMS, QUICK_STEPS
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measured(Path(folder), options)
    name = f"{options.rows}_rows" + ("_with_rankings" if options.rankings else "")
    if options.quick:
        print(json.dumps(found, indent=2))
    else:
        record(name, found)


if __name__ == "__main__":
    measure.main(globals())

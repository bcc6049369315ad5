"""One run of a benchmark, in a process of its own: ``python -m recbole_poem.benchmark.run JOB``.

JOB is a ``job.json`` that `recbole_poem.benchmark.runner` wrote; its folder is the run's.
"""

import gc
import json
import logging
import sys
import traceback
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import torch
from recbole.utils import ModelType

from recbole_poem.benchmark import machine, ranking, ranking_stage
from recbole_poem.benchmark.before import before
from recbole_poem.benchmark.clock import Clock, TimeLimit
from recbole_poem.benchmark.effective import effective_keys
from recbole_poem.benchmark.evaluation import (
    PROTOCOLS,
    as_sequential,
    recommend,
    validation_protocol,
)
from recbole_poem.benchmark.lifeline import end_with_runner
from recbole_poem.benchmark.plan import Job
from recbole_poem.benchmark.progress import best_point, write_progress
from recbole_poem.benchmark.ranking_stage import Sent
from recbole_poem.benchmark.readiness import check_ready
from recbole_poem.benchmark.stored_ranks import Ranks, write_ranks
from recbole_poem.benchmark.worlds import read_oracle
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file
from recbole_poem.data.categories import read_categories
from recbole_poem.training import quick_start
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment

#: where runs without a ``request_cache_dir`` find their caches: where training has them by default
CACHES = str(Path("saved", "request_cache"))


def run(job: Job, folder: Path) -> Dict[str, Any]:
    """Train the model of a job and evaluate its best epoch.

    Parameters
    ----------
    job : Job
    folder : Path
        Where ``ranks.npz`` is written, for a job that tests, and meanwhile ``progress.json``; the
        test rows are written beside it (`stored_ranks`).

    Returns
    -------
    dict
        The record, but for what `main` knows.
    """
    config = _config(job)
    tell = partial(write_progress, folder, config["epochs"], config["valid_metric_bigger"])
    clock = Clock(job.time_limit, config["device"].type == "cuda", partial(tell, trains=True))
    record, checkpoint = _train(config, clock)
    trained = clock.seconds()
    tell(clock.curve, trains=False)
    gc.collect()  # what was trained and on what; evaluation loads both anew
    sent = None
    if job.purpose == "test":
        record["metrics"], sent = _evaluate(checkpoint, config["topk"], folder)
    total = clock.seconds()
    record["seconds"] = {
        "preparation": clock.training_since,
        "training": trained - clock.training_since,
        "evaluation": total - trained,
        "total": total,
    }
    Path(checkpoint).unlink()  # a failed run keeps it, to look into
    gc.collect()
    if sent is not None and job.rankings is not None:
        record["ranking_stage"] = _passed_on(job, job.rankings, sent, config["topk"])
    return record


def _config(job: Job) -> Config:
    given = {**effective_keys(job), "seed": job.seed, "show_progress": False, "verbose": True}
    config = Config(job.model, job.dataset, config_dict=given)
    if hasattr(config.model_class, "reads_rankings") and config["request_cache_dir"] is None:
        # runs share what they pay for alike, see `Clock.charge`; their checkpoints lie apart
        config = Config(job.model, job.dataset, config_dict={**given, "request_cache_dir": CACHES})
    return config


def _passed_on(
    job: Job, judge: Dict[str, Any], sent: Sent, ks: List[int]
) -> Optional[Dict[str, Any]]:
    """Return what the lists pass on to a ranking stage; None where that is refused its data."""
    try:
        config = _config(job._replace(model=judge["model"], given=judge["given"]))
        return {"row": judge["row"], **ranking_stage.figures(config, sent, ks)}
    except InputError as error:  # a row of its own says so, and this one is finished
        getLogger().warning(f"what the ranking stage likes best is not told: {error}")
        return None


def _train(config: Config, clock: Clock) -> Tuple[Dict[str, Any], str]:
    """Train a model; return the record of that, and the checkpoint.

    Memory is that of preparation and training: how evaluation goes about it is the benchmark's
    affair, and no cost of the model.
    """
    experiment = quick_start.begin(config)
    cache: Optional[RequestCache] = getattr(experiment.train_data._dataset, "cache", None)
    if cache is not None:
        clock.charge(cache.found_seconds)
    trainer = quick_start.trainer_of(experiment)
    check_ready(experiment, trainer)
    clock.start_training()
    stopped = _fit(trainer, experiment, clock)
    plain = {key: _plain(value) for key, value in config.final_config_dict.items()}
    record = {
        "stopped": stopped,
        "config": plain,
        "curve": clock.curve,
        "valid_metric": config["valid_metric"],
        "best_valid_score": float(trainer.best_valid_score),
        "best_epoch": best_point(clock.curve, config["valid_metric_bigger"])["epoch"],
        "oracle": read_oracle(config["data_path"]),
        "n_parameters": sum(weights.numel() for weights in experiment.model.parameters()),
        "metrics": {validation_protocol(plain): {"valid": dict(trainer.best_valid_result)}},
        **_peaks(),
    }
    return record, trainer.saved_model_file


def _fit(trainer: Any, experiment: Experiment, clock: Clock) -> str:
    """Train to the end, and return what ended it."""
    try:
        trainer.fit(experiment.train_data, experiment.valid_data, callback_fn=clock.note)
    except TimeLimit:
        return "time limit"
    return "early stopping" if trainer.cur_step > trainer.stopping_step else "epochs"


def _evaluate(checkpoint: str, ks: List[int], folder: Path) -> Tuple[Dict[str, Any], Sent]:
    """Recommend for validation and test rows by the best epoch; keep the ranks of the latter.

    Returns the metrics, and what they are of.
    """
    experiment = quick_start.load(checkpoint, {"mask_seen": True})
    trainer = quick_start.trainer_of(experiment)
    category = read_categories(experiment.config, experiment.dataset)
    loaders = {"valid": experiment.valid_data, "test": experiment.test_data}
    n_items = experiment.dataset.item_num
    metrics: Dict[str, Any] = {protocol: {} for protocol in PROTOCOLS}
    sent = Sent({}, experiment.dataset.field2id_token[experiment.dataset.iid_field])
    for phase, loader in loaders.items():
        found = recommend(trainer, loader, max(ks))
        if experiment.config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
            found = as_sequential(found, experiment.dataset, loader._dataset, phase)
        sent.found[phase] = found
        for protocol in PROTOCOLS:
            metrics[protocol][phase] = ranking.metrics(
                found.rank[protocol], found.top[protocol], ks, n_items, category
            )
    known = before(found.user, found.target, experiment.dataset, experiment.test_data._dataset)
    write_ranks(folder, Ranks(found.user, found.target, found.rank, known.seen, known.n_rows))
    return metrics, sent


def _peaks() -> Dict[str, Optional[int]]:
    """Return the largest memory of this process so far."""
    gpu = torch.cuda.max_memory_allocated() // 2**20 if torch.cuda.is_available() else None
    return {"peak_memory_mib": machine.peak_memory() // 2**20, "peak_gpu_memory_mib": gpu}


def _plain(value: Any) -> Any:
    """Return a value of the configuration as JSON can hold it, of a path its end alone."""
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return str(value)


def main(path: str) -> int:
    """Run the job of a file; write ``record.json`` beside it, whatever comes of it."""
    folder = Path(path).parent
    job = Job(**json.loads(Path(path).read_text(encoding="utf-8")))
    record: Dict[str, Any] = {
        "id": folder.name,
        **job._asdict(),
        "reason": None,
        "command": " ".join([Path(sys.executable).name, "-m", "recbole_poem.benchmark.run", path]),
        "commit": machine.commit(),
        "versions": machine.versions(),
        "machine": machine.describe(),
    }
    try:
        record.update(run(job, folder), status="finished")
    except InputError as error:
        record.update(_peaks(), status="failed", reason=str(error))
    except Exception as error:  # a model that fails is a row that says why
        traceback.print_exc()
        record.update(_peaks(), status="failed", reason=f"{type(error).__name__}: {error}")
    with whole_file(folder / "record.json") as file:
        file.write(json.dumps(record, indent=1).encode())
    logging.shutdown()
    return 0 if record["status"] == "finished" else 1


if __name__ == "__main__":
    end_with_runner()
    sys.exit(main(sys.argv[1]))

"""Rankers that a ranking source trains: a configuration of their own, training, and scores.

A ranker is the model `MultiTaskRanker`, trained by RecBole's Trainer. Checkpoints of finished
stages are read instead of trained again.
"""

import hashlib
import json
import tempfile
import time
from copy import copy
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Any, Dict

import numpy as np
import torch
import yaml
from recbole.trainer import Trainer

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file
from recbole_poem.data.ranking_dataset import (
    ExposureDataLoader,
    exposures_of,
    training_loader,
)
from recbole_poem.log.exposures import Exposures
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.item_times import times_read
from recbole_poem.rankers.multi_task_ranker import MultiTaskRanker, table_fields
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.rankers.request_columns import context_of
from recbole_poem.rankers.trainer import measures
from recbole_poem.training import checkpoint
from recbole_poem.training.config import Config
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.registry import get_trainer
from recbole_poem.training.restoring import load_weights
from recbole_poem.training.seeding import seed_everything

#: Stages that are a ranker's.
_STAGES = ("targets", "ranker_input", "ranker", "ranker_optimizer")
#: Keys of a run that hold for the rankers it trains.
_SHARED = (
    "seed", "reproducibility", "use_gpu", "gpu_id", "threads", "show_progress", "USER_ID_FIELD",
    "ITEM_ID_FIELD", "TIME_FIELD", "time_unit", "utc_offset", "watch_time", "checkpoint_dir", "ray",
    *_STAGES,
)  # fmt: skip
#: Keys of a ranker that change nothing about it.
_WITHOUT_EFFECT = ("use_gpu", "gpu_id", "threads", "show_progress", "checkpoint_dir", "ray")
_REQUESTS_AT_ONCE = 64  # so that what is computed of them stays in the processor's cache


def ranker_config(config: Any, own: Dict[str, Any], where: str) -> Config:
    """Return the configuration of the rankers that a run trains.

    Parameters
    ----------
    config : Config
        Of the run, whose targets and ranker they have.
    own : dict
        Flat keys of `MultiTaskRanker`.
    where : str
        The setting that holds them, for the words of errors.

    Raises
    ------
    InputError
        For a key that the ranker does not know or a value that it cannot take.
    """
    stages = [key for key in own if str(key).partition(".")[0] in _STAGES]
    if stages:
        raise InputError(f"{where}: '{stages[0]}' is a key of the run itself; write it there")
    given = {**{key: config[key] for key in _SHARED}, **own}
    try:
        of_ranker = Config("MultiTaskRanker", config["dataset"], config_dict=given)
    except InputError as error:  # the run has keys of the same names
        raise InputError(f"{where}: {error}") from error
    for key, near in of_ranker.unknown_keys():
        hint = f"; the nearest is '{near}'" if near else ""
        raise InputError(f"{where}: '{key}' is no key of MultiTaskRanker{hint}")
    return of_ranker


@dataclass(frozen=True)
class TrainedRanker:
    """A ranker that scores candidates by what lies before their requests."""

    model: MultiTaskRanker
    exposures: Exposures
    #: processor seconds of its training, where that was found done
    found_seconds: float = 0.0

    @torch.no_grad()
    def score(self, requests: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Score items (B, N) for requests (B,): (B, N, M) float32."""
        parts = [
            self._score(requests[begin : begin + _REQUESTS_AT_ONCE],
                        items[begin : begin + _REQUESTS_AT_ONCE])
            for begin in range(0, len(requests), _REQUESTS_AT_ONCE)
        ]  # fmt: skip
        return np.concatenate(parts)

    def _score(self, requests: np.ndarray, items: np.ndarray) -> np.ndarray:
        of, device = self.exposures, next(self.model.parameters()).device
        columns = (
            of.log.user[requests], items, of.recent(requests), of.seconds[requests],
            of.gap[requests], of.recent_labels(requests), of.context[requests],
        )  # fmt: skip
        batch = RankingRequests(*(torch.from_numpy(column).to(device) for column in columns))
        return self.model.score(batch).cpu().numpy()


def trained_ranker(
    config: Config,
    dataset: Any,
    folder: Path,
    number: int,
    known: RequestLog,
    rows: np.ndarray,
    next_rows: np.ndarray,
) -> TrainedRanker:
    """Train the ranker of a stage, or read the one in `folder`.

    Parameters
    ----------
    config : Config
        Of the ranker.
    dataset : FlatSequentialDataset
        Whose users and items are its features.
    folder : Path
        Of the checkpoints, that of the stage before among them.
    number : int
        Of the stage, from 1.
    known : RequestLog
        The log; targets are fitted on its training part, which lies before the stage's block.
    rows : (E,) int64
        Rows of the log to learn from.
    next_rows : (E',) int64
        Rows that come after them, on which the log says how well the ranker does.
    """
    path = folder / f"stage-{number}.pth"
    by_then, exposures = copy(dataset), exposures_of(config, known)
    by_then.log = known
    seed_everything(config["seed"] + number, config["reproducibility"])
    model = MultiTaskRanker(config, by_then).to(config["device"])
    trainer = get_trainer(config)(config, model)
    found_seconds = _seconds_of(path)
    if not path.exists():
        if number > 1:
            _load(model, folder / f"stage-{number - 1}.pth")
        loader = training_loader(config, dataset, exposures, rows)
        _train(trainer, loader, path, config["show_progress"])
        found_seconds = 0.0
    _load(model, path)
    if len(next_rows):
        ahead = ExposureDataLoader(config, dataset, exposures, next_rows)
        found = measures(model.targets, trainer.predict(ahead))
        words = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
        getLogger().info(f"request cache: stage {number} in its own block: {words}")
    if config["ray"] is not None:  # Ray's workers have no GPU
        model = model.to("cpu")
    return TrainedRanker(model.eval(), exposures, found_seconds)


def _train(trainer: Trainer, loader: ExposureDataLoader, path: Path, show_progress: bool) -> None:
    """Train to the last epoch, beside `path`; two runs at once never write one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    since = time.process_time()
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        trainer.saved_model_file = str(Path(folder, path.name))
        trainer.fit(loader, show_progress=show_progress)
        with whole_file(path.with_suffix(".seconds")) as file:
            file.write(f"{time.process_time() - since:.3f}\n".encode())
        Path(trainer.saved_model_file).replace(path)


def _seconds_of(path: Path) -> float:
    """Return what the training of the ranker in `path` took, 0 where nobody took it down."""
    try:
        return float(path.with_suffix(".seconds").read_text())
    except (OSError, ValueError):
        return 0.0


def _load(model: MultiTaskRanker, path: Path) -> None:
    load_weights(model, checkpoint.read(path), path)


def keys_with_effect(config: Config) -> Dict[str, Any]:
    """Return the keys that have a say in what a ranker learns."""
    own = PROPERTIES / "model" / "MultiTaskRanker.yaml"
    keys = {*yaml.safe_load(own.read_text(encoding="utf-8")), *config.given(), *_SHARED}
    return {key: config[key] for key in sorted(keys - set(_WITHOUT_EFFECT))}


def table_digest(config: Config, dataset: Any) -> str:
    """Hash what a ranker reads of users and items, and of requests before anything is shown."""
    digest = hashlib.blake2b(digest_size=16)
    tables = ((dataset.uid_field, dataset.user_feat), (dataset.iid_field, dataset.item_feat))
    for id_field, table in tables:
        for field in table_fields(dataset, id_field, table):
            digest.update(json.dumps([field.name, field.kind, list(field.values.shape)]).encode())
            digest.update(field.values.numpy().tobytes())
    for times in times_read(config, dataset):
        digest.update(times.tobytes())
    digest.update(context_of(config, dataset.log).tobytes())
    return digest.hexdigest()

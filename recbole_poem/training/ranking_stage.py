"""The neural ranking stage: from the configuration to the upstream ``multitask``.

A ranker is the model `MultiTaskRanker`, trained by RecBole's Trainer. The checkpoints of finished
stages lie beside the request caches, in a folder named by all that they depend on, and are read
instead of trained again.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any, Dict

import numpy as np
import torch
import yaml
from recbole.trainer import Trainer

from recbole_poem.cache.build import cache_folder, fusion_of, item_to_item
from recbole_poem.cache.multitask import MultiTaskUpstream, block_begins
from recbole_poem.cache.request_cache import fingerprint
from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.data.ranking_dataset import (
    ExposureDataLoader,
    exposures_of,
    training_loader,
)
from recbole_poem.fusion.scores import ScoreFusion
from recbole_poem.log.exposures import Exposures
from recbole_poem.log.tasks import parse_tasks
from recbole_poem.rankers.features import RankingRequests
from recbole_poem.rankers.multi_task_ranker import MultiTaskRanker, table_fields
from recbole_poem.rankers.trainer import measures
from recbole_poem.retrieval.objectives import parse_objectives
from recbole_poem.training import checkpoint
from recbole_poem.training.config import PROPERTIES, Config
from recbole_poem.training.registry import get_trainer
from recbole_poem.training.restoring import load_weights
from recbole_poem.training.trainer import seed_everything

#: Keys of POEM's run that hold for its rankers.
_SHARED = (
    "seed", "reproducibility", "use_gpu", "gpu_id", "threads", "show_progress", "USER_ID_FIELD",
    "ITEM_ID_FIELD", "TIME_FIELD", "time_unit", "utc_offset", "watch_time", "tasks",
    "checkpoint_dir", "ray",
)  # fmt: skip
#: Keys of a ranker that change nothing about it.
_WITHOUT_EFFECT = ("use_gpu", "gpu_id", "threads", "show_progress", "checkpoint_dir", "ray")
_REQUESTS_AT_ONCE = 64  # so that what is computed of them stays in the processor's cache


def multitask(config: Any, dataset: Any) -> MultiTaskUpstream:
    """Return the upstream of a configuration whose training part is known.

    Parameters
    ----------
    config : Config
        Of POEM; the key ``ranker`` holds keys of `MultiTaskRanker`.
    dataset : POEMDataset
        A split.

    Raises
    ------
    InputError
        For unknown keys, and tasks that the log cannot answer.
    """
    of_ranker = ranker_config(config)
    names = [task.name for task in parse_tasks(of_ranker["tasks"])]
    exposures = exposures_of(of_ranker, dataset)
    settings = {
        "ranker": _effective(of_ranker),
        "tables": _table_digest(of_ranker, dataset),
    }
    blocks = [float(time) for time in block_begins(exposures, config["ranker_blocks"])]
    key = fingerprint(dataset.log, {**settings, "blocks": blocks, "files": checkpoint.FORMAT})
    folder = cache_folder(config, dataset) / "rankers" / key[:16]
    n_retrieval = len(parse_objectives(config["objectives"]))
    return MultiTaskUpstream(
        exposures,
        names,
        n_blocks=config["ranker_blocks"],
        n_candidates=min(config["n_candidates"], dataset.log.n_items - 1),
        retrieval=partial(item_to_item, config, fusion=equally(n_retrieval)),
        training=partial(trained_ranker, of_ranker, dataset, exposures, folder),
        by=fusion_of(config, len(names) + 1),
        settings=settings,
    )


def equally(n_objectives: int) -> ScoreFusion:
    """Return how retrieval weighs so many objectives: by reciprocal ranks, all alike."""
    usual = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion")
    fusion: ScoreFusion = usual.make(n_objectives)
    return fusion


def ranker_config(config: Any) -> Config:
    """Return the configuration of the rankers that a run of POEM trains.

    Raises
    ------
    InputError
        If the key ``ranker`` is no mapping, or holds a key that the ranker does not know or a value
        that it cannot take.
    """
    own = config["ranker"]
    if not isinstance(own, dict):
        raise InputError(f"ranker: expected a mapping of MultiTaskRanker's keys, not {own!r}")
    given = {
        **{key: config[key] for key in _SHARED},
        "epochs": config["ranker_epochs"],
        "unexposed_negatives": config["ranker_unexposed"],
        **own,
    }
    try:
        of_ranker = Config("MultiTaskRanker", config["dataset"], config_dict=given)
    except InputError as error:  # POEM has keys of the same names
        raise InputError(f"ranker: {error}") from error
    for key, near in of_ranker.unknown_keys():
        hint = f"; the nearest is '{near}'" if near else ""
        raise InputError(f"ranker: '{key}' is no key of MultiTaskRanker{hint}")
    return of_ranker


@dataclass(frozen=True)
class TrainedRanker:
    """A ranker that scores candidates by what lies before their requests."""

    model: MultiTaskRanker
    exposures: Exposures

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
            of.gap[requests],
        )  # fmt: skip
        batch = RankingRequests(*(torch.from_numpy(column).to(device) for column in columns))
        return self.model.score(batch).cpu().numpy()


def trained_ranker(
    config: Config,
    dataset: Any,
    exposures: Exposures,
    folder: Path,
    number: int,
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
    exposures : Exposures
    folder : Path
        Of the checkpoints, that of the stage before among them.
    number : int
        Of the stage, from 1.
    rows : (E,) int64
        Rows of the log to learn from.
    next_rows : (E',) int64
        Rows that come after them, on which the log says how well the ranker does.
    """
    path = folder / f"stage-{number}.pth"
    seed_everything(config["seed"] + number, config["reproducibility"])
    model = MultiTaskRanker(config, dataset).to(config["device"])
    trainer = get_trainer(config)(config, model)
    if not path.exists():
        if number > 1:
            _load(model, folder / f"stage-{number - 1}.pth")
        loader = training_loader(config, dataset, exposures, rows)
        _train(trainer, loader, path, config["show_progress"])
    _load(model, path)
    if len(next_rows):
        ahead = ExposureDataLoader(config, dataset, exposures, next_rows)
        found = measures(model.tasks, *trainer.predict(ahead))
        words = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
        getLogger().info(f"request cache: stage {number} in its own block: {words}")
    if config["ray"] is not None:  # Ray's workers have no GPU
        model = model.to("cpu")
    return TrainedRanker(model.eval(), exposures)


def _train(trainer: Trainer, loader: ExposureDataLoader, path: Path, show_progress: bool) -> None:
    """Train to the last epoch, beside `path`; two runs at once never write one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        trainer.saved_model_file = str(Path(folder, path.name))
        trainer.fit(loader, show_progress=show_progress)
        Path(trainer.saved_model_file).replace(path)


def _load(model: MultiTaskRanker, path: Path) -> None:
    load_weights(model, checkpoint.read(path), path)


def _effective(config: Config) -> Dict[str, Any]:
    """Return the keys that have a say in what a ranker learns."""
    own = PROPERTIES / "model" / "MultiTaskRanker.yaml"
    keys = {*yaml.safe_load(own.read_text(encoding="utf-8")), *config.given(), *_SHARED}
    return {key: config[key] for key in sorted(keys - set(_WITHOUT_EFFECT))}


def _table_digest(config: Config, dataset: Any) -> str:
    """Hash the tables of users and items that a ranker reads."""
    digest = hashlib.blake2b(digest_size=16)
    tables = ((dataset.uid_field, dataset.user_feat), (dataset.iid_field, dataset.item_feat))
    for id_field, table in tables:
        for field in table_fields(dataset, id_field, table):
            digest.update(json.dumps([field.name, field.kind, list(field.values.shape)]).encode())
            digest.update(field.values.numpy().tobytes())
    return digest.hexdigest()

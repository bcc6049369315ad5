"""A new target, ranker, similarity or ranking source is one small class, and runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Dict, Iterator, List, Tuple

import numpy as np
import pytest
import torch
from torch import nn
from toy_caches import padded
from toy_exposures import TINY, TINY_POEM, exposure_log, write_exposures

from recbole_poem.cache.sources import SourceContext, SourceSettings
from recbole_poem.core.settings import ABOVE_0, at_least, setting
from recbole_poem.core.stage import Stage
from recbole_poem.core.stages import OBJECTIVES, RANKERS, RANKING_SOURCES, TARGETS
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.targets import TargetSettings
from recbole_poem.retrieval.co_consumption import CoConsumption
from recbole_poem.retrieval.counts import Counts
from recbole_poem.retrieval.similarities import Evidence
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.training.quick_start import load, run_recbole_poem


class Relative:
    """Seconds over the mean seconds of the training rows, by a squared error."""

    fitted: ClassVar[List[Tuple[int, float]]] = []

    @dataclass(frozen=True)
    class Settings(TargetSettings):
        scale: float = setting(1.0, ABOVE_0, "multiplies the label")

    def __init__(self, settings: Any, name: str) -> None:
        self.settings, self.name = settings, name

    def fit(self, log: RequestLog) -> None:
        known = log.training & (log.values["play"] >= 0)
        self.mean = log.values["play"][known].mean() / self.settings.scale
        self.fitted.append((int(log.training.sum()), float(log.time[log.training].max())))

    def labels(self, log: RequestLog) -> np.ndarray:
        play = log.values["play"]
        return np.where(play >= 0, play / self.mean, np.nan)

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return (output - label) ** 2

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        return output * self.mean

    def measures(
        self, users: Any, labels: np.ndarray, scores: np.ndarray, durations: Any
    ) -> Dict[str, float]:
        return {"bias": float(np.nanmean(scores / self.mean - labels))}

    def answers(self, labels: np.ndarray) -> None:
        return None


class Linear(nn.Module):
    """One linear layer, with an optimizer and a gradient of its own."""

    gradients: ClassVar[List[List[torch.Tensor]]] = []

    @dataclass(frozen=True)
    class Settings:
        slower: int = setting(10, at_least(1), "divides the learning rate")

    def __init__(self, settings: Any, input_size: int, n_targets: int) -> None:
        super().__init__()
        self.layer, self.slower = nn.Linear(input_size, n_targets), settings.slower

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layer(features)

    def optimizer(self, parameters: List[nn.Parameter], usual: Any) -> torch.optim.Optimizer:
        rate = usual(parameters).defaults["lr"]
        return torch.optim.SGD(parameters, lr=rate / self.slower)

    def backward(self, losses: Any, parameters: List[nn.Parameter]) -> None:
        """Follow the signs that all targets agree on."""
        each = [
            torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            for loss in losses
        ]
        for parameter, *found in zip(parameters, *each):
            signs = [g.sign() for g in found if g is not None]
            total = torch.stack(signs).sum(dim=0) if signs else torch.zeros_like(parameter)
            parameter.grad = (total.abs() == len(losses)).float() * total.sign()
        self.gradients.append([parameter.grad.clone() for parameter in parameters])


class Popularity:
    """The other item's users."""

    in_order = at_once = False

    @dataclass(frozen=True)
    class Settings(Evidence):
        exponent: float = setting(0.5, ABOVE_0, "of the users")

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def pairs(self, log: RequestLog, rows: np.ndarray, kept: np.ndarray) -> CoConsumption:
        return CoConsumption(log, rows[kept])

    def weigh(self, counts: Counts, top_k: int) -> Any:
        met = counts.pairs.tocoo()
        own = met.row + counts.begin == met.col
        met.data = np.where(own, 0, counts.target[met.col] ** self.settings.exponent)
        return met.tocsr().astype(np.float32)


class Alphabet:
    """The first items of the catalogue, whoever asks."""

    objectives = ("first",)
    has_stages = False

    @dataclass(frozen=True)
    class Settings(SourceSettings):
        begin: int = setting(1, at_least(1), "the first item")

    def __init__(self, settings: Any, context: SourceContext) -> None:
        self.settings, self.n_rows = settings, len(context.dataset.log)

    def depends_on(self) -> Dict[str, Any]:
        return {}

    def numbers(self) -> np.ndarray:
        return np.arange(self.n_rows)

    def rank(self, rankings: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        items = self.settings.begin + np.arange(self.settings.n_candidates)
        scores = np.arange(len(items), 0, -1, dtype=np.float32)[:, None]
        shape = (len(rankings), len(items))
        return np.broadcast_to(items, shape), np.broadcast_to(scores, (*shape, 1))


NEW: List[Tuple[Stage, str, Any]] = [
    (TARGETS, "relative", Relative),
    (RANKERS, "linear", Linear),
    (OBJECTIVES, "popularity", Popularity),
    (RANKING_SOURCES, "alphabet", Alphabet),
]


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    for stage, name, component in NEW:
        stage.components()
        stage.register(name)(component)
    yield
    for stage, name, _ in NEW:
        del stage._components[name]
    Relative.fitted.clear()
    Linear.gradients.clear()


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return write_exposures(write_dataset, exposure_log())


def ranker_keys(keys: Dict[str, Any], **more: Any) -> Dict[str, Any]:
    targets = {
        "click": {"feedback": {"click": "[1,1]"}},
        "share": {"target": "relative", "scale": 2},
    }
    return {**keys, **TINY, "model": "MultiTaskRanker", "targets": targets, "epochs": 2, **more}


def test_a_target_is_learned_predicted_and_measured(keys: Dict[str, Any]) -> None:
    given = ranker_keys(keys, train_batch_size=16, learning_rate=0.05, epochs=20)
    result = run_recbole_poem(config_dict=given)
    assert list(result["test_result"]) == ["gauc", "gauc click", "auc click", "bias share"]
    loaded = load(result["model_file"])
    assert loaded.evaluate("test") == result["test_result"]
    untrained = run_recbole_poem(config_dict={**given, "epochs": 0})["test_result"]
    assert abs(result["test_result"]["bias share"]) < 0.5 * abs(untrained["bias share"])


def test_a_target_is_fitted_on_training_rows_alone(keys: Dict[str, Any]) -> None:
    run_recbole_poem(config_dict=ranker_keys(keys, epochs=0))
    dataset = create_dataset(Config(config_dict=ranker_keys(keys)))
    log = dataset.build()[0].log
    provisional, *others = Relative.fitted
    assert provisional[0] == len(log)  # before the split, to tell which rows have a label
    assert 0 < log.training.sum() < len(log)
    assert (int(log.training.sum()), log.time[log.training].max()) in others


def test_each_stage_of_time_blocks_fits_the_targets_before_its_block(keys: Dict[str, Any]) -> None:
    given = ranker_keys(keys, **TINY_POEM, model="Upstream")
    given["epochs"] = 1
    config = Config(config_dict=given)
    dataset = create_dataset(config).build()[0]
    context = SourceContext(config, dataset, Path("caches"))
    source = config.component("ranking_source").make(context)
    Relative.fitted.clear()
    run_recbole_poem(config_dict=given)
    last = {time for _, time in Relative.fitted}
    for begin in source._begin:
        before = dataset.log.training & (dataset.log.time < begin)
        assert dataset.log.time[before].max() in last
    assert max(last) < source._begin[-1]


def test_a_ranker_brings_its_optimizer_and_its_gradient(keys: Dict[str, Any]) -> None:
    given = ranker_keys(keys, ranker={"name": "linear", "slower": 4}, train_batch_size=64)
    given.update(epochs=1, learning_rate=0.2)
    result = run_recbole_poem(config_dict=given)
    untrained = load(run_recbole_poem(config_dict={**given, "epochs": 0})["model_file"]).model
    trained = load(result["model_file"]).model
    steps = len(Linear.gradients)
    assert steps == 3  # of 176 exposures
    for number, (before, after) in enumerate(zip(untrained.parameters(), trained.parameters())):
        moved = sum(gradients[number] for gradients in Linear.gradients)
        assert torch.allclose(after, before - 0.2 / 4 * moved, atol=1e-6)
    values = torch.cat([gradient.flatten() for step in Linear.gradients for gradient in step])
    assert set(values.tolist()) == {-1.0, 0.0, 1.0}


def test_a_similarity_ranks(keys: Dict[str, Any]) -> None:
    given = {**keys, **TINY_POEM, "model": "Upstream", "ranking_source": "item_to_item"}
    given["ranking_source.n_candidates"] = 5
    given["objectives"] = {"popular": {"similarity": "popularity", "exponent": 1}}
    loaded = load(run_recbole_poem(config_dict=given)["model_file"])
    cache = loaded.train_data._dataset.cache
    assert cache.objectives == ("popular",)
    items, scores = padded(cache)
    scores = np.where(items > 0, scores[..., 0], -100)
    assert (scores == -1).any(), "minus the ranks"
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("model", ["POEM", "Upstream"])
def test_a_source_fills_the_cache_and_its_settings_name_it(
    keys: Dict[str, Any], model: str
) -> None:
    given = {**keys, **TINY_POEM, "model": model}
    paths = set()
    for begin in (1, 4):
        source = {"name": "alphabet", "n_candidates": 6, "begin": begin}
        found = run_recbole_poem(config_dict={**given, "ranking_source": source})
        cache = load(found["model_file"]).train_data._dataset.cache
        assert cache.objectives == ("first",)
        assert (padded(cache)[0] == begin + np.arange(6)).all()
        paths.add(cache.path)
    assert len(paths) == 2

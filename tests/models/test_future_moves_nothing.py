"""What comes after a request moves nothing that answers it, of any component, in either split.

The weights of a model are another matter: leave-one-out, they are learned from rows of others that
may be later. So here they are what the seed makes them. An item graph is a part of them, and both
models get that of one log.
"""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from toy_poem import wake
from toy_position import Clock

from recbole_poem.cache.sources import SourceContext, SourceSettings
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.core.stage import Form, Stage
from recbole_poem.core.stages import (
    ATTENTIONS,
    GROUPINGS,
    HISTORY_ENCODERS,
    LOGIT_TERMS,
    LOSSES,
    NEGATIVES,
    POSITIONS,
    RANKING_READERS,
    RANKING_SOURCES,
    ROW_FEATURES,
    SCORE_FUSIONS,
    STATE_FUSIONS,
)
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble

SMALL = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "train_batch_size": 60,
    "eval_batch_size": 4096,
    "topk": [3],
    "valid_metric": "NDCG@3",
    "request_lag": 0,
}
BY_TIME = {
    "split": {"split_by_time": {"valid": "3 days", "test": "last 2 days"}},
    "order": "TO",
    "mode": "full",
}
SPLITS: Dict[str, Any] = {"leave-one-out": {}, "by time": {"eval_args": BY_TIME}}
#: what a component needs beside its name
MORE: Dict[str, Dict[str, Any]] = {
    "popularity_trend": {"hours": [30, 5], "weights": [2.0, 1.0], "step": 6},
    "hour_of_day": {"weight": 3.0, "days": 2},
}

RAW = {"ranking_source": {"name": "drawn", "n_candidates": 8, "raw_scores": True}}
#: what reads it
BESIDE: Dict[str, Dict[str, Any]] = {
    "time": {"history_encoder.position": "clock"},
    "gimirec": {"row_features": ["gap", "time"]},
    "fusion": {"score_fusion": "umre", **RAW},
    **{name: {"losses.fusion": True, **RAW} for name in ("umre", "harmonrank")},
    **{name: {"losses.feedback": "none"} for name in ("sqn", "sac")},
}


class Drawn:
    """Rankings that are drawn for each row by its number: they know nothing at all."""

    objectives = ("first", "second")
    has_stages = True

    @dataclass(frozen=True)
    class Settings(SourceSettings):
        pass

    def __init__(self, settings: Any, context: SourceContext) -> None:
        self.n, self.log = settings.n_candidates, context.dataset.log

    def depends_on(self) -> Dict[str, Any]:
        return {}

    def numbers(self) -> np.ndarray:
        return np.arange(len(self.log))

    def rank(self, rankings: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = [np.random.default_rng(request) for request in rankings]
        items = np.stack([1 + each.permutation(self.log.n_items - 1)[: self.n] for each in rng])
        scores = np.stack([each.random((self.n, 2)) for each in rng])
        stages = np.stack([each.integers(0, 7, self.n) for each in rng])
        return items, scores.astype(np.float32), stages


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    RANKING_SOURCES.components()
    RANKING_SOURCES.register("drawn")(Drawn)
    POSITIONS.components()
    POSITIONS.register("clock")(Clock)
    yield
    del RANKING_SOURCES._components["drawn"], POSITIONS._components["clock"]


DRAWN = {"model": "POEM", "ranking_source": {"name": "drawn", "n_candidates": 8}}


def world() -> pd.DataFrame:
    """Make a log of eleven days, behind a first user who consumed everything.

    With it every token has the same id, whatever the others consume.
    """
    log = random_log(2, n_users=60, n_items=25, ties=False, longest=20)
    everything = pd.DataFrame({"item_id": sorted(log["item_id"].unique()), "user_id": "all"})
    everything["rating"], everything["timestamp"] = 3.0, 1.599e9 + np.arange(len(everything))
    log = log.sort_values(["user_id", "timestamp"], kind="stable")
    return pd.concat([everything[log.columns], log], ignore_index=True)


def changed_from(log: pd.DataFrame, future: Any) -> pd.DataFrame:
    """Let the users of some rows consume and rate something else."""
    rng, other = np.random.default_rng(0), log.copy()
    other.loc[future, "item_id"] = rng.choice(log["item_id"].unique(), future.sum())
    other.loc[future, "rating"] = rng.integers(1, 6, future.sum()).astype(float)
    assert (other["item_id"] != log["item_id"]).sum() > 30
    return other


def chosen(stage: Stage, name: str) -> Dict[str, Any]:
    if stage.form is Form.ONE:
        return {stage.key: {"name": name, **MORE.get(name, {})}, **BESIDE.get(name, {})}
    first = {"feedback": {}} if stage is LOSSES else {}  # without it a history learns nothing
    return {stage.key: {**first, name: MORE.get(name, {})}, **BESIDE.get(name, {})}


def cases(*stages: Stage) -> List[Any]:
    return [
        pytest.param(chosen(stage, name), id=f"{stage.key}-{name}")
        for stage in stages
        for name, component in stage.components().items()
        if getattr(component, "n_slots", 1)  # numbers of rows are read by a position that asks
    ]


def scores_of(experiment: Experiment) -> Tuple[np.ndarray, torch.Tensor]:
    """Return the times of all validation and test rows, and the scores of the catalogue."""
    torch.manual_seed(0)
    wake(experiment.model.eval())
    times, scores = [], []
    for loader in (experiment.valid_data, experiment.test_data):
        dataset = loader._dataset
        batch = dataset[torch.arange(len(dataset))]
        times.append(dataset.log.time[batch[REQUEST_ID].numpy()])
        with torch.no_grad():
            scores.append(experiment.model.full_sort_predict(batch).view(len(batch), -1))
    return np.concatenate(times), torch.cat(scores)


def check_no_future(write_dataset: Any, keys: Dict[str, Any]) -> None:
    """Change all rows from a moment on: what was asked for before it gets the scores it got."""
    log = world()
    now = log["timestamp"].max() - 3 * 86400
    later = changed_from(log, log["timestamp"] >= now)
    experiments = [
        assemble(Config(config_dict={**write_dataset(frame, name=name), **keys}))
        for name, frame in (("one", log), ("two", later))
    ]
    graph = getattr(experiments[0].train_data._dataset, "item_graph", None)
    if graph is not None and "eval_args" not in keys:
        experiments[1].model.history_encoder.know(graph)
    (times, one), (_, two) = map(scores_of, experiments)
    before = times < now
    assert min(before.sum(), (~before).sum()) > 10
    assert torch.equal(one[before], two[before])
    assert not torch.equal(one[~before], two[~before])


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "keys",
    cases(ROW_FEATURES, HISTORY_ENCODERS, RANKING_READERS, SCORE_FUSIONS, GROUPINGS, LOGIT_TERMS),
)
def test_what_comes_later_moves_no_score(
    write_dataset: Any, keys: Dict[str, Any], split: str
) -> None:
    check_no_future(write_dataset, {**SMALL, **DRAWN, **SPLITS[split], **keys})


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("lag", [0, 1])
def test_what_comes_later_moves_no_score_of_several_rankings(
    write_dataset: Any, lag: int, split: str
) -> None:
    check_no_future(
        write_dataset, {**SMALL, **DRAWN, **SPLITS[split], "n_rankings": 3, "request_lag": lag}
    )


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", STATE_FUSIONS.components())
def test_what_comes_later_moves_no_user_state(write_dataset: Any, name: str, split: str) -> None:
    keys = {"state_fusion": name, "ranking_training": "joint"}
    check_no_future(write_dataset, {**SMALL, **DRAWN, **SPLITS[split], **keys})


@pytest.mark.parametrize(
    "part",
    [
        *(f"position-{name}" for name in POSITIONS.components()),
        *(f"attention-{name}" for name in ATTENTIONS.components()),
    ],
)
def test_what_comes_later_moves_no_place_of_a_history(write_dataset: Any, part: str) -> None:
    setting, _, name = part.partition("-")
    keys: Dict[str, Any] = {"history_encoder": {"name": "transformer", setting: name}}
    if setting == "position":
        keys["row_features"] = ["gap", *POSITIONS.components()[name].reads]
    check_no_future(write_dataset, {**SMALL, **DRAWN, **keys})


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", [n for n, c in LOGIT_TERMS.components().items() if n in MORE])
def test_what_comes_later_moves_no_score_of_a_model_of_recbole(
    write_dataset: Any, name: str, split: str
) -> None:
    keys = {"model": "SASRec", "train_neg_sample_args": None, **chosen(LOGIT_TERMS, name)}
    small = {key: value for key, value in SMALL.items() if key != "request_lag"}
    check_no_future(write_dataset, {**small, **SPLITS[split], **keys})


def test_rankings_of_a_split_by_time_know_nothing_that_came_later(write_dataset: Any) -> None:
    check_no_future(write_dataset, {**SMALL, **SPLITS["by time"], "model": "Upstream"})


def trained_on(experiment: Experiment) -> List[torch.Tensor]:
    """Return all that the batches of an epoch hold, and what was counted beside them."""
    dataset = experiment.train_data._dataset
    counted = [trends.logit for trends in dataset.trends.values()]
    if dataset.item_graph is not None:
        counted.append(torch.from_numpy(dataset.item_graph.toarray()))
    batches = [batch[field] for batch in experiment.train_data for field in batch.interaction]
    return batches + counted


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "keys",
    [
        *cases(LOSSES, LOGIT_TERMS, ROW_FEATURES, HISTORY_ENCODERS),
        *(
            pytest.param(
                {"losses": {"feedback": {}, "margin": {"negatives": name}}}, id=f"negatives-{name}"
            )
            for name in NEGATIVES.components()
        ),
    ],
)
def test_held_out_rows_move_nothing_that_is_learned_from(
    write_dataset: Any, keys: Dict[str, Any], split: str
) -> None:
    log = world()
    if split == "by time":
        held_out = log["timestamp"] >= log["timestamp"].max() - 5 * 86400
    else:
        users = log.groupby("user_id")
        few = users["item_id"].transform("size") <= 3
        held_out = (users.cumcount(ascending=False) < 2) & ~few & (log["user_id"] != "all")
    frames = {"one": log, "two": changed_from(log, held_out)}
    keys = {**SMALL, **DRAWN, **SPLITS[split], "losses": "feedback", **keys}
    one, two = (
        trained_on(assemble(Config(config_dict={**write_dataset(frame, name=name), **keys})))
        for name, frame in frames.items()
    )
    assert len(one) == len(two) > 20
    assert all(torch.equal(a, b) for a, b in zip(one, two))

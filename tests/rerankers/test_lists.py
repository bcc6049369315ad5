"""Lists in the order of time: no row knows what came of another one of its slot or after it."""

from typing import Any, Dict, Optional

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log

from recbole_poem import load
from recbole_poem.benchmark import ranking
from recbole_poem.benchmark.evaluation import Recommendations, recommend
from recbole_poem.core.errors import InputError
from recbole_poem.rerankers.chain import chain_of
from recbole_poem.rerankers.lists import in_time_order
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import run_recbole_poem
from recbole_poem.training.registry import get_trainer

EAGER = {"weight": 1.0, "n_bits": 2, "n_arrays": 9, "pool": 20, "n_shown": 5, "slot_hours": 24}
KEYS = {
    "topk": [1, 5],
    "metrics": ["Hit", "NDCG", "MRR"],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 12,
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "epochs": 0,
    "rerankers": {"reloop2": EAGER},
}


@pytest.fixture
def log() -> pd.DataFrame:
    log = random_log(3, n_users=80, n_items=25, ties=False, longest=12)  # of twelve days
    # the number of an item is that of its first row in the file: what is changed comes last
    return log.iloc[is_last(log).argsort(kind="stable")].reset_index(drop=True)


def is_last(log: pd.DataFrame) -> pd.Series:
    return log.groupby("user_id")["timestamp"].transform("max") == log["timestamp"]


@pytest.fixture
def keys(log: pd.DataFrame, write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(log), **KEYS}


def experiment_of(keys: Dict[str, Any], **more: Any) -> Any:
    return assemble(Config("POEM", config_dict={**keys, **more}))


def recommended(experiment: Any, k: int = 5) -> Recommendations:
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    return recommend(trainer, experiment.test_data, k)


def times_of(found: Recommendations, log: pd.DataFrame) -> np.ndarray:
    """Return when the test rows were, the last ones of their users."""
    return log.groupby("user_id")["timestamp"].max().loc[found.user].to_numpy()


def test_the_loader_gives_each_row_once_in_the_order_of_time(keys: Dict[str, Any]) -> None:
    experiment = experiment_of(keys, eval_batch_size=7)
    loader = in_time_order(experiment.test_data)
    rows = torch.cat([batch[0]["request_id"] for batch in loader]).numpy()
    before = torch.cat([batch[0]["request_id"] for batch in experiment.test_data]).numpy()
    time = experiment.dataset.log.time[rows]
    assert (np.diff(time) >= 0).all() and not (np.diff(rows) >= 0).all()
    assert sorted(rows) == sorted(before)


def test_figures_do_not_depend_on_the_size_of_batches(keys: Dict[str, Any]) -> None:
    plain = experiment_of(keys, rerankers="none").evaluate()
    found = [experiment_of(keys, eval_batch_size=size).evaluate() for size in (1, 7, 4096)]
    assert found[0] == pytest.approx(found[1]) and found[1] == pytest.approx(found[2])
    assert found[0]["mrr@5"] != pytest.approx(plain["mrr@5"])


def test_every_evaluation_begins_with_an_empty_memory(keys: Dict[str, Any]) -> None:
    experiment = experiment_of(keys)
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    figures = [
        trainer.evaluate(data, load_best_model=False)
        for data in (experiment.test_data, experiment.valid_data, experiment.test_data)
    ]
    assert figures[0] == figures[2]


@pytest.mark.parametrize("mask", [True, False])
def test_the_benchmark_follows_the_evaluation(keys: Dict[str, Any], mask: bool) -> None:
    experiment = experiment_of(keys, mask_seen=mask)
    found, figures = recommended(experiment), experiment.evaluate()
    protocol = "masked" if mask else "recbole"
    mine = ranking.metrics(found.rank[protocol], found.top[protocol], [1, 5], 26, None)
    assert mine["NDCG@5"] == pytest.approx(figures["ndcg@5"])
    assert mine["MRR@5"] == pytest.approx(figures["mrr@5"])


def test_training_watches_the_lists_that_are_corrected(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem(config_dict={**keys, "model": "POEM", "epochs": 2})
    experiment = load(result["model_file"])
    assert experiment.evaluate("valid")["ndcg@5"] == pytest.approx(result["best_valid_score"])
    assert experiment.evaluate("test")["mrr@5"] == pytest.approx(result["test_result"]["mrr@5"])


def test_the_first_slot_knows_nothing_and_the_next_what_came_of_it(
    keys: Dict[str, Any], log: pd.DataFrame
) -> None:
    found, plain = (
        recommended(experiment_of(keys, **more)) for more in ({}, {"rerankers": "none"})
    )
    slot = times_of(found, log) // (24 * 3600)
    first = slot == slot.min()
    equal = (found.top["recbole"] == plain.top["recbole"]).all(axis=1)
    assert equal[first].all() and not equal[~first].all()
    at_once = recommended(experiment_of(keys, **{"rerankers.reloop2.slot_hours": 1e6}))
    assert (at_once.top["recbole"] == plain.top["recbole"]).all()


def changed_after(log: pd.DataFrame, moment: float) -> pd.DataFrame:
    """Return a log in which the last rows of users after a moment are of other items."""
    several = log.groupby("user_id")["timestamp"].transform("size") > 2
    where = is_last(log) & several & (log["timestamp"] > moment)
    other = log.copy()
    other.loc[where, "item_id"] = np.roll(log.loc[where, "item_id"].to_numpy(), 1)
    return other


def test_the_future_changes_nothing_before_it(
    keys: Dict[str, Any], log: pd.DataFrame, write_dataset: Any
) -> None:
    now = recommended(experiment_of(keys))
    times = times_of(now, log)
    moment = np.sort(times)[len(times) // 2]
    moved = write_dataset(changed_after(log, moment), name="moved")
    then = recommended(experiment_of({**keys, **moved}))
    assert (now.user == then.user).all() and (now.target != then.target).any()
    for protocol in ("recbole", "masked"):
        equal = (now.top[protocol] == then.top[protocol]).all(axis=1)
        assert equal[times <= moment].all()
        assert not equal[times > moment].all()


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("SASRec", {}, "reloop2: it reads user states, and SASRec gives scores alone; leave it"),
        ("Pop", {}, "reloop2: it reads user states, and Pop gives scores alone"),
        ("Upstream", {}, "reloop2: it reads user states, and Upstream gives scores alone"),
        ("POEM", {"eval_args": {"mode": "uni10"}}, "set the mode of eval_args to full"),
        ("POEM", {"rerankers.reloop2.slot_hours": 0}, "slot_hours: expected a number above 0"),
        ("POEM", {"rerankers.reloop2.n_bits": 21}, "n_bits: expected a whole number from 1 to 20"),
    ],
)
def test_what_it_cannot_do_is_said_before_any_work(
    keys: Dict[str, Any], model: str, more: Dict[str, Any], words: str
) -> None:
    given = {**keys, **more}
    if model != "POEM":
        given.pop("hidden_size")
    with pytest.raises(InputError, match=words):
        assemble(Config(model, config_dict=given))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("single_spec", False, "so one process has to evaluate; set nproc to 1"),
        ("benchmark_filename", ["a", "b", "c"], "give one .inter file and not those of"),
    ],
)
def test_rows_that_have_no_common_order_are_refused(
    keys: Dict[str, Any], key: str, value: Optional[Any], words: str
) -> None:
    config = Config("POEM", config_dict=keys)
    config[key] = value
    with pytest.raises(InputError, match=words):
        chain_of(config, None)

"""Pop and the previous ranking beside a model: what runs of their own come to."""

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import torch
from conftest import random_log

from recbole_poem.training.baselines import Targets, beside, counted_targets, training_counts
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import run_recbole_poem, train

SMALL = {
    "hidden_size": 8,
    "inner_size": 8,
    "epochs": 1,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 8,
}
CACHE = {"ranking_source.n_candidates": 8}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}


@pytest.mark.parametrize("masks", [False, True])
def test_the_previous_ranking_is_that_of_a_run_of_its_own(
    keys: Dict[str, Any], masks: bool
) -> None:
    keys = {**keys, **CACHE, "mask_seen": masks}
    finished = train("POEM", config_dict=keys)
    weights = {k: v.clone() for k, v in finished.experiment.model.state_dict().items()}
    found = beside(finished.trainer, finished.experiment)
    assert list(found) == ["previous ranking", "Pop"]
    alone = run_recbole_poem("Upstream", config_dict=keys)["test_result"]
    assert found["previous ranking"] == alone
    # the model is as it was
    assert finished.trainer.model is finished.experiment.model
    for name, weight in finished.experiment.model.state_dict().items():
        assert torch.equal(weight, weights[name])
    assert finished.experiment.evaluate("test") == finished.result["test_result"]


@pytest.mark.parametrize("more", [{}, {"positive_feedback": {"rating": "[3,inf)"}}])
def test_pop_is_what_a_run_of_its_own_comes_to(keys: Dict[str, Any], more: Dict[str, Any]) -> None:
    keys = {**keys, **more}
    finished = train("BPR", config_dict=keys)
    found = beside(finished.trainer, finished.experiment)
    alone = run_recbole_poem("Pop", config_dict=keys)["test_result"]
    assert found == {"Pop": alone}


@pytest.mark.parametrize(
    ("model", "name", "own"), [("BPR", "Pop", "Pop"), ("POEM", "previous ranking", "Upstream")]
)
def test_among_sampled_negatives_too_they_are_runs_of_their_own(
    keys: Dict[str, Any], model: str, name: str, own: str
) -> None:
    keys = {**keys, **CACHE, "eval_args": {"mode": "uni6"}}
    finished = train(model, config_dict=keys)
    found = beside(finished.trainer, finished.experiment)
    assert found[name] == run_recbole_poem(own, config_dict=keys)["test_result"]


def test_pop_counts_the_rows_of_the_training_part(keys: Dict[str, Any]) -> None:
    experiment = train("SASRec", config_dict=keys).experiment
    log = experiment.train_data._dataset.log
    counts = training_counts(experiment)
    assert counts.sum() == log.training.sum() > 0
    assert counts[3] == np.sum((log.item == 3) & log.training)


def test_pop_counts_the_rows_of_a_training_file(keys: Dict[str, Any]) -> None:
    folder = Path(keys["data_path"], "toy")
    header = "user_id:token\titem_id:token\titem_id_list:token_seq\ttimestamp:float"
    rows = {"train": ["u1\ti3\ti1 i2\t3", "u2\ti3\ti1\t4"], "valid": ["u1\ti1\ti2 i3\t5"]}
    for part in ("train", "valid", "test"):
        lines = [header, *rows.get(part, ["u2\ti2\ti1 i3\t6"])]
        (folder / f"toy.{part}.inter").write_text("\n".join(lines) + "\n")
    of_files = {
        "benchmark_filename": ["train", "valid", "test"],
        "alias_of_item_id": ["item_id_list"],
        "load_col": None,
        "topk": [1],
        "valid_metric": "NDCG@1",
    }
    experiment = assemble(Config("SASRec", config_dict={**keys, **of_files}))
    item = experiment.dataset.token2id("item_id", "i3")
    counts = training_counts(experiment)
    assert counts[item] == counts.sum() == 2


def test_what_has_no_ranking_to_judge_has_nothing_beside_it(keys: Dict[str, Any]) -> None:
    finished = train("Pop", config_dict=keys)
    assert beside(finished.trainer, finished.experiment) == {}
    finished = train("POEM", config_dict={**keys, "ranking_reader": "none", "losses": "feedback"})
    assert list(beside(finished.trainer, finished.experiment)) == ["Pop"]


def test_targets_that_were_seen_are_counted_one_by_one(keys: Dict[str, Any]) -> None:
    test = train("SASRec", config_dict=keys).experiment.test_data._dataset
    log, rows = test.log, test.inter_feat["request_id"].tolist()
    seen = sum(log.item[row] in log.item[log.first[row] : row] for row in rows)
    assert counted_targets(test) == Targets(len(rows), len(rows), seen)
    assert 0 < seen < len(rows)

"""Evaluation with sampled negatives repeats itself, and training does not notice it."""

from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from conftest import random_log

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, run_recbole_poem
from recbole_poem.training.registry import get_trainer


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    keys = write_dataset(random_log(1, n_users=40, n_items=25, longest=20))
    keys.update(epochs=2, topk=[3], valid_metric="MRR@3", metric_decimal_place=8)
    keys.update(
        MAX_ITEM_LIST_LENGTH=6,
        **{"grouping.n_groups": 2, "ranking_reader.group_samples": 2},
    )
    keys["ranking_source.n_candidates"] = 8
    return keys


def sampled(mode: str) -> Dict[str, Any]:
    split = {"LS": "valid_and_test"}
    return {"eval_args": {"split": split, "order": "TO", "group_by": "user", "mode": mode}}


@pytest.mark.parametrize("mode", ["uni5", "pop5"])
@pytest.mark.parametrize("model", ["BPR", "SASRec", "POEM"])
def test_equal_weights_have_equal_metrics(keys: Dict[str, Any], model: str, mode: str) -> None:
    result = run_recbole_poem(model, config_dict={**keys, **sampled(mode)})
    loaded = load(result["model_file"])
    for _ in range(2):
        assert loaded.evaluate("test") == result["test_result"]
        assert loaded.evaluate("valid") == result["best_valid_result"]
    for change in ({"eval_batch_size": 20}, {"worker": 1}):
        assert load(result["model_file"], change).evaluate() == result["test_result"]


def drawn(keys: Dict[str, Any], **change: Any) -> List[np.ndarray]:
    data = assemble(Config("BPR", config_dict={**keys, **sampled("uni5"), **change}))
    return [
        np.concatenate([batch[0]["item_id"].numpy() for batch in loader])
        for loader in (data.valid_data, data.test_data)
    ]


def test_parts_and_seeds_have_negatives_of_their_own(keys: Dict[str, Any]) -> None:
    (valid, test), (again, _), (other, _) = drawn(keys), drawn(keys), drawn(keys, seed=3)
    assert (valid == again).all()
    assert (valid != other).any()
    n = min(len(valid), len(test))
    assert (valid[:n] != test[:n]).mean() > 0.5


def test_the_streams_of_the_process_go_on_as_if_nothing_had_been_drawn(
    keys: Dict[str, Any],
) -> None:
    experiment = assemble(Config("SASRec", config_dict={**keys, **sampled("uni5")}))
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    experiment.evaluate()
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.parametrize("model", ["BPR", "SASRec"])
def test_training_does_not_depend_on_how_often_one_evaluates(
    keys: Dict[str, Any], model: str
) -> None:
    losses = []
    for eval_step in (1, 2):
        config = Config(model, config_dict={**keys, **sampled("uni5"), "eval_step": eval_step})
        experiment = assemble(config)
        trainer = get_trainer(config)(config, experiment.model)
        trainer.fit(experiment.train_data, experiment.valid_data, saved=False)
        losses.append(trainer.train_loss_dict)
    assert losses[0] == losses[1]
    assert len(losses[0]) == 2


def test_a_model_that_draws_when_it_predicts_repeats_itself(keys: Dict[str, Any]) -> None:
    small = {"dims_dnn": [8], "embedding_size": 4, "steps": 2, "sampling_noise": True}
    experiment = assemble(Config("DiffRec", config_dict={**keys, **small}))
    torch.manual_seed(1)
    first = experiment.evaluate()
    torch.manual_seed(2)
    assert experiment.evaluate() == first

"""The loss `preference` in whole trainings: paired, resumed, in several processes."""

import math
from typing import Any, Dict

import pytest
import torch
from conftest import random_log
from toy_poem import SMALL, make
from toy_training import killed_after

from recbole_poem import Recommender, run_recbole_poem
from recbole_poem.core.fields import PASSED_OVER, REQUEST_ID
from recbole_poem.training import checkpoint
from recbole_poem.training.quick_start import load

BOTH = {"feedback": {}, "preference": {"after_epochs": 1, "weight": 1.0, "depth": 4}}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    off = {"ranking_reader": "none", "logit_terms": "none", "row_features": "gap"}
    sizes = {"train_batch_size": 36, "learning_rate": 0.02, "metric_decimal_place": 8}
    kept = {k: v for k, v in SMALL.items() if k.split(".")[0] not in ("ranking_reader", "grouping")}
    return {**write_dataset(log), **kept, **off, **sizes, "epochs": 3, "losses": BOTH}


def weights(result: Any, part: str = "last_state_dict") -> Dict[str, torch.Tensor]:
    found: Dict[str, torch.Tensor] = checkpoint.read(result["model_file"])[part]
    return found


def test_until_it_acts_a_run_is_the_same_to_the_bit(keys: Dict[str, Any]) -> None:
    alone = weights(run_recbole_poem(config_dict={**keys, "losses": ["feedback"]}))
    for after, is_same in ((3, True), (2, False)):
        given = {**keys, "losses.preference.after_epochs": after}
        beside = weights(run_recbole_poem(config_dict=given))
        assert all(torch.equal(w, beside[name]) for name, w in alone.items()) is is_same
        assert int(beside["learned_losses.preference.n_epochs"]) == 3


@pytest.mark.parametrize(
    "encoder", ["transformer", {"name": "mixture", "item_dropout": 0}, "comirec"], ids=str
)
def test_it_begins_with_the_logarithm_of_2_whatever_was_learned(
    keys: Dict[str, Any], encoder: Any
) -> None:
    quiet = {"hidden_dropout_prob": 0, "attn_dropout_prob": 0, "history_encoder": encoder}
    experiment = make(keys, **quiet)
    model, batch = experiment.model.train(), next(iter(experiment.train_data))
    torch.nn.init.normal_(model.item_embedding.weight)
    model.begin_epoch()
    assert model.calculate_loss(batch)[1].item() == 0
    model.begin_epoch()
    loss = model.calculate_loss(batch)[1]
    assert loss.item() == pytest.approx(math.log(2), abs=1e-5)
    loss.backward()
    assert model.item_embedding.weight.grad.abs().sum() > 0


def test_a_batch_holds_what_its_requests_passed_over(keys: Dict[str, Any]) -> None:
    experiment, seen = make(keys), 0
    dataset = experiment.train_data._dataset
    for batch in experiment.train_data:
        asks = batch[REQUEST_ID] >= 0
        passed_over, request = batch[PASSED_OVER][asks], batch[REQUEST_ID][asks]
        expected = dataset.passed_over(request.numpy(), dataset.log.training, 4)
        assert torch.equal(passed_over, expected)
        target = torch.from_numpy(dataset.log.item)[request]
        assert not (passed_over == target.unsqueeze(1)).any()
        assert not batch[PASSED_OVER][~asks].any()
        seen += int((passed_over > 0).sum())
    assert seen > 100


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_run_that_was_killed_goes_on_with_the_same_reference(
    keys: Dict[str, Any], epoch: int
) -> None:
    """It is killed in the epoch before the term acts, and in its first one."""
    keys = {**keys, "ema_decay": 0.9, "epochs": 4}
    result = run_recbole_poem(config_dict=keys)
    resumed = run_recbole_poem(config_dict={"resume": killed_after(epoch, keys)})
    for part in ("last_state_dict", "state_dict"):
        again = weights(resumed, part)
        for name, weight in weights(result, part).items():
            assert torch.equal(weight, again[name]), name
    loaded = load(result["model_file"])
    assert loaded.evaluate("valid") == result["best_valid_result"]
    history = loaded.dataset.id2token(loaded.dataset.iid_field, [3, 7, 9]).tolist()
    assert len(Recommender.load(result["model_file"]).recommend([history], k=4)) == 4


@pytest.mark.parametrize("training", ["stacked", "joint"])
def test_where_rankings_are_read_it_teaches_the_history(
    keys: Dict[str, Any], training: str
) -> None:
    given = {**keys, **SMALL, "ranking_training": training}
    del given["ranking_reader"]
    experiment = make(given)
    model = experiment.model.train()
    names = {"stacked": ["history feedback", "history preference", "feedback"]}
    assert model.loss_names == names.get(training, ["feedback", "preference"])
    model.begin_epoch()
    model.begin_epoch()
    parts = dict(zip(model.loss_names, model.calculate_loss(next(iter(experiment.train_data)))))
    loss = parts["history preference" if training == "stacked" else "preference"]
    assert 0.1 < loss.item() < 2
    loss.backward()
    assert model.item_embedding.weight.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in model.ranking_side.parameters())


def test_two_processes_learn_what_one_does(keys: Dict[str, Any]) -> None:
    more = {"history_encoder": "comirec", "hidden_dropout_prob": 0.0, "train_batch_size": 48}
    results = [run_recbole_poem(config_dict={**keys, **more, "nproc": n}) for n in (1, 2)]
    one, two = map(weights, results)
    for name, weight in one.items():
        assert torch.allclose(weight, two[name], atol=1e-4), name

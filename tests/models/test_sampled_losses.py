"""POEM that learns by a sample of the catalogue, in the place of feedback and beside it."""

from typing import Any, Dict, List

import pytest
import torch
from conftest import random_log, successor_log
from toy_poem import ALL_OFF, SMALL, make

from recbole_poem import Recommender
from recbole_poem.core.blocks import laid
from recbole_poem.core.fields import BINARY_NEGATIVE, SOFTMAX_NEGATIVE, TARGET_ID
from recbole_poem.losses.terms.gbce import beta_of, binary_loss
from recbole_poem.models import learning
from recbole_poem.training.quick_start import run_recbole_poem

PRESET = {
    "model": "POEM",
    "preset": "gsasrec",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "losses.gbce.number": 5,
    "train_batch_size": 60,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
}
LEARNED = {"sampled_softmax": {"number": 5, "in_batch": True, "learned_temperature": True}}
#: and of how many items the next one is to be the first
LOSSES: List[Any] = [
    pytest.param({"gbce": {"number": 5}}, 1, id="gbce"),
    pytest.param(LEARNED, 1, id="sampled_softmax"),
    # sets hold nothing that the user consumed, so they do not say which of these comes next
    pytest.param({"setrank": {"negatives": {"number": 5}}}, 5, id="sigmoid"),
    pytest.param({"setrank": {"form": "exp_sigmoid"}}, 5, id="exp_sigmoid"),
]


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return write_dataset(random_log(1, n_users=40, n_items=25, longest=20))


@pytest.mark.parametrize("history", ["transformer", "comirec"])
def test_the_preset_learns_each_target_beside_its_own_negatives(
    keys: Dict[str, Any], history: str
) -> None:
    """With several interests all scores of a target are those of the interest that fits it."""
    more = {"history_encoder": history, "initializer_range": 0.5, "losses.gbce.t": 1.0}
    experiment = make({**keys, **PRESET}, **more)
    model, batch = experiment.model.eval(), next(iter(experiment.train_data))
    (loss,) = model.calculate_loss(batch)
    states, table = model.states(batch), model.item_embedding.weight
    beta, slow = beta_of(1.0, 5, len(table) - 1), []
    assert beta == pytest.approx(5 / 24)
    for window, place in (batch[TARGET_ID] > 0).nonzero().tolist():
        target, negative = batch[TARGET_ID][window, place], batch[BINARY_NEGATIVE][window, place]
        products = states[window, place] @ table.T
        scores = products[products[:, target].argmax()]
        slow.append(binary_loss(scores[target].view(1), scores[negative].view(1, 5), beta))
    torch.testing.assert_close(loss, torch.cat(slow).mean())


@pytest.mark.parametrize(("losses", "first"), LOSSES)
def test_learns_that_the_successor_comes_next(
    write_dataset: Any, monkeypatch: pytest.MonkeyPatch, losses: Dict[str, Any], first: int
) -> None:
    """No term asks for the softmax over the catalogue, so none is computed."""
    monkeypatch.setattr(learning, "full_log_probability", None)
    given = {"losses": losses, "train_batch_size": 60, "learning_rate": 0.01, "epochs": 25}
    given.update(hidden_dropout_prob=0.1, ranking_reader="none", history_encoder="transformer")
    keys = laid(write_dataset(successor_log(n_items=40)), SMALL, given, {"eval_step": 25})
    assert run_recbole_poem(config_dict=keys)["test_result"][f"hit@{first}"] > 0.9


def test_beside_feedback_the_history_and_what_reads_rankings_learn(keys: Dict[str, Any]) -> None:
    more = {"losses": {"feedback": {}, "gbce": {"number": 5}}, "ranking_source.folds": 2}
    experiment = make({**keys, **SMALL}, **more)
    model = experiment.model
    assert model.loss_names == ["history feedback", "history gbce", "feedback", "gbce"]
    parts = model.calculate_loss(next(iter(experiment.train_data)))
    assert all(part > 0 for part in parts)
    parts[1].backward(retain_graph=True)
    moved = {name for name, each in model.named_parameters() if each.grad is not None}
    assert not any(name.startswith("ranking_side") for name in moved)
    model.zero_grad()
    parts[3].backward()
    assert model.item_embedding.weight.grad is None or not model.item_embedding.weight.grad.any()
    read = [each.grad for name, each in model.named_parameters() if "state_fusion" in name]
    assert any(grad is not None and grad.any() for grad in read)


def test_a_learned_temperature_is_trained_saved_and_read(keys: Dict[str, Any]) -> None:
    given = {**keys, **laid(SMALL, ALL_OFF), "losses": LEARNED, "epochs": 2}
    first = make(given).model
    assert first.losses["sampled_softmax"].temperature().item() == pytest.approx(1)
    result = run_recbole_poem(config_dict=given)
    model = Recommender.load(result["model_file"]).model
    learned = model.losses["sampled_softmax"].temperature().item()
    assert 0.9 < learned < 1.1
    assert learned != pytest.approx(1, abs=1e-6)


def test_a_sample_of_nothing_but_the_batch_has_no_field_of_its_own(keys: Dict[str, Any]) -> None:
    losses = {"sampled_softmax": {"number": 0, "in_batch": True}}
    experiment = make({**keys, **SMALL}, **{**ALL_OFF, "losses": losses})
    batch = next(iter(experiment.train_data))
    assert SOFTMAX_NEGATIVE not in batch
    (loss,) = experiment.model.calculate_loss(batch)
    loss.backward()
    assert loss.isfinite()
    assert experiment.model.item_embedding.weight.grad.isfinite().all()

"""Perturbed histories in the batches of a model: draws of their rows, and a loss of them alone."""

from typing import Any, Dict

import pytest
from conftest import random_log
from toy_poem import make

from recbole_poem.core.fields import PERTURBED_ITEM, REQUEST_ID, REQUEST_POSITION
from recbole_poem.core.noise import Purpose, uniform

ITEMS = "item_id_list"
SMALL = {
    "model": "POEM",
    "preset": "esasrec",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "train_batch_size": 60,
    "losses": ["feedback", "noise_robustness"],
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    return {**write_dataset(log), **SMALL}


def test_batches_hold_the_draws_of_their_rows(keys: Dict[str, Any]) -> None:
    experiment = make(keys, **{"losses.noise_robustness.masked": 0.4})
    loader, seen = experiment.train_data, 0
    loader.set_epoch(3)
    for batch in loader:
        start = (batch[REQUEST_ID] - batch[REQUEST_POSITION])[:, 0] - 1
        for b, row in enumerate(start.tolist()):
            for place, item in enumerate(batch[ITEMS][b].tolist()):
                key = row + 1 + place + 3 * len(loader._dataset.log)
                fate = uniform(2020, Purpose.PERTURBED_ITEM, key, 0).item()
                if item and fate < 0.4:
                    assert batch[PERTURBED_ITEM][b, place] == 0
                    seen += 1
                elif fate > 0.5:
                    assert batch[PERTURBED_ITEM][b, place] == item
    assert seen > 50


@pytest.mark.parametrize("encoder", ["transformer", "mixture", "comirec", "hstu"])
def test_without_perturbation_and_dropout_it_is_0_and_else_it_teaches_the_history(
    keys: Dict[str, Any], encoder: str
) -> None:
    quiet = {"hidden_dropout_prob": 0, "attn_dropout_prob": 0, "history_encoder": encoder}

    def loss(**more: Any) -> Any:
        experiment = make(keys, **quiet, **more)
        parts = experiment.model.calculate_loss(next(iter(experiment.train_data)))
        return parts[1], experiment.model

    none = {"losses.noise_robustness.masked": 0, "losses.noise_robustness.replaced": 0}
    assert loss(**none)[0].item() == pytest.approx(0, abs=1e-6)
    some, model = loss()
    some.backward()
    assert some.item() > 1e-4
    assert model.item_embedding.weight.grad.abs().sum() > 0
    assert not model.item_embedding.weight.grad[0].any()


@pytest.mark.parametrize("encoder", ["transformer", "mixture", "comirec", "hstu"])
def test_histories_of_masked_items_alone_move_nothing_far(
    keys: Dict[str, Any], encoder: str
) -> None:
    experiment = make(keys, **{"history_encoder": encoder, "losses.noise_robustness.masked": 0.5})
    batch = next(iter(experiment.train_data))
    has_nothing_left = (batch[PERTURBED_ITEM][:, 0] == 0) & (batch[ITEMS][:, 0] > 0)
    assert has_nothing_left.any()
    experiment.model.calculate_loss(batch)[1].backward()
    weights = experiment.model.named_parameters()
    longest = {name: one.grad.norm().item() for name, one in weights if one.grad is not None}
    assert max(longest.values()) < 100, longest  # of hstu it was 1e18

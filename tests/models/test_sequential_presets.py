"""The presets of sequential models: no rankings, what they learn by, and served as evaluated."""

from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from conftest import random_log, successor_log
from toy_poem import make

from recbole_poem import Recommender, run_recbole_poem
from recbole_poem.core.errors import InputError
from recbole_poem.training import checkpoint

PRESETS = {
    "fair": ["feedback", "noise_robustness", "next_item_contrast"],
    "hstu": ["sampled_softmax"],
    "esasrec": ["sampled_softmax"],
}
SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
    "train_batch_size": 60,
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}


@pytest.mark.parametrize("preset", PRESETS)
def test_it_reads_no_rankings_and_is_served_as_it_is_evaluated(
    keys: Dict[str, Any], preset: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    given = {**keys, "preset": preset, "epochs": 1}
    experiment = make(given)
    assert experiment.train_data._dataset.cache is None
    assert experiment.model.loss_names == PRESETS[preset]
    assert not (Path(keys["checkpoint_dir"]) / "request_cache").exists()
    result = run_recbole_poem(config_dict=given)
    recommender = Recommender.load(result["model_file"])
    assert "not recorded" not in caplog.text  # a single request is answered without Python
    dataset, model = recommender.loaded.dataset, recommender.model
    tokens = dataset.id2token(dataset.iid_field, [3, 7, 9]).tolist()
    times = [1.6e9, 1.6e9 + 5, 1.6e9 + 700]
    found = recommender.recommend([tokens], k=5, filter_seen=False, item_times=[times])
    rows = {"time": torch.tensor([[*times, 0, 0, 0]], dtype=torch.float64)}
    windows = model.item_embedding(torch.tensor([[3, 7, 9, 0, 0, 0]]))
    with torch.no_grad():
        state = model.history_encoder(windows, rows)[0, 2, 0]
        items = model.history_encoder.scoring(model.item_embedding.weight[1:])
    expected = (state @ items.T).topk(5)
    best = dataset.id2token(dataset.iid_field, expected.indices.numpy() + 1)
    assert found["item"].tolist() == best.tolist()
    scores = torch.tensor(found["score"].to_numpy())
    torch.testing.assert_close(scores, expected.values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("preset", PRESETS)
def test_it_learns_that_the_successor_comes_next(write_dataset: Any, preset: str) -> None:
    keys = {**write_dataset(successor_log()), **SMALL, "preset": preset, "stopping_step": 30}
    more = {"learning_rate": 0.01, "epochs": 30, "hidden_dropout_prob": 0.1}
    result = run_recbole_poem(config_dict={**keys, **more, "attn_dropout_prob": 0.1})
    assert result["test_result"]["hit@1"] > 0.95


def test_the_losses_of_fair_teach_the_history_beside_rankings_too(keys: Dict[str, Any]) -> None:
    """In stacked training they are of the history, and what stands on top learns without them."""
    losses = {name: {} for name in PRESETS["fair"]}
    experiment = make(keys, losses=losses, **{"ranking_source.n_candidates": 8})
    of_history = [f"history {name}" for name in losses]
    assert experiment.model.loss_names == [*of_history, "feedback"]
    parts = experiment.model.calculate_loss(next(iter(experiment.train_data)))
    assert len(parts) == 4
    assert all(part.isfinite() for part in parts)
    sum(parts[1:3]).backward()
    touched = {name for name, p in experiment.model.named_parameters() if p.grad is not None}
    assert {name.partition(".")[0] for name in touched} == {"item_embedding", "history_encoder"}


def test_two_processes_learn_by_the_losses_of_fair_what_one_does(keys: Dict[str, Any]) -> None:
    """Perturbations are those of the rows, and the negatives those of the whole batch."""
    more = {"hidden_dropout_prob": 0.0, "attn_dropout_prob": 0.0, "train_batch_size": 48}
    one, two = (
        run_recbole_poem(
            config_dict={**keys, **more, "preset": "fair", "epochs": 3, "nproc": nproc}
        )
        for nproc in (1, 2)
    )
    weights = [checkpoint.read(each["model_file"])["last_state_dict"] for each in (one, two)]
    for state in weights:  # the keys' bias moves no attention: all that it learns of is rounding
        for name in (name for name in state if name.endswith("query_key_value.bias")):
            state[name].view(3, -1)[1] = 0
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], atol=1e-4, rtol=0, msg=name)


def test_times_of_hstu_are_to_be_there(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match="reads the row feature 'time', which is not there"):
        make({**keys, "preset": "hstu", "row_features": "none"})


def test_heads_of_fair_come_by_twos(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match="n_heads: the attention focused takes heads by twos"):
        make({**keys, "preset": "fair", "n_heads": 1})

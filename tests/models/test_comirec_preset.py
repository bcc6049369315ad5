"""The preset of ComiRec: K interests that are learned by what fits them, found and served."""

from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from conftest import random_log, successor_log
from toy_poem import make

from recbole_poem import Recommender, run_recbole_poem
from recbole_poem.core.fields import TARGET_ID

PRESET = {
    "model": "POEM",
    "preset": "comirec",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "history_encoder.n_interests": 3,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
    "train_batch_size": 60,
}
ROUTINGS = ["self_attention", "dynamic"]


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **PRESET}


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_target_is_learned_by_the_interest_that_fits_it_best(
    keys: Dict[str, Any], routing: str
) -> None:
    experiment = make(keys, **{"history_encoder.routing": routing, "initializer_range": 0.5})
    model, batch = experiment.model, next(iter(experiment.train_data))
    (loss,) = model.calculate_loss(batch)
    states, embedding = model.states(batch), model.item_embedding.weight
    assert states.shape[2:] == (3, 16)
    slow, chosen = [], set()
    for window, place in (batch[TARGET_ID] > 0).nonzero().tolist():
        target = batch[TARGET_ID][window, place]
        products = states[window, place] @ embedding.T  # (K, n_items)
        best = int(products[:, target].argmax())
        chosen.add(best)
        slow.append(-products[best, 1:].log_softmax(0)[target - 1])
    torch.testing.assert_close(loss, torch.stack(slow).mean())
    assert chosen == {0, 1, 2}


@pytest.mark.parametrize("routing", ROUTINGS)
def test_it_reads_no_rankings_and_is_served_as_it_is_evaluated(
    keys: Dict[str, Any], routing: str
) -> None:
    given = {**keys, "history_encoder.routing": routing, "epochs": 1}
    experiment = make(given)
    assert experiment.train_data._dataset.cache is None
    assert not (Path(keys["checkpoint_dir"]) / "request_cache").exists()
    result = run_recbole_poem(config_dict=given)
    recommender = Recommender.load(result["model_file"])
    assert recommender.objectives == []
    dataset = recommender.loaded.dataset
    history = dataset.id2token(dataset.iid_field, [3, 7, 9]).tolist()
    found = recommender.recommend([history], k=5, filter_seen=False)
    model = recommender.model
    windows = torch.tensor([[3, 7, 9, 0, 0, 0]])
    states = model.history_encoder(model.item_embedding(windows), {})[0, 2]
    expected = (states @ model.item_embedding.weight[1:].T).amax(0).topk(5)
    tokens = dataset.id2token(dataset.iid_field, expected.indices.numpy() + 1)
    assert found["item"].tolist() == tokens.tolist()
    torch.testing.assert_close(torch.tensor(found["score"].to_numpy()), expected.values)


def test_routing_learns_the_successor_that_no_mean_of_items_can_point_to(
    write_dataset: Any,
) -> None:
    """A mean of the history's items points to one of them first; matrices of routing need not."""
    keys = {**write_dataset(successor_log()), **PRESET, "learning_rate": 0.03, "epochs": 60}
    attended, routed = (
        run_recbole_poem(config_dict={**keys, "history_encoder.routing": routing})["test_result"]
        for routing in ROUTINGS
    )
    assert attended["hit@1"] < 0.1 < 0.9 < attended["hit@5"]
    assert routed["hit@1"] > 0.6

"""A resumed run of RecBole's models that keep something beside their weights."""

from typing import Any, Dict

import pytest
import torch
from conftest import random_log
from toy_training import killed_after

from recbole_poem.training import checkpoint
from recbole_poem.training.quick_start import run_recbole_poem

MODELS: Dict[str, Dict[str, Any]] = {
    "MultiVAE": {"total_anneal_steps": 40},
    "DiffRec": {},
    "LINE": {},
    "NCL": {"m_step": 3, "warm_up_step": 1, "num_clusters": 3},
    "RecVAE": {},
}


@pytest.mark.parametrize("model", MODELS)
def test_a_resumed_run_equals_an_uninterrupted_one(write_dataset: Any, model: str) -> None:
    if model == "NCL":
        pytest.importorskip("faiss")
    keys = {
        **write_dataset(random_log(1, n_users=40, n_items=25, longest=20)),
        "model": model,
        "topk": [5],
        "valid_metric": "NDCG@5",
        "train_batch_size": 64,
        "learning_rate": 0.02,
        "epochs": 4,
        **MODELS[model],
    }
    whole = run_recbole_poem(config_dict=keys)
    resumed = run_recbole_poem(config_dict={"resume": killed_after(1, keys)})
    ours, theirs = (checkpoint.read(each["model_file"]) for each in (whole, resumed))
    for name, weight in ours["last_state_dict"].items():
        assert torch.equal(weight, theirs["last_state_dict"][name]), name
    assert resumed["test_result"] == whole["test_result"]

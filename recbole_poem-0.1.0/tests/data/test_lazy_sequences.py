"""RecBole's sequential models on the flat data set: the same training, to the last bit."""

import random
from typing import Any, Dict, Tuple

import numpy as np
import pytest
import torch
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.data.dataset import FlatSequentialDataset
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_dataset, get_trainer

ITEMS = "item_id:token\tclass:token_seq\n" + "".join(
    f"i{i}\tc{i % 3} c{i % 4}\n" for i in range(25)
)
AUC = {
    "metrics": ["AUC"],
    "valid_metric": "AUC",
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "uni20"},
}
KEYS: Dict[str, Dict[str, Any]] = {
    "SASRec": {"mask_seen": True, "positive_feedback": {"rating": "[2,inf)"}},
    "GRU4Rec": {"loss_type": "BPR"},
    "BERT4Rec": {},  # masks items of its batches at random
    "SASRecF": {"selected_features": ["class"]},  # reads fields of the items
    "S3Rec": {"train_stage": "pretrain", "pretrain_epochs": 2, "save_step": 2},
    "DIN": AUC,  # reads all fields, trains and is evaluated on sampled negatives
}


def train(model: str, keys: Dict[str, Any]) -> Tuple[Dict[str, torch.Tensor], Dict[str, float]]:
    """Train for two epochs; return the weights and the metrics of the test rows."""
    small = {"epochs": 2, "MAX_ITEM_LIST_LENGTH": 6, "train_batch_size": 32, "topk": [5]}
    config = Config(model, config_dict={"valid_metric": "NDCG@5", **small, **keys})
    random.seed(0)
    experiment = assemble(config)
    assert isinstance(experiment.dataset, FlatSequentialDataset) == config["lazy_sequences"]
    trainer = get_trainer(config)(config, experiment.model)
    trainer.fit(experiment.train_data, experiment.valid_data, saved=False)
    metrics = trainer.evaluate(experiment.test_data, load_best_model=False)
    return experiment.model.state_dict(), dict(metrics)


@pytest.mark.parametrize("model", KEYS)
def test_training_is_identical(write_dataset: Any, model: str) -> None:
    keys = {**write_dataset(random_log(0, n_users=40, n_items=25), item=ITEMS), **KEYS[model]}
    keys["load_col"]["item"] = ["item_id", "class"]
    weights, metrics = train(model, {**keys, "lazy_sequences": False})
    lazy_weights, lazy_metrics = train(model, {**keys, "lazy_sequences": True})
    assert lazy_metrics == metrics
    for name, weight in weights.items():
        assert torch.equal(lazy_weights[name], weight), name


@pytest.mark.parametrize(
    ("model", "keys", "words"),
    [
        ("DIEN", {}, "DIEN brings a data set that makes windows of its own"),
        ("FEARec", {}, "FEARec looks for windows in the whole data set"),
        ("SASRec", {"benchmark_filename": ["a", "b", "c"]}, "SASRec is given windows by the files"),
    ],
)
def test_models_that_need_the_windows_are_refused(
    write_dataset: Any, model: str, keys: Dict[str, Any], words: str
) -> None:
    keys = {**write_dataset(random_log(0)), "lazy_sequences": True, **keys}
    if model == "DIEN":
        keys.update(AUC)
    with pytest.raises(InputError, match=f"^lazy_sequences: {words}.*set the key to False"):
        get_dataset(Config(model, config_dict=keys))


@pytest.mark.parametrize("model", ["BPR", "POEM"])
def test_models_without_stored_windows_ignore_the_key(write_dataset: Any, model: str) -> None:
    keys = write_dataset(random_log(0))
    on, off = (
        get_dataset(Config(model, config_dict={**keys, "lazy_sequences": lazy}))
        for lazy in (True, False)
    )
    assert on.__mro__[1:] == off.__mro__[1:]


def test_memory_does_not_grow_with_the_length_of_the_windows(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(0)), "lazy_sequences": True}

    def numbers(length: int) -> int:
        config = Config("SASRec", config_dict={**keys, "MAX_ITEM_LIST_LENGTH": length})
        splits = get_dataset(config)(config).build()
        return sum(
            int(np.prod(column.shape))
            for split in splits
            for column in [
                *split.inter_feat.interaction.log.values(),
                split.inter_feat["request_id"],
            ]
        )

    assert numbers(2) == numbers(50)

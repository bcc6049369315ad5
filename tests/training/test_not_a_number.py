"""Scores that are not numbers are refused, and do not count as the best."""

from typing import Any, Dict

import pytest
import torch
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

SHARDED = {"item_table": "sharded", "losses": ["feedback"], "full_softmax_limit": 0}


@pytest.mark.parametrize(
    "more",
    [
        {"model": "GRU4Rec"},
        {"model": "POEM", "ranking_reader": "none", **SHARDED},
        {"model": "GRU4Rec", "eval_args": {"mode": "uni5"}},
    ],
    ids=["dense", "sharded", "sampled"],
)
def test_targets_whose_score_is_not_a_number_have_no_rank(
    write_dataset: Any, more: Dict[str, Any]
) -> None:
    keys = {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), "topk": [5]}
    config = Config(config_dict={**keys, "valid_metric": "NDCG@5", "hidden_size": 8, **more})
    experiment = assemble(config)
    trainer = get_trainer(config)(config, experiment.model)
    table = experiment.model.item_embedding
    rows = table.rows if more["model"] == "POEM" else table.weight.data
    found = trainer.evaluate(experiment.valid_data, load_best_model=False)
    assert 0 < found["ndcg@5"] < 0.9
    rows[torch.arange(1, len(rows), 2)] = float("nan")
    with pytest.raises(InputError) as error:
        trainer.evaluate(experiment.valid_data, load_best_model=False)
    words = "learning_rate: the score of a target is not a number any more; 0.001 may be too large"
    assert str(error.value).startswith(words)

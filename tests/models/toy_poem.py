"""Small POEMs on small logs, for the tests of the model as a whole."""

from typing import Any, Dict

import torch

from recbole_poem.core.blocks import laid
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble

SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "requests_per_window": 3,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
}
ALL_OFF = {"ranking_reader": "none", "losses.system": "none", "losses.margin": "none"}


def make(keys: Dict[str, Any], **more: Any) -> Experiment:
    return assemble(Config(config_dict=laid(keys, more)))


def wake(model: Any) -> None:
    """Give weights that start at zero some value, so that what they multiply counts."""
    for name, parameter in model.named_parameters():
        if name.startswith(("logit_terms", "ranking_side.state_fusion.residual")):
            torch.nn.init.normal_(parameter)


def rows(experiment: Experiment) -> Any:
    return experiment.test_data._dataset[torch.arange(len(experiment.test_data._dataset))]

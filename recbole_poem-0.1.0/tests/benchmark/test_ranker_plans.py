"""The plans of rankers: each row can be carried out, and no network has more weights."""

from pathlib import Path
from typing import Any, Dict

import pytest
import yaml

from recbole_poem.rankers.inputs.rar import SetToSet
from recbole_poem.training.config import Config

PLANS = sorted((Path(__file__).parents[2] / "benchmarks" / "rankers").glob("*.yaml"))
SIZE = 32  # d of the model's defaults
N_FEATURES = 5 * SIZE + 3 * 16


def weights_of(config: Any) -> int:
    networks, n_features = [], N_FEATURES
    if config.component("ranker_input"):  # rar: six vectors of two attentions
        networks, n_features = [SetToSet(SIZE), SetToSet(SIZE)], n_features + 6 * SIZE
    networks.append(config.component("ranker").make(n_features, len(config["targets"])))
    return sum(weight.numel() for network in networks for weight in network.parameters())


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_rows_are_configurations_of_equally_many_weights(path: Path) -> None:
    plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert plan["reference"] in plan["rows"] and plan["seeds"] >= 5
    found: Dict[str, int] = {}
    for name, own in plan["rows"].items():
        keys = {**plan["keys"], **own}
        config = Config("MultiTaskRanker", plan["dataset"], config_dict=keys)
        assert config.unknown_keys() == []
        found[name] = weights_of(config)
    most = max(found.values())
    assert all(n > 0.99 * most for n in found.values()), found

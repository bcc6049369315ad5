"""The plans of rankers: each row can be carried out, and no network has more weights."""

from pathlib import Path
from typing import Any, Dict

import pytest
import yaml

from recbole_poem.training.config import Config

PLANS = sorted((Path(__file__).parents[2] / "benchmarks" / "rankers").glob("*.yaml"))
N_FEATURES = 5 * 32 + 3 * 16  # of the model's defaults


def weights_of(config: Any) -> int:
    network = config.component("ranker").make(N_FEATURES, len(config["targets"]))
    return sum(weight.numel() for weight in network.parameters())


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

"""What a component calls idle beside its other settings moves no number."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from recbole_poem.core.settings import default_of
from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.sizes import Sizes

TIME = {"time": SimpleNamespace(n_slots=0)}


def interpos(gaps: str) -> Any:
    return {"name": "transformer", "position": {"name": "interpos", "gaps": gaps}}


def states(block: Any, features: Any) -> torch.Tensor:
    torch.manual_seed(0)
    chosen = HISTORY_ENCODERS.choose(block, "history_encoder")
    encoder = chosen.make(Sizes(8, 6, 1, 2, 16, 0.0, 0.0, seed=0), features).eval()
    encoder.reset_parameters(0.5)
    items = torch.randn(2, 6, 8)
    found: torch.Tensor = encoder(items, {"time": 1e9 * torch.rand(2, 6).double().cumsum(1)})
    return found


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"name": "comirec"}, ["n_iterations"]),
        ({"name": "comirec", "routing": "dynamic"}, ["hidden_factor"]),
        ({"name": "gimirec"}, []),
        ({"name": "gimirec", "gaps": 0}, ["longest"]),
        ({"name": "gimirec", "hops": 0}, ["window", "hours", "per_user", "neighbours"]),
        (interpos("seconds"), ["n_days"]),
        (interpos("days"), []),
    ],
    ids=str,
)
def test_what_is_idle_moves_no_number(block: Any, expected: Any) -> None:
    settings = HISTORY_ENCODERS.choose(block, "history_encoder").settings
    inside = settings.position.settings if "position" in block else settings
    idle = inside.idle()
    assert list(idle) == expected
    features = {} if block["name"] == "comirec" or block.get("gaps") == 0 else TIME
    usual = states(block, features)
    for name in idle:
        more = {name: default_of(type(inside).__dataclass_fields__[name]) + 1}
        other = {"position": {**block["position"], **more}} if "position" in block else more
        assert torch.equal(states({**block, **other}, features), usual), name

"""The shared bottom, which is a mixture of one expert."""

import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import made
from recbole_poem.rankers.networks.mmoe import MixtureOfExperts
from recbole_poem.rankers.networks.shared_bottom import SharedBottom


def test_it_is_a_mixture_of_one_expert() -> None:
    given = {"tower_sizes": [7], "dropout": 0.0}
    bottom = SharedBottom(
        made(SharedBottom.Settings, {**given, "bottom_sizes": [8, 6]}, "ranker"), 5, 3
    )
    mixture = MixtureOfExperts(
        made(MixtureOfExperts.Settings, {**given, "expert_sizes": [8, 6], "n_experts": 1}, ""), 5, 3
    )
    mixture.experts[0].load_state_dict(bottom.bottom.state_dict())
    mixture.towers.load_state_dict(bottom.towers.state_dict())
    features = torch.randn(2, 4, 5)
    assert bottom(features).shape == (2, 4, 3)
    assert torch.allclose(bottom(features), mixture(features), atol=1e-6)


def test_targets_share_the_bottom_and_no_tower() -> None:
    network = SharedBottom(made(SharedBottom.Settings, {}, "ranker"), 5, 3)
    network(torch.randn(6, 5))[:, 1].sum().backward()
    assert all(p.grad.any() for p in network.bottom.parameters())
    touched = [bool(tower[-1].weight.grad.any()) for tower in network.towers]
    assert touched == [False, True, False]


def test_a_bottom_without_layers_is_refused() -> None:
    with pytest.raises(InputError, match=r"^ranker\.bottom_sizes: expected a list of whole "):
        made(SharedBottom.Settings, {"bottom_sizes": []}, "ranker")

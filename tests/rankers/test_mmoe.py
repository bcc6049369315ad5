"""The mixture's algebra, and a world of two conflicting tasks that a shared bottom cannot learn."""

from typing import Any, Dict, List, Tuple

import pytest
import torch
import torch.nn.functional as F

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import made
from recbole_poem.rankers.networks.mmoe import MixtureOfExperts

SIZES: Dict[str, Any] = {
    "n_experts": 4,
    "expert_sizes": [8, 6],
    "tower_sizes": [7],
    "dropout": 0.0,
}


def mixture(**changes: Any) -> MixtureOfExperts:
    torch.manual_seed(0)
    settings = made(MixtureOfExperts.Settings, {**SIZES, **changes}, "ranker")
    return MixtureOfExperts(settings, 5, 3).eval()


def test_gates_are_shares_that_sum_to_one() -> None:
    weights = mixture().gate_weights(10 * torch.randn(2, 7, 5))
    assert weights.shape == (2, 7, 3, 4)
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(dim=-1), torch.ones(2, 7, 3), atol=1e-6)


@pytest.mark.parametrize("tower_sizes", [[], [7], [7, 4]])
def test_an_output_is_the_tower_of_the_experts_mixed_by_the_gate(tower_sizes: List[int]) -> None:
    network, features = mixture(tower_sizes=tower_sizes), torch.randn(5)
    outputs = network(features)
    for task in range(3):
        gate = (network.gates.weight[4 * task : 4 * task + 4] @ features).exp()
        mixed = sum(g / gate.sum() * e(features) for g, e in zip(gate, network.experts))
        assert torch.allclose(outputs[task], network.towers[task](mixed)[0], atol=1e-6)


def test_rows_are_independent_whatever_the_leading_shape() -> None:
    network, features = mixture(), torch.randn(2, 3, 5)
    outputs = network(features)
    assert outputs.shape == (2, 3, 3)
    assert torch.allclose(outputs[1, 2], network(features[1, 2]), atol=1e-6)


def test_one_expert_is_a_shared_bottom() -> None:
    network, features = mixture(n_experts=1), torch.randn(6, 5)
    shared = network.experts[0](features)
    expected = torch.cat([tower(shared) for tower in network.towers], dim=-1)
    assert torch.allclose(network(features), expected, atol=1e-6)


def test_tasks_share_the_experts_and_nothing_else() -> None:
    network = mixture()
    network(torch.randn(6, 5))[:, 1].sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.experts.parameters() if p.dim() == 2)
    used = network.gates.weight.grad.view(3, 4, 5).abs().sum(dim=(1, 2)) > 0
    assert used.tolist() == [False, True, False]
    moved = [tower[-1].weight.grad.abs().sum() > 0 for tower in network.towers]
    assert moved == [False, True, False]


def test_dropout_is_of_training_only() -> None:
    network, features = mixture(dropout=0.5), torch.randn(6, 5)
    assert torch.equal(network(features), network(features))
    network.train()
    assert not torch.allclose(network(features), network(features))


def conflicting_world(n_rows: int, seed: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """Where x_1 > 0 the second task wants the opposite of the first, elsewhere the same.

    The two labels are independent and balanced: all four pairs of labels are equally frequent.
    """
    features = torch.randn(n_rows, 4, generator=torch.Generator().manual_seed(seed))
    first = features[:, 0] > 0
    return features, torch.stack([first, first ^ (features[:, 1] > 0)], dim=1)


def learn(tasks: List[int], n_experts: int, width: int) -> Tuple[int, torch.Tensor]:
    """Number of parameters and the test accuracy of each task, after 200 steps on 256 rows.

    Experts give out one number, and towers are linear.
    """
    torch.manual_seed(1)
    settings = MixtureOfExperts.Settings(n_experts, [width, 1], [], 0.0)
    network = MixtureOfExperts(settings, 4, len(tasks))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    features, labels = conflicting_world(4000, seed=1)
    for _ in range(200):
        rows = torch.randint(len(features), (256,))
        outputs = network(features[rows])
        loss = F.binary_cross_entropy_with_logits(outputs, labels[rows][:, tasks].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    features, labels = conflicting_world(2000, seed=2)
    right = (network(features) > 0) == labels[:, tasks]
    return sum(p.numel() for p in network.parameters()), right.float().mean(dim=0)


def test_gates_learn_conflicting_tasks_that_a_larger_shared_bottom_cannot() -> None:
    # Two thresholds on one shared number cut it into three intervals, so one of the four equally
    # frequent pairs of labels is always missed in one task: the mean accuracy is 7/8 at most.
    mixed_size, mixed = learn([0, 1], n_experts=12, width=4)
    shared_size, shared = learn([0, 1], n_experts=1, width=68)
    assert mixed_size < shared_size
    assert mixed.min() > 0.95
    assert shared.mean() < 0.89  # 7/8 and the noise of 2,000 rows
    # it is the conflict: the same bottom learns each of the tasks on its own
    for task in range(2):
        assert learn([task], n_experts=1, width=68)[1].item() > 0.95


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_experts": 0}, r"^ranker\.n_experts: expected a whole number from 1, not 0$"),
        (
            {"expert_sizes": []},
            r"^ranker\.expert_sizes: expected a list of whole .*, not \[\]$",
        ),
        (
            {"expert_sizes": [8, 0]},
            r"^ranker\.expert_sizes: expected a list .*, not \[8, 0\]$",
        ),
        (
            {"tower_sizes": [-1]},
            r"^ranker\.tower_sizes: expected .*, or \[\] for none, not \[-1\]$",
        ),
    ],
)
def test_sizes_that_make_no_network_are_refused(changes: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        mixture(**changes)

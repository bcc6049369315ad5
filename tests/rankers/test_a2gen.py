"""Actions one after the other: sums over all sequences, and worlds where one depends on others."""

from itertools import product
from typing import Any, Dict, Tuple

import numpy as np
import pytest
import torch
from torch import nn
from toy_components import targets_of

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import made
from recbole_poem.rankers.measures import auc
from recbole_poem.rankers.networks.a2gen import ActionGenerator, order_loss
from recbole_poem.rankers.networks.shared_bottom import SharedBottom
from recbole_poem.rankers.target_loss import LabelLosses, averaged, predictions

SIZES: Dict[str, Any] = {"bottom_sizes": [8], "tower_sizes": [5], "dropout": 0.0}
NAN = torch.nan


def yes_or_no(*weights: float) -> Dict[str, Any]:
    return {
        f"action{number}": {"feedback": {"x": "[1,1]"}, "positive_weight": weight}
        for number, weight in enumerate(weights)
    }


def generator(n_targets: int = 4, **changes: Any) -> ActionGenerator:
    torch.manual_seed(0)
    settings = made(ActionGenerator.Settings, {**SIZES, **changes}, "ranker")
    return ActionGenerator(settings, 7, n_targets).double()


def awake(network: ActionGenerator) -> ActionGenerator:
    """Let the actions so far have a say."""
    nn.init.normal_(network.generator.weight, std=3)
    nn.init.normal_(network.generator.bias)
    return network


def features(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, 7, generator=torch.Generator().manual_seed(1)).double()


def sequences(n_actions: int) -> torch.Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=n_actions))).double()


def chances(network: ActionGenerator, x: torch.Tensor, all_of: torch.Tensor) -> torch.Tensor:
    """Chance of each sequence, (B, S), action by action behind those that it has."""
    n_rows, n_sequences = len(x), len(all_of)
    logits = network.following(
        x.unsqueeze(1).expand(-1, n_sequences, -1), all_of.expand(n_rows, -1, -1)
    )
    return torch.where(all_of == 1, logits.sigmoid(), 1 - logits.sigmoid()).prod(dim=-1)


@pytest.mark.parametrize("n_actions", [1, 2, 5])
def test_the_chances_of_all_sequences_sum_to_1_and_to_each_action_s(n_actions: int) -> None:
    network, x, all_of = awake(generator(n_actions)), features(6), sequences(n_actions)
    of_each = chances(network, x, all_of)
    assert torch.allclose(of_each.sum(dim=-1), torch.ones(6).double())
    assert torch.allclose(network(x).sigmoid(), of_each @ all_of)
    with torch.no_grad():  # and where the start token is asked for much, or hardly at all
        network.context.weight *= 100
    of_each = chances(network, 10 * x, all_of)
    assert torch.allclose(network(10 * x).sigmoid(), of_each @ all_of)


def test_a_silent_generator_is_a_shared_bottom() -> None:
    network, x = generator(), features(3, 9)
    assert torch.allclose(network(x), network.backbone(x))
    assert torch.equal(network.following(x, torch.ones(3, 9, 4)), network.backbone(x))
    assert not torch.allclose(awake(network)(x), network.backbone(x))


def test_an_action_depends_on_those_before_it_alone() -> None:
    network, x, labels = awake(generator()), features(1), torch.tensor([[1.0, 0, 1, 0]])
    before = network.following(x, labels)
    for place in range(4):
        for other in (1 - labels[0, place].item(), NAN):
            changed = labels.clone()
            changed[0, place] = other
            moved = network.following(x, changed) != before
            assert moved[0].tolist() == [later > place for later in range(4)]


def test_candidates_beside_each_other_do_not_matter() -> None:
    network, x = awake(generator()), features(3, 9)
    assert network(x).shape == (3, 9, 4)
    assert torch.allclose(network(x)[1, 4], network(x[1, 4]))


def test_rare_actions_keep_their_digits() -> None:
    network, x = generator(2).float(), features(5).float()
    with torch.no_grad():
        for tower in network.backbone.towers:
            tower[-1].bias -= 40
    assert torch.allclose(network(x), network.backbone(x), rtol=1e-5)


def test_weights_of_positives_are_taken_out_of_the_sum_and_put_back() -> None:
    targets = targets_of(yes_or_no(1, 5, 0.5))
    network, x, all_of = awake(generator(3)), features(6), sequences(3)
    network.know(targets)
    # what a positive's weight has multiplied is divided by it before chances are multiplied
    logits = network.following(x.unsqueeze(1).expand(-1, 8, -1), all_of.expand(6, -1, -1))
    likely = predictions(logits, targets)
    of_each = torch.where(all_of == 1, likely, 1 - likely).prod(dim=-1)
    assert torch.allclose(of_each.sum(dim=-1), torch.ones(6).double())
    assert torch.allclose(predictions(network(x), targets), of_each @ all_of)


def test_a_watch_time_is_no_action_and_has_its_tower_alone() -> None:
    a, b = yes_or_no(1, 1).values()
    targets = targets_of({"a": a, "seconds": {"target": "watch_time"}, "b": b})
    network, x = awake(generator(3)), features(6)
    network.know(targets)
    assert torch.equal(network(x)[:, 1], network.backbone(x)[:, 1])
    labels = torch.tensor([[1.0, 30, 0]]).expand(6, -1)
    longer = torch.tensor([[1.0, 90, 0]]).expand(6, -1)
    assert torch.equal(network.following(x, labels), network.following(x, longer))
    # as if there were the two actions alone
    all_of = torch.stack([sequences(2)[:, 0], torch.zeros(4), sequences(2)[:, 1]], dim=-1)
    logits = network.following(x.unsqueeze(1).expand(-1, 4, -1), all_of.expand(6, -1, -1))
    of_each = torch.where(all_of == 1, logits.sigmoid(), 1 - logits.sigmoid())[..., [0, 2]].prod(-1)
    assert torch.allclose(network(x).sigmoid()[:, [0, 2]], of_each @ all_of[:, [0, 2]])
    only_seconds = generator(1)
    only_seconds.know(targets_of({"seconds": {"target": "watch_time"}}))
    assert torch.equal(only_seconds(x), only_seconds.backbone(x))
    assert torch.equal(only_seconds.following(x, torch.ones(6, 1)), only_seconds.backbone(x))


def test_the_loss_is_that_of_the_sequence() -> None:
    network, x = awake(generator(3)), features(8)
    of = LabelLosses(sequences(3), targets_of(yes_or_no(1, 1, 1)))
    likely = chances(network, x, sequences(3)).diagonal()
    assert torch.allclose(network.losses(x, of).sum(dim=1), -likely.log())


def test_the_order_loss_is_that_of_offending_pairs() -> None:
    times = torch.tensor([[0.1, 0.5, 0.3], [0.1, 0.2, 0.3]], requires_grad=True)
    loss = order_loss(times)
    assert torch.allclose(loss, torch.tensor([[0, 0, 0.04], [0, 0, 0]]))
    loss.sum().backward()
    assert torch.allclose(times.grad, torch.tensor([[0, 0.4, -0.4], [0, 0, 0]]))


def test_the_order_loss_is_added_to_the_later_action() -> None:
    a, b = yes_or_no(3, 1).values()
    targets = targets_of({"a": a, "seconds": {"target": "watch_time"}, "b": b})
    plain, with_order = (awake(generator(3, order_weight=gamma)) for gamma in (0.0, 0.5))
    x, of = features(8), LabelLosses(torch.ones(8, 3).double(), targets)
    for network in (plain, with_order):
        network.know(targets)
    added = with_order.losses(x, of) - plain.losses(x, of)
    likely = predictions(plain(x), targets)
    expected = torch.zeros(8, 3).double()
    expected[:, 2] = 0.5 * (likely[:, 2] - likely[:, 0]).clamp(min=0) ** 2
    assert torch.allclose(added, expected)
    assert (expected[:, 2] > 0).any()


def world(n_rows: int, seed: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """A coin decides the first action; the second is taken if it and a feature agree."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n_rows, 7, generator=draw)
    first = torch.rand(n_rows, generator=draw) < 0.5
    second = first ^ (x[:, 0] > 0)
    third = torch.rand(n_rows, generator=draw) < (0.1 + 0.8 * first)
    return x, torch.stack([first, second, third], dim=1).float()


def learned(component: Any) -> Tuple[Any, torch.Tensor, torch.Tensor]:
    """Train, a fifth of the second labels unknown; return new rows."""
    torch.manual_seed(0)
    targets = targets_of(yes_or_no(1, 1, 1))
    network = component(made(component.Settings, {**SIZES, "bottom_sizes": [16]}, "ranker"), 7, 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    x, labels = world(20_000, 1)
    labels[torch.rand(len(labels)) < 0.2, 1] = NAN
    for _ in range(300):
        rows = torch.randint(len(x), (256,))
        of = LabelLosses(labels[rows], targets)
        losses = (
            network.losses(x[rows], of) if component is ActionGenerator else of(network(x[rows]))
        )
        loss = averaged(losses, labels[rows], targets)[0].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval().requires_grad_(False), *world(4_000, 2)


def test_it_learns_what_depends_on_an_earlier_action() -> None:
    network, x, labels = learned(ActionGenerator)
    independent, *_ = learned(SharedBottom)
    second = labels[:, 1].numpy()
    behind = network.following(x, labels)
    assert auc(second, behind[:, 1].numpy()) > 0.99
    assert 0.45 < auc(second, independent(x)[:, 1].numpy()) < 0.55

    def joint(logits: torch.Tensor) -> float:
        """Return what all labels of a row cost together."""
        of = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return of.sum(dim=1).mean().item()

    # bits of a coin, of nothing, and of a coin that falls as the first in nine of ten; or three
    best = np.log(2) - 0.9 * np.log(0.9) - 0.1 * np.log(0.1)
    assert joint(behind) < best + 0.05
    assert joint(independent(x)) > 3 * np.log(2) - 0.05
    # nothing is known before the exposure, so nobody says more than a coin of each action alone
    assert (network(x).sigmoid() - 0.5).abs().mean() < 0.05


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action_size": 0}, r"^ranker\.action_size: expected a whole number from 1, not 0$"),
        ({"n_heads": 0}, r"^ranker\.n_heads: expected a whole number from 1, not 0$"),
        ({"order_weight": -1}, r"^ranker\.order_weight: expected a number from 0, not -1$"),
    ],
)
def test_settings_out_of_their_range_are_refused(changes: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        generator(**changes)


def test_more_actions_than_can_be_summed_over_are_refused() -> None:
    generator(10).know(targets_of(yes_or_no(*[1] * 10)))
    words = (
        r"^targets: a2gen sums over all sequences of yes/no targets, 10 at most, and there are 11"
    )
    with pytest.raises(InputError, match=words):
        generator(11).know(targets_of(yes_or_no(*[1] * 11)))

"""Transfer between targets: its algebra, and worlds with a twin and with a stranger."""

from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import torch
from torch import nn
from toy_components import targets_of

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import made
from recbole_poem.rankers.measures import auc
from recbole_poem.rankers.networks.ektm import KnowledgeTransfer
from recbole_poem.rankers.networks.mmoe import MixtureOfExperts
from recbole_poem.rankers.target_loss import averaged, row_losses

SIZES: Dict[str, Any] = {
    "n_experts": 2,
    "expert_sizes": [8, 6],
    "tower_sizes": [5],
    "dropout": 0.0,
}
TARGETS = targets_of({name: {"feedback": {name: "[1,1]"}} for name in ("click", "one", "two")})


def transfer(n_targets: int = 4, **changes: Any) -> KnowledgeTransfer:
    torch.manual_seed(0)
    settings = made(KnowledgeTransfer.Settings, {**SIZES, **changes}, "ranker")
    return KnowledgeTransfer(settings, 7, n_targets)


def awake(network: KnowledgeTransfer) -> KnowledgeTransfer:
    """Give the transmitters something to say."""
    for transmitter in network.transmitters:
        nn.init.normal_(transmitter.message[-1].weight)
    return network


def test_silent_transmitters_leave_the_backbone_to_the_bit() -> None:
    network, features = transfer(), torch.randn(3, 9, 7)
    assert torch.equal(network(features), network.backbone(features))
    assert not torch.allclose(awake(network)(features), network.backbone(features))


def test_the_click_is_the_backbone_s_and_drafts_are_beside_the_outputs() -> None:
    network, features = awake(transfer()), torch.randn(9, 7)
    drafts, outputs = network.drafts(features)
    assert torch.equal(drafts, network.backbone(features))
    assert torch.equal(outputs, network(features))
    assert torch.equal(outputs[:, 0], drafts[:, 0])


def test_rows_are_independent_whatever_the_leading_shape() -> None:
    network, features = awake(transfer()), torch.randn(2, 3, 7)
    outputs = network(features)
    assert outputs.shape == (2, 3, 4)
    assert torch.allclose(outputs[1, 2], network(features[1, 2]), atol=1e-6)


def test_one_target_is_the_backbone() -> None:
    network, features = transfer(n_targets=1), torch.randn(9, 7)
    assert torch.equal(network(features), network.backbone(features))
    assert torch.equal(network.losses(features, lambda outputs: outputs**2),
                       network.backbone(features) ** 2)  # fmt: skip


def test_the_router_averages_the_click_and_the_weighted_conversions() -> None:
    router, hidden = transfer().router, torch.randn(4, 2, 5).unbind(0)
    own = torch.stack(hidden[1:], dim=-2)
    weights = router.weights(own, own)  # (2, 3, 3)
    assert torch.allclose(weights.sum(dim=-1), torch.full((2, 3), 3.0))
    for i, routed in enumerate(router(hidden)):
        total = hidden[0] + sum(weights[:, i, j, None] * hidden[1 + j] for j in range(3))
        assert torch.allclose(routed, total / 4, atol=1e-6)
    nothing = router.mix(hidden[0], own, own, torch.zeros(2, 3, 3))
    assert torch.allclose(nothing, (hidden[0] / 4).unsqueeze(1).expand(-1, 3, -1))


def test_similar_towers_are_read_more() -> None:
    router = transfer().router
    nn.init.eye_(router.projection.weight)
    own = torch.tensor([[[1.0, 0, 0, 0, 0], [2, 0.1, 0, 0, 0], [-1, 1, 0, 0, 0]]])
    weights = router.weights(own, own)[0]
    assert weights[0, 0] > weights[0, 1] > 1 > weights[0, 2]
    clipped = transfer(similarity="clipped").router
    nn.init.eye_(clipped.projection.weight)
    weights = clipped.weights(own, own)[0]
    assert torch.allclose(weights.diagonal(), torch.ones(3))
    assert weights[0, 2] == 0  # a cosine below 0
    assert weights[0, 1].item() == pytest.approx(2 / np.sqrt(4.01))


def test_two_targets_are_both_patterns_and_the_mean_of_both_towers() -> None:
    hidden = torch.randn(2, 6, 5).unbind(0)
    for pattern in ("parallel", "sequential"):
        (routed,) = transfer(n_targets=2, pattern=pattern).router(hidden)
        assert torch.allclose(routed, (hidden[0] + hidden[1]) / 2, atol=1e-6)


def test_in_sequence_a_target_reads_those_before_it_alone() -> None:
    router = transfer(pattern="sequential").router
    hidden = list(torch.randn(4, 6, 5).unbind(0))
    before = router(hidden)
    assert torch.allclose(before[0], (hidden[0] + hidden[1]) / 2, atol=1e-6)
    hidden[2] = torch.randn(6, 5)
    after = router(hidden)
    moved = [not torch.equal(old, new) for old, new in zip(before, after)]
    assert moved == [False, True, True]


@pytest.mark.parametrize("detached", [True, False])
def test_whether_a_target_moves_the_towers_of_others(detached: bool) -> None:
    network = awake(transfer(detached=detached))
    network(torch.randn(9, 7))[:, 2].sum().backward()
    grads = [tower[0][0].weight.grad for tower in network.backbone.towers]
    moved = [grad is not None and bool(grad.any()) for grad in grads]
    assert moved == ([False, False, True, False] if detached else [True] * 4)


def of_rows(labels: torch.Tensor) -> Any:
    return lambda outputs: row_losses(outputs, labels, TARGETS)


def test_the_loss_is_that_of_the_draft_and_of_the_output() -> None:
    network, features = awake(transfer(n_targets=3)), torch.randn(9, 7)
    labels = torch.randint(0, 2, (9, 3)).float()
    drafts, outputs = network.drafts(features)
    of_drafts, of_outputs = of_rows(labels)(drafts), of_rows(labels)(outputs)
    expected = torch.cat([of_drafts[:, :1], ((of_drafts + of_outputs) / 2)[:, 1:]], dim=1)
    assert torch.allclose(network.losses(features, of_rows(labels)), expected)
    wrong = torch.where(labels == 1, 1 - drafts.sigmoid(), drafts.sigmoid())
    hard = awake(transfer(n_targets=3, hardness=2.0)).losses(features, of_rows(labels))
    expected = ((of_drafts + wrong**2 * of_outputs) / 2)[:, 1:]
    assert torch.allclose(hard[:, 1:], expected, atol=1e-6)


def test_weights_by_hardness_leave_nothing_of_a_calibrated_draft() -> None:
    """The logit of least loss is that of the labels less gamma times the draft's."""
    labels = torch.cat([torch.ones(20, 3), torch.zeros(80, 3)])
    draft = torch.logit(torch.tensor(0.2))
    for gamma in (0.0, 1.0, 2.0):
        network = transfer(n_targets=3, hardness=gamma)
        output = torch.zeros(1, requires_grad=True)
        network.drafts = lambda _, output=output: (  # type: ignore[method-assign, misc]
            draft.expand(100, 3), output.expand(100, 3)
        )  # fmt: skip
        optimizer = torch.optim.LBFGS([output], max_iter=50, line_search_fn="strong_wolfe")

        def closure(network: Any = network, output: torch.Tensor = output) -> torch.Tensor:
            loss = network.losses(torch.zeros(100, 7), of_rows(labels)).sum()
            (output.grad,) = torch.autograd.grad(loss, [output])
            return loss

        optimizer.step(closure)
        assert output.item() == pytest.approx((1 - gamma) * draft.item(), abs=1e-3)


def world(n_rows: int, seed: int, has_twin: bool) -> Tuple[torch.Tensor, torch.Tensor]:
    """The last target repeats the second in 95 % of the rows, or is of other features."""
    generator = torch.Generator().manual_seed(seed)
    x, chance = torch.randn(n_rows, 12, generator=generator), torch.rand(n_rows, 3)
    one = chance[:, 1] < (4.5 * (x[:, :4] * x[:, 4:8]).tanh().sum(dim=1)).sigmoid()
    click = chance[:, 0] < x[:, 8].sigmoid()
    twin = one ^ (chance[:, 2] > 0.95)
    stranger = chance[:, 2] < (2 * x[:, 9] + x[:, 10]).sigmoid()
    return x, torch.stack([click, one, twin if has_twin else stranger], dim=1).float()


def learned(component: Any, seed: int, has_twin: bool) -> Tuple[Any, torch.Tensor, np.ndarray]:
    """Train on 20,000 rows, of which 2 % have a label of the last target; return test rows."""
    torch.manual_seed(seed)
    sizes = {"n_experts": 1, "expert_sizes": [16], "tower_sizes": [32, 8], "dropout": 0.0}
    network = component(made(component.Settings, sizes, "ranker"), 12, 3)
    x, labels = world(20_000, seed, has_twin)
    labels[torch.rand(len(labels)) > 0.02, 2] = torch.nan
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(300):
        rows = torch.randint(len(x), (512,))
        of = of_rows(labels[rows])
        losses = (
            network.losses(x[rows], of)
            if component is KnowledgeTransfer
            else of(network(x[rows]))
        )  # fmt: skip
        loss = averaged(losses, labels[rows], TARGETS)[0].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, labels = world(8_000, 100 + seed, has_twin)
    return network.eval(), x, labels[:, 2].numpy()


def aucs(seed: int, has_twin: bool) -> List[float]:
    """AUC of the rare target: of the draft, and of the output."""
    network, x, labels = learned(KnowledgeTransfer, seed, has_twin)
    return [auc(labels, outputs[:, 2].detach().numpy()) for outputs in network.drafts(x)]


def test_a_rare_target_gains_from_its_twin() -> None:
    gains = []
    for seed in range(2):
        draft, output = aucs(seed, has_twin=True)
        assert output > draft + 0.01
        network, x, labels = learned(MixtureOfExperts, seed, has_twin=True)
        gains.append(output - auc(labels, network(x)[:, 2].detach().numpy()))
    assert np.mean(gains) > 0.01  # over the same towers without a router


def test_a_rare_target_loses_nothing_from_a_stranger() -> None:
    for seed in range(2):
        draft, output = aucs(seed, has_twin=False)
        assert output > draft - 0.005


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pattern": "circular"}, r"^ranker\.pattern: expected one of parallel, sequential, not"),
        ({"temperature": 0}, r"^ranker\.temperature: expected a number above 0, not 0$"),
        ({"hardness": -1}, r"^ranker\.hardness: expected a number from 0, not -1$"),
        ({"n_experts": 0}, r"^ranker\.n_experts: expected a whole number from 1, not 0$"),
    ],
)
def test_settings_out_of_their_range_are_refused(changes: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        transfer(**changes)

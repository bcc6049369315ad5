"""States of perturbed histories: no loss without a perturbation, and draws that belong to rows."""

from types import SimpleNamespace
from typing import Any, List

import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import PERTURBED_ITEM, REQUEST_POSITION, TARGET_ID
from recbole_poem.core.stages import LOSSES

ITEMS = "item_id_list"


def choice(**settings: Any) -> Any:
    return LOSSES.of_one().choose({"name": "noise_robustness", **settings}, "losses")


def learnt(states: torch.Tensor, perturbed: torch.Tensor, target: List[List[int]]) -> Any:
    batch = {TARGET_ID: torch.tensor(target), PERTURBED_ITEM: torch.zeros(1)}
    return SimpleNamespace(
        batch=batch, history=states, encode=lambda items: perturbed, n_processes=1
    )


def perturbed(
    masked: float, replaced: float, items: torch.Tensor, epoch: int = 0, start: int = 0
) -> torch.Tensor:
    """Perturb windows (B, W) that begin at a row, one behind the other, of a log of 10^6 rows."""
    config = {"seed": 3, "LIST_SUFFIX": "_list"}
    dataset = SimpleNamespace(item_num=1000, iid_field="item_id")
    data = SimpleNamespace(config=config, dataset=dataset)
    chosen = choice(masked=masked, replaced=replaced)
    make_field = chosen.component.fields(chosen.settings, data)[PERTURBED_ITEM]
    first = start + items.shape[1] * torch.arange(len(items)).unsqueeze(1)
    position = torch.tensor([[2, 0]]).expand(len(items), 2)
    draws = first + 1 + position + epoch * 10**6
    field = make_field(first + 1, draws, {ITEMS: items, REQUEST_POSITION: position})
    return field


def test_it_is_one_minus_the_cosine_at_positions_that_have_a_target() -> None:
    states = torch.tensor([[[[3.0, 0], [0, 2]], [[1, 1], [1, 0]], [[5, 5], [5, 5]]]])
    others = torch.tensor([[[[0.0, 1], [0, 9]], [[-2, -2], [1, 0]], [[7, 0], [7, 0]]]])
    term = choice(weight=0.5).make()
    found = term(learnt(states, others, [[8, 9, 0]]), torch.zeros(0))
    # two interests: (1 + 0) / 2 at the first position, (2 + 0) / 2 at the second
    assert found.item() == pytest.approx(0.5 * (0.5 + 1) / 2)
    assert term.positives(SimpleNamespace(target=torch.tensor([4, 5]))).shape == (2, 0)


def test_without_a_target_there_is_no_loss() -> None:
    states = torch.randn(1, 2, 1, 4, requires_grad=True)
    loss = choice().make()(learnt(states, torch.randn(1, 2, 1, 4), [[0, 0]]), torch.zeros(0))
    loss.backward()
    assert loss.item() == 0
    assert not states.grad.any()


def test_a_state_without_a_direction_is_left_out() -> None:
    states = torch.tensor([[[[1.0, 0], [0, 2]], [[1, 1], [1, 0]]]])
    others = torch.tensor([[[[0.0, 0], [0, 9]], [[-2, -2], [1, 0]]]], requires_grad=True)
    loss = choice(weight=1).make()(learnt(states, others, [[8, 9]]), torch.zeros(0))
    loss.backward()
    assert loss.item() == pytest.approx(1)  # (2 + 0) / 2, of the second position
    assert others.grad is not None
    assert not others.grad[0, 0].any()


def test_shares_of_the_items_are_masked_and_replaced_and_padding_stays() -> None:
    items = torch.full((500, 40), 7)
    items[:, 30:] = 0
    found = perturbed(0.3, 0.2, items)
    assert not found[:, 30:].any()
    inside = found[:, :30]
    assert (inside == 0).float().mean() == pytest.approx(0.3, abs=0.02)
    other = inside[(inside != 0) & (inside != 7)]
    assert len(other) / inside.numel() == pytest.approx(0.2, abs=0.02)
    assert (other.min(), other.max()) == (1, 999)
    assert other.float().mean().item() == pytest.approx(500, abs=20)
    assert torch.equal(perturbed(0.0, 0.0, items), items)
    assert not perturbed(1.0, 0.0, items).any()
    replaced = perturbed(0.0, 1.0, items)
    assert (replaced[:, :30] > 0).all()
    assert not replaced[:, 30:].any()


def test_draws_belong_to_rows_and_epochs_and_not_to_windows() -> None:
    items = torch.arange(1, 121).view(4, 30)
    found = perturbed(0.3, 0.3, items)
    wide = perturbed(0.3, 0.3, items.view(2, 60))
    assert torch.equal(wide.view(4, 30), found)
    assert torch.equal(perturbed(0.3, 0.3, items[2:], start=60), found[2:])
    assert not torch.equal(perturbed(0.3, 0.3, items, epoch=1), found)


def test_shares_above_all_are_refused() -> None:
    with pytest.raises(InputError, match=r"losses.masked: with losses.replaced, 0.3, there are"):
        choice(masked=0.8, replaced=0.3)

"""Products of states with items of their own, and their gradients, against torch's."""

from typing import Tuple

import pytest
import torch

from recbole_poem.logits import products
from recbole_poem.logits.products import products_of


@pytest.fixture
def made() -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(5, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    table = torch.randn(7, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    return state, table, torch.tensor([[1, 1, 4], [0, 2, 1], [6, 6, 6], [2, 4, 1], [1, 4, 2]])


@pytest.mark.parametrize("at_once", [1, 18, 1 << 18])
def test_parts_of_any_size_give_the_products_and_their_gradients(
    made: Tuple[torch.Tensor, ...], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(products, "_AT_ONCE", at_once)
    state, table, chosen = made
    expected = torch.einsum("td,tpd->tp", state, table[chosen])
    torch.testing.assert_close(products_of(state, table, chosen), expected)
    assert torch.autograd.gradcheck(products_of, (state, table, chosen))


def test_items_that_nobody_chose_have_no_gradient(made: Tuple[torch.Tensor, ...]) -> None:
    state, table, chosen = made
    products_of(state, table, chosen).sum().backward()
    assert table.grad.abs().sum(1).nonzero().flatten().tolist() == [0, 1, 2, 4, 6]


def test_no_items_and_no_states_give_nothing(made: Tuple[torch.Tensor, ...]) -> None:
    state, table, chosen = made
    assert products_of(state, table, chosen[:, :0]).shape == (5, 0)
    assert products_of(state[:0], table, chosen[:0]).shape == (0, 3)


def test_states_of_half_precision_take_that_of_the_table(made: Tuple[torch.Tensor, ...]) -> None:
    state, table, chosen = made
    half = state.detach().bfloat16().requires_grad_()
    found = products_of(half, table.float(), chosen)
    assert found.dtype == torch.float32
    found.sum().backward()
    assert half.grad.dtype == torch.bfloat16

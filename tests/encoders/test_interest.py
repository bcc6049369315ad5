"""The two ways to make one interest of two states."""

import pytest
import torch
from recbole_poem.encoders.state_fusion import FUSIONS

HISTORY = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
CASCADE = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
KNOWN = torch.tensor([[True], [True], [False], [True], [False]])


def made(name: str) -> torch.nn.Module:
    fusion = FUSIONS[name](4)
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter)
    return fusion


def test_the_gate_mixes_coordinate_by_coordinate() -> None:
    gate = made("gate")
    found = gate(HISTORY, CASCADE, KNOWN)
    cascade = torch.where(KNOWN, CASCADE, gate.empty_entry)
    weight, bias = gate.gate.weight, gate.gate.bias
    share = torch.sigmoid(HISTORY @ weight[:, :4].T + cascade @ weight[:, 4:].T + bias)
    torch.testing.assert_close(found, share * HISTORY + (1 - share) * cascade)


def test_the_residual_moves_the_history_where_an_entry_is_known() -> None:
    residual = made("residual")
    found = residual(HISTORY, CASCADE, KNOWN)
    moved = HISTORY + CASCADE @ residual.residual.weight.T
    torch.testing.assert_close(found, torch.where(KNOWN, moved, HISTORY))
    residual.start_at_zero()
    assert torch.equal(residual(HISTORY, CASCADE, KNOWN), HISTORY)


@pytest.mark.parametrize("name", ["gate", "residual"])
def test_without_entries_is_with_empty_ones(name: str) -> None:
    fusion = made(name)
    empty = fusion(HISTORY, CASCADE, torch.zeros_like(KNOWN))
    torch.testing.assert_close(fusion.without_entry(HISTORY), empty)

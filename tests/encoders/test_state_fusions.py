"""The ways to make user states of history states, of which there may be two, and a ranking's."""

import pytest
import torch

from recbole_poem.core.stages import STATE_FUSIONS

HISTORY = torch.randn(5, 2, 4, generator=torch.Generator().manual_seed(0))
RANKING = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
KNOWN = torch.tensor([[True], [True], [False], [True], [False]])


def made(name: str) -> torch.nn.Module:
    fusion = STATE_FUSIONS.choose(name, "state_fusion").make(4)
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter)
    return fusion


def test_the_gate_mixes_coordinate_by_coordinate() -> None:
    gate = made("gate")
    found = gate(HISTORY, RANKING, KNOWN)
    ranking = torch.where(KNOWN, RANKING, gate.empty_ranking)
    weight, bias = gate.gate.weight, gate.gate.bias
    for k, history in enumerate(HISTORY.unbind(1)):
        share = torch.sigmoid(history @ weight[:, :4].T + ranking @ weight[:, 4:].T + bias)
        torch.testing.assert_close(found[:, k], share * history + (1 - share) * ranking)


def test_the_residual_moves_the_history_where_a_ranking_is_known() -> None:
    residual = made("residual")
    found = residual(HISTORY, RANKING, KNOWN)
    moved = HISTORY + (RANKING @ residual.residual.weight.T).unsqueeze(1)
    torch.testing.assert_close(found, torch.where(KNOWN.unsqueeze(1), moved, HISTORY))
    residual.reset_parameters(0.02)
    assert torch.equal(residual(HISTORY, RANKING, KNOWN), HISTORY)


@pytest.mark.parametrize("name", ["gate", "residual"])
def test_without_rankings_is_with_empty_ones(name: str) -> None:
    fusion = made(name)
    empty = fusion(HISTORY, RANKING, torch.zeros_like(KNOWN))
    torch.testing.assert_close(fusion.without_ranking(HISTORY), empty)

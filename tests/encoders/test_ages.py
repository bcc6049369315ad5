"""The weights of several previous rankings: by hand, where some are missing, and what moves."""

import pytest
import torch

from recbole_poem.encoders.ages import Ages

ALL = torch.ones(1, 3, dtype=torch.bool)


def ages(n: int = 3) -> Ages:
    made = Ages(n)
    made.reset_parameters()
    return made


def weights(made: Ages, known: torch.Tensor) -> torch.Tensor:
    """Return the weights of the ages, of states that are their own."""
    n = known.shape[1]
    found: torch.Tensor = made(torch.eye(n).expand(len(known), n, n), known)
    return found


def test_learning_begins_with_nearly_all_weight_on_the_youngest() -> None:
    found = weights(ages(), ALL)[0]
    expected = torch.tensor([1, -3.0, -6.0]).exp().index_fill(0, torch.tensor(0), 1.0)
    torch.testing.assert_close(found, expected / expected.sum())
    assert found[0] > 0.94


def test_what_is_missing_has_no_weight_and_the_next_takes_its_place() -> None:
    made = ages()
    known = torch.tensor([[False, True, True], [True, False, False], [False, False, True]])
    found = weights(made, known)
    assert found[0].tolist() == pytest.approx([0, 1 / (1 + torch.e**-3), 1 / (1 + torch.e**3)])
    assert found[1:].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_it_learns_which_age_is_right() -> None:
    made, states = ages(2), torch.randn(64, 2, 4, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(made.parameters(), 0.1)
    known = torch.ones(64, 2, dtype=torch.bool)
    for _ in range(200):
        optimizer.zero_grad()
        (made(states, known) - states[:, 1]).square().mean().backward()
        optimizer.step()
    assert weights(made, known[:1])[0, 1] > 0.9


def test_requests_without_any_ranking_leave_the_gradient_finite() -> None:
    made, states = ages(), torch.randn(2, 3, 4, requires_grad=True)
    known = torch.tensor([[False, False, False], [True, True, False]])
    made(states, known).sum().backward()
    assert made.value.grad is not None
    assert torch.isfinite(made.value.grad).all()
    assert torch.isfinite(states.grad).all()
    assert not states.grad[1, 2].any()

"""The whole order of a ranking as a label: its shares, and a loss by hand."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from recbole_poem.core.fields import SYSTEM_ORDER
from recbole_poem.core.stages import LOSSES


def term(**settings: Any) -> Any:
    return LOSSES.of_one().choose({"name": "system_order", **settings}, "losses").make()


def learnt(candidates: torch.Tensor) -> Any:
    asks = torch.ones(1, len(candidates), dtype=torch.bool)
    return SimpleNamespace(batch={SYSTEM_ORDER: candidates.unsqueeze(0)}, asks=asks, n_processes=1)


def test_the_shares_fall_with_the_rank_and_sum_to_one() -> None:
    candidates = torch.tensor([[7, 3, 9], [4, 0, 0], [0, 0, 0]])
    shares = term(kappa=0, power=1).label(candidates)
    assert shares[0].tolist() == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert shares[1].tolist() == [1, 0, 0]
    assert shares[2].tolist() == [0, 0, 0]
    flat = term(power=0).label(candidates)
    assert flat[0].tolist() == pytest.approx([1 / 3] * 3)


def test_the_loss_is_the_cross_entropy_of_the_rankings_that_there_are() -> None:
    candidates = torch.tensor([[7, 3, 9], [4, 0, 0], [0, 0, 0]])
    log_probability = torch.tensor([[-1.0, -2.0, -3.0], [-4.0, -torch.inf, 9.0], [5.0, 5.0, 5.0]])
    part = term(weight=0.5, kappa=0, power=1)
    expected = 0.5 * ((1 * 6 + 2 * 3 + 3 * 2) / 11 + 4) / 2
    assert part(learnt(candidates), log_probability).item() == pytest.approx(expected)


def test_no_ranking_at_all_is_no_loss() -> None:
    candidates = torch.zeros(2, 3, dtype=torch.int64)
    log_probability = torch.full((2, 3), -torch.inf, requires_grad=True)
    loss = term()(learnt(candidates), log_probability)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(log_probability.grad, torch.zeros(2, 3))


def test_what_the_batch_holds_is_as_deep_as_asked() -> None:
    asked = []

    class Data:
        dataset = SimpleNamespace(top_of_rankings=lambda rows, k: asked.append((list(rows), k)))

    part = term(depth=7)
    settings = LOSSES.of_one().choose({"name": "system_order", "depth": 7}, "losses").settings
    make = type(part).fields(settings, Data())[SYSTEM_ORDER]
    make(torch.tensor([4, 5]), torch.tensor([0, 1]), None)
    assert asked == [([4, 5], 7)]

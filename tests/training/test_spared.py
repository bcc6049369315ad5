"""Weights that a batch says nothing of: what a loss reaches, and that the others stay."""

import torch

from recbole_poem.training.spared import Spared, reached


def test_a_loss_reaches_what_its_gradient_comes_to() -> None:
    a, b, c, d = (torch.ones(2, requires_grad=True) for _ in range(4))
    inner = (a * b).detach() * c
    parts = (inner.sum() + inner.square().sum(), (0 * b).sum())
    assert reached(parts) == {b, c}
    assert reached(parts[:1]) == {c}
    assert d not in reached(parts)


def test_a_weight_that_is_not_reached_stays_whatever_the_optimizer_remembers() -> None:
    model = torch.nn.ParameterList([torch.ones(2), torch.ones(2)])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.1)
    spared = Spared(model)
    spared.follow(optimizer)
    for turn in (0, 1, 0, 0):
        before = [weight.detach().clone() for weight in model]
        optimizer.zero_grad()
        loss = model[turn].square().sum()
        spared.learned([loss])
        (loss + sum(0 * weight.sum() for weight in model)).backward()
        optimizer.step()
        moved = [not torch.equal(*pair) for pair in zip(before, model)]
        assert moved == [turn == 0, turn == 1]

"""Losses against torch's own functions and against their definitions."""

import pytest
import torch
import torch.nn.functional as F

from recbole_poem.logits.scoring import Items, of_state, plus
from recbole_poem.losses.softmax import (
    full_log_probability,
    margin_loss,
    sampled_log_probability,
)

STATES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
ITEMS = torch.randn(9, 4, generator=torch.Generator().manual_seed(1))
CATALOGUE = Items(ITEMS)
NOW = torch.zeros(6, 0, dtype=torch.int64)
INTEREST = of_state(STATES.unsqueeze(1), NOW)
POSITIVES = torch.tensor([[1, 2], [3, 0], [8, 1], [4, 4], [5, 7], [6, 0]])


def test_full_log_probability_equals_cross_entropy_without_padding() -> None:
    ours = full_log_probability(INTEREST, CATALOGUE, POSITIVES)
    reference = F.cross_entropy(STATES @ ITEMS[1:].T, POSITIVES[:, 0] - 1, reduction="none")
    assert torch.allclose(-ours[:, 0], reference)


def test_full_log_probability_teaches_what_cross_entropy_does() -> None:
    """Of all that scores an item; where there is no positive, nothing is learned of it."""
    present = POSITIVES > 0
    weight = torch.linspace(0.5, 2, 12).view(6, 2)
    item, logit = torch.tensor([[8, 3], [2, 2], [1, 8], [2, 4], [5, 6], [7, 1]]), torch.ones(6, 2)
    gradients = []
    for ours in (True, False):
        state, items, added = (each.clone().requires_grad_() for each in (STATES, ITEMS, logit))
        if ours:
            named = plus(of_state(state.unsqueeze(1), NOW), item, added)
            found = full_log_probability(named, Items(items), POSITIVES)
        else:
            logits = (state @ items.T).scatter_add(1, item, added)[:, 1:]
            found = logits.log_softmax(-1).gather(1, (POSITIVES - 1).clamp_min(0))
        (found.masked_fill(~present, 0) * weight).sum().backward()
        gradients.append([state.grad, items.grad, added.grad])
    torch.testing.assert_close(*gradients)
    assert (gradients[0][1][0] == 0).all()


def test_added_logits_enter_both_softmaxes() -> None:
    item = torch.tensor([[8, 3, 0], [0, 0, 0], [1, 8, 8], [2, 4, 6], [5, 5, 5], [7, 1, 6]])
    logit = torch.linspace(-1, 1, 18).view(6, 3) * (item > 0)
    named = plus(INTEREST, item, logit)
    logits = STATES @ ITEMS.T
    for row, (items, added) in enumerate(zip(item.tolist(), logit.tolist())):
        for one, value in zip(items, added):
            logits[row, one] += value
    reference = logits[:, 1:].log_softmax(-1).gather(1, (POSITIVES - 1).clamp_min(0))
    present = POSITIVES > 0
    full = full_log_probability(named, CATALOGUE, POSITIVES)
    torch.testing.assert_close(full[present], reference[present])
    everything, log_q = torch.arange(1, 9), torch.full((9,), -2.0)
    sampled = sampled_log_probability(named, CATALOGUE, POSITIVES, everything, log_q)
    torch.testing.assert_close(sampled[present], reference[present])


def test_sampled_softmax_over_every_item_is_the_full_softmax() -> None:
    """Each item once, with equal probability: the sample is the catalogue."""
    log_q = torch.full((9,), -2.0)
    ours = sampled_log_probability(INTEREST, CATALOGUE, POSITIVES, torch.arange(1, 9), log_q)
    full = full_log_probability(INTEREST, CATALOGUE, POSITIVES)
    present = POSITIVES > 0
    assert torch.allclose(ours[present], full[present], atol=1e-5)
    assert (ours[~present] == 0).all()


def test_log_q_is_subtracted_from_the_positive_and_from_each_draw_but_the_positive() -> None:
    log_q = torch.tensor([0, 30.0, 20, 10, 10, 10, 10, 5, 5]).div(100).log()
    drawn = torch.tensor([3, 1, 1, 8, 2])
    found = sampled_log_probability(INTEREST, CATALOGUE, POSITIVES, drawn, log_q)
    logits = STATES @ ITEMS.T - log_q
    for row, positives in enumerate(POSITIVES.tolist()):
        for column, positive in enumerate(positives):
            beside = [positive, *(item for item in drawn.tolist() if item != positive)]
            expected = logits[row, beside].log_softmax(0)[0] if positive else torch.tensor(0.0)
            torch.testing.assert_close(found[row, column], expected)


@pytest.mark.parametrize("is_corrected", [True, False])
def test_learned_from_a_skewed_sample_scores_are_those_of_the_full_softmax(
    is_corrected: bool,
) -> None:
    """Of one draw each target and negative are as probable as the other way round, but for q."""
    probability = torch.tensor([0, 0.5, 0.3, 0.15, 0.05])
    q = torch.tensor([0, 0.1, 0.2, 0.3, 0.4])
    log_q = q.log() if is_corrected else torch.zeros(5)
    score = torch.zeros(5, 1, requires_grad=True)
    targets = torch.arange(1, 5).unsqueeze(1)
    interest = of_state(torch.ones(4, 1, 1))
    optimizer = torch.optim.LBFGS([score], max_iter=200, tolerance_grad=1e-9)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        each = [
            sampled_log_probability(interest, Items(score), targets, drawn, log_q)[:, 0]
            for drawn in torch.arange(1, 5).unsqueeze(1)
        ]
        loss = -(torch.stack(each) * q[1:].unsqueeze(1) * probability[1:]).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    found = score.detach()[1:, 0].softmax(0)
    expected = probability[1:] if is_corrected else probability[1:] / q[1:]
    torch.testing.assert_close(found, expected / expected.sum(), atol=1e-3, rtol=0)


def test_gradient_of_the_sampled_softmax_leaves_other_items_alone() -> None:
    items = ITEMS.clone().requires_grad_()
    negatives, log_q = torch.tensor([2, 3]), torch.zeros(9)
    sampled_log_probability(
        of_state(STATES[:1].unsqueeze(1), NOW[:1]),
        Items(items),
        POSITIVES[:1, :1],
        negatives,
        log_q,
    ).sum().backward()
    assert items.grad.abs().sum(1).nonzero().flatten().tolist() == [1, 2, 3]


def test_margin_is_the_mean_hinge_over_the_negatives_there_are() -> None:
    positive = torch.tensor([2.0, 0.0])
    negative = torch.tensor([[0.0, 1.5], [0.5, 99.0]])
    present = torch.tensor([[True, True], [True, False]])
    # hinges: 1 - 2 + 0 < 0, 1 - 2 + 1.5 = 0.5, 1 - 0 + 0.5 = 1.5
    assert margin_loss(positive, negative, present, 1.0) == pytest.approx((0 + 0.5 + 1.5) / 3)

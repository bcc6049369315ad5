"""Generalised binary cross-entropy: its beta, its special cases, and what it converges to."""

import pytest
import torch
import torch.nn.functional as F

from recbole_poem.losses.terms.gbce import beta_of, binary_loss


def test_beta_runs_from_one_to_the_sampling_rate() -> None:
    assert beta_of(0, 256, 1001) == 1
    assert beta_of(1, 256, 1001) == pytest.approx(0.256)
    for t in (0.25, 0.75):
        alpha = 0.256
        published = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
        assert beta_of(t, 256, 1001) == pytest.approx(published)


def test_beta_one_is_the_binary_cross_entropy_and_others_a_power_of_the_positive() -> None:
    scores = 3 * torch.randn(20, 6, generator=torch.Generator().manual_seed(0)).double()
    label = torch.zeros(20, 6).double()
    label[:, 0] = 1
    plain = F.binary_cross_entropy_with_logits(scores, label, reduction="none").mean(1)
    torch.testing.assert_close(binary_loss(scores[:, 0], scores[:, 1:], 1.0), plain)
    published = scores[:, 0].sigmoid().pow(0.3).log() + (1 - scores[:, 1:].sigmoid()).log().sum(1)
    torch.testing.assert_close(binary_loss(scores[:, 0], scores[:, 1:], 0.3), -published / 6)


def test_large_scores_lose_what_they_are_wrong_by() -> None:
    positive = torch.tensor([1e4, -1e4], requires_grad=True)
    negative = torch.tensor([[-1e4, -1e4], [1e4, -1e4]], requires_grad=True)
    loss = binary_loss(positive, negative, 0.5)
    assert loss.tolist() == pytest.approx([0, (0.5e4 + 1e4) / 3])
    loss.sum().backward()
    assert positive.grad.tolist() == pytest.approx([0, -0.5 / 3])
    assert negative.grad.flatten().tolist() == pytest.approx([0, 0, 1 / 3, 0])


@pytest.mark.parametrize("t", [0.0, 0.5, 1.0])
def test_calibrated_it_converges_to_the_probability_of_each_item(t: float) -> None:
    """The claim of the paper: t = 1 learns probabilities, less makes them look too high."""
    probability = torch.tensor([0.5, 0.3, 0.15, 0.05])
    generator = torch.Generator().manual_seed(0)
    target = torch.multinomial(probability, 40_000, replacement=True, generator=generator)
    negative = torch.randint(0, 3, (40_000, 2), generator=generator)
    negative += negative >= target.unsqueeze(1)  # of the three other items
    scores = torch.zeros(4, requires_grad=True)
    beta, alpha = beta_of(t, 2, 4), 2 / 3
    optimizer = torch.optim.LBFGS([scores], max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = binary_loss(scores[target], scores[negative], beta).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = beta * probability / (beta * probability + alpha * (1 - probability))
    found = scores.detach().sigmoid()
    torch.testing.assert_close(found, expected, atol=0.012, rtol=0)
    if t == 1:
        torch.testing.assert_close(expected, probability)
    else:
        assert (found > probability + 0.01).all()

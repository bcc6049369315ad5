"""Dropout: what is kept, how often, on what scale; attention equal to torch's own."""

import pytest
import torch
import torch.nn.functional as F

from recbole_poem.core.dropout import Dropout, attention, dropout_mask


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_mask_drops_the_share_asked_for_and_keeps_the_mean(probability: float) -> None:
    torch.manual_seed(0)
    mask = dropout_mask(torch.empty(400, 500), probability)
    kept = mask[mask > 0]
    assert torch.allclose(kept, torch.tensor(1 / (1 - probability)))
    spread = (probability * (1 - probability) / mask.numel()) ** 0.5
    assert 1 - len(kept) / mask.numel() == pytest.approx(probability, abs=4 * spread)


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    mask = dropout_mask(torch.empty(400, 500), 0.5)
    for a, b in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])):
        correlation = torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]
        assert abs(correlation) < 4 / a.numel() ** 0.5


def test_gradient_passes_where_the_value_does() -> None:
    values = torch.ones(50, 60, requires_grad=True)
    dropped = Dropout(0.3)(values)
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped.detach())


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_extremes_are_those_of_torch(probability: float) -> None:
    values = torch.randn(20, 5)
    assert torch.equal(Dropout(probability)(values), F.dropout(values, probability))


def test_evaluation_keeps_everything() -> None:
    values = torch.randn(20, 5)
    assert Dropout(0.5).eval()(values) is values


def test_low_precision_stays_low() -> None:
    values = torch.randn(20, 5, dtype=torch.bfloat16)
    assert Dropout(0.5)(values).dtype == torch.bfloat16


class _KeepsAll(Dropout):
    """Training, with a probability above 0, and yet nothing dropped: the explicit way alone."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input


@pytest.mark.parametrize("causal", [True, False])
def test_attention_with_dropout_is_torchs_but_for_what_is_dropped(causal: bool) -> None:
    query, key, value = torch.randn(3, 2, 4, 7, 5, requires_grad=True)
    may_attend = None if causal else torch.rand(2, 1, 7, 7) < 0.6
    if may_attend is not None:
        may_attend |= torch.eye(7, dtype=torch.bool)
    reference = F.scaled_dot_product_attention(
        query, key, value, attn_mask=may_attend, is_causal=causal
    )
    assert torch.allclose(
        attention(query, key, value, may_attend, _KeepsAll(0.5)), reference, atol=1e-6
    )
    assert torch.equal(attention(query, key, value, may_attend, Dropout(0.5).eval()), reference)
    torch.manual_seed(0)
    draws = [attention(query, key, value, may_attend, Dropout(0.2)) for _ in range(4000)]
    assert torch.allclose(torch.stack(draws).mean(0), reference, atol=0.15)

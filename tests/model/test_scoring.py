"""Scores with additional logits against the definition, item by item."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.model.scoring import (
    Items,
    all_logits,
    logits_of,
    of_state,
    plus,
    shared_logits,
)


def interest_of(generator: torch.Generator, n_items: int, n_named: int) -> tuple:
    """Draw three requests, items that may be named twice, and what scores them."""
    state = torch.randn(3, 4, generator=generator)
    embedding = torch.randn(n_items, 4, generator=generator)
    trend = torch.randn(2, 3, n_items, generator=generator)
    items = Items(embedding, trend, torch.randn(2, generator=generator))
    step = torch.randint(0, 3, (3,), generator=generator)
    named = torch.randint(0, n_items, (3, n_named), generator=generator)
    logit = torch.randn(3, n_named, generator=generator) * (named > 0)
    return plus(of_state(state, step), named, logit), items


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n_named=st.integers(0, 9))
def test_every_way_to_score_gives_the_sum_of_the_definition(seed: int, n_named: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    interest, items = interest_of(generator, 7, n_named)
    expected = interest.state @ items.embedding.T
    for row in range(3):
        expected[row] += items.weight @ items.trend[:, interest.step[row]]
        for item, logit in zip(interest.item[row], interest.logit[row]):
            expected[row, item] += logit
    torch.testing.assert_close(all_logits(interest, items), expected)
    chosen = torch.randint(0, 7, (3, 5), generator=generator)
    torch.testing.assert_close(logits_of(interest, items, chosen), expected.gather(1, chosen))
    torch.testing.assert_close(shared_logits(interest, items, chosen[0]), expected[:, chosen[0]])


def test_an_added_logit_is_trained_wherever_its_item_is_scored() -> None:
    interest, items = interest_of(torch.Generator().manual_seed(0), 7, 0)
    logit = torch.zeros(3, 2, requires_grad=True)
    named = plus(interest, torch.tensor([[1, 2], [3, 3], [4, 5]]), logit)
    logits_of(named, items, torch.tensor([[2], [3], [6]])).sum().backward()
    torch.testing.assert_close(logit.grad, torch.tensor([[0.0, 1], [1, 1], [0, 0]]))

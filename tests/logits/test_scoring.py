"""Scores with additional logits against the definition, item by item."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.logits.scoring import (
    Calendar,
    Items,
    all_logits,
    best_matching,
    logits_of,
    logits_of_many,
    of_state,
    plus,
    shared_logits,
    with_trends,
)


def interest_of(
    generator: torch.Generator, n_items: int, n_named: int, n_interests: int = 1
) -> tuple:
    """Draw three requests, items that may be named twice, and what scores them."""
    state = torch.randn(3, n_interests, 4, generator=generator)
    embedding = torch.randn(n_items, 4, generator=generator)
    calendars = []
    for n_trends, n_steps in ((2, 3), (1, 5)):
        trend = torch.randn(n_trends, n_steps, n_items, generator=generator)
        calendars.append(Calendar(trend, torch.randn(n_trends, generator=generator), n_steps - 2))
    items = Items(embedding, tuple(calendars))
    step = torch.stack([torch.randint(0, k, (3,), generator=generator) for k in (3, 5)], dim=1)
    named = torch.randint(0, n_items, (3, n_named), generator=generator)
    logit = torch.randn(3, n_named, generator=generator) * (named > 0)
    return plus(of_state(state, step), named, logit), items


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n_named=st.integers(0, 9), n_interests=st.integers(1, 3))
def test_every_way_to_score_gives_the_sum_of_the_definition(
    seed: int, n_named: int, n_interests: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    interest, items = interest_of(generator, 7, n_named, n_interests)
    expected = torch.stack([state @ items.embedding.T for state in interest.state]).amax(1)
    for row in range(3):
        for calendar, step in zip(items.calendars, interest.step[row]):
            expected[row] += calendar.weight @ calendar.trend[:, step]
        for item, logit in zip(interest.item[row], interest.logit[row]):
            expected[row, item] += logit
    torch.testing.assert_close(all_logits(interest, items), expected)
    chosen = torch.randint(0, 7, (3, 5), generator=generator)
    torch.testing.assert_close(logits_of(interest, items, chosen), expected.gather(1, chosen))
    if n_interests == 1:
        many = logits_of_many(interest, items, chosen)
        torch.testing.assert_close(many, expected.gather(1, chosen))
    torch.testing.assert_close(shared_logits(interest, items, chosen[0]), expected[:, chosen[0]])


def test_from_now_on_the_score_is_one_product() -> None:
    """Wherever nobody asks in a step that is over; an hour that is not known has no trend."""
    interest, items = interest_of(torch.Generator().manual_seed(0), 7, 0, n_interests=2)
    lately, hours = items.calendars
    hours.trend[:, 0] = 0
    items = Items(items.embedding, (lately, hours._replace(now=1)))
    asked = of_state(interest.state, torch.tensor([[2, 4], [1, 0], [2, 1]]))
    product = (asked.continued(items.calendars) @ items.from_now_on().T).amax(1)
    assert items.from_now_on().shape == (7, 4 + 2 * 2 + 4)
    torch.testing.assert_close(product, all_logits(asked, items))
    over = of_state(interest.state, torch.tensor([[0, 4], [0, 0], [0, 1]]))
    product = (over.continued(items.calendars) @ items.from_now_on().T).amax(1)
    assert not torch.allclose(product, all_logits(over, items))


def test_trends_learn_of_all_requests_of_a_step_what_each_teaches_alone() -> None:
    interest, items = interest_of(torch.Generator().manual_seed(3), 7, 0)
    interest = of_state(interest.state, torch.tensor([[2, 4], [2, 1], [0, 4]]))
    gradients = []
    for requests in ([[0, 1, 2]], [[0], [1], [2]]):
        state = interest.state.clone().requires_grad_()
        weight = [each.weight.clone().requires_grad_() for each in items.calendars]
        learnt = tuple(each._replace(weight=w) for each, w in zip(items.calendars, weight))
        for rows in requests:
            asked = of_state(state[rows], interest.step[rows])
            all_logits(asked, Items(items.embedding, learnt)).square().sum().backward()
        gradients.append([state.grad, *(each.grad for each in weight)])
    torch.testing.assert_close(*gradients)


def test_trends_change_none_of_the_logits_that_they_are_added_to() -> None:
    _, items = interest_of(torch.Generator().manual_seed(4), 7, 0)
    logits = torch.ones(3, 7)
    with_trends(logits, items.calendars, torch.tensor([[2, 2, 1], [4, 4, 4]]))
    assert (logits == 1).all()


def test_without_trends_the_catalogue_is_not_copied() -> None:
    items = Items(torch.randn(7, 4))
    assert items.from_now_on().data_ptr() == items.embedding.data_ptr()


def test_an_added_logit_is_trained_wherever_its_item_is_scored() -> None:
    interest, items = interest_of(torch.Generator().manual_seed(0), 7, 0)
    logit = torch.zeros(3, 2, requires_grad=True)
    named = plus(interest, torch.tensor([[1, 2], [3, 3], [4, 5]]), logit)
    logits_of(named, items, torch.tensor([[2], [3], [6]])).sum().backward()
    torch.testing.assert_close(logit.grad, torch.tensor([[0.0, 1], [1, 1], [0, 0]]))


def test_an_added_logit_learns_of_shared_items_what_it_learns_of_all() -> None:
    interest, items = interest_of(torch.Generator().manual_seed(1), 9, 6)
    shared = torch.tensor([5, 2, 2, 8, 5, 1])
    gradients = []
    for score in (
        lambda of: shared_logits(of, items, shared),
        lambda of: all_logits(of, items)[:, shared],
    ):
        logit = interest.logit.clone().requires_grad_()
        score(interest._replace(logit=logit)).square().sum().backward()
        gradients.append(logit.grad)
    torch.testing.assert_close(*gradients)
    assert shared_logits(interest, items, shared[:0]).shape == (3, 0)


#: two interests that point to the axes, and items on them
TWO = of_state(torch.tensor([[[2.0, 0.0], [0.0, 1.0]]]), torch.zeros(1, 0, dtype=torch.int64))
ON_AXES = Items(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [-1.0, -1.0]]))


def test_an_item_is_scored_by_the_interest_that_fits_it_best() -> None:
    expected = torch.tensor([[0.0, 2.0, 3.0, -1.0]])
    assert torch.equal(all_logits(TWO, ON_AXES), expected)
    assert torch.equal(logits_of(TWO, ON_AXES, torch.tensor([[2, 1, 3]])), expected[:, [2, 1, 3]])
    assert torch.equal(shared_logits(TWO, ON_AXES, torch.tensor([3, 2])), expected[:, [3, 2]])


def test_what_names_an_item_is_added_once_behind_the_best_interest() -> None:
    named = plus(TWO, torch.tensor([[1]]), torch.tensor([[10.0]]))
    expected = torch.tensor([[0.0, 12.0, 3.0, -1.0]])
    assert torch.equal(all_logits(named, ON_AXES), expected)
    assert torch.equal(logits_of(named, ON_AXES, torch.tensor([[1, 2]])), expected[:, [1, 2]])


def test_the_interest_that_fits_an_item_best_learns_it_alone() -> None:
    state = TWO.state.clone().requires_grad_()
    named = plus(TWO._replace(state=state), torch.tensor([[1, 2]]), torch.tensor([[5.0, 6.0]]))
    single = best_matching(named, ON_AXES, torch.tensor([[2, 1, 3]]))
    assert single.state[:, 0].tolist() == [[0, 1], [2, 0], [0, 1]]
    assert single.item.tolist() == [[1, 2]] * 3  # additional logits go with the request
    all_logits(single, ON_AXES)[0].sum().backward()
    assert state.grad[0, 1].any()
    assert not state.grad[0, 0].any()

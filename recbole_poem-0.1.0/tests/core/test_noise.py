"""Keyed noise: a published mixing function, uniform, independent, and of nothing but its keys."""

import random
from typing import List

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.core.noise import Purpose, own_streams, uniform


def splitmix64(state):
    """SplitMix64's output function after one step of its counter, in unbounded integers."""
    state = (state + 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
    return state ^ state >> 31


def test_splitmix64_of_this_test_is_the_published_one():
    # first outputs of the reference implementation with seed 1234567
    state, found = 1234567, []
    for _ in range(3):
        found.append(splitmix64(state))
        state += 0x9E3779B97F4A7C15
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**64),
    request=st.integers(0, 10**10),
    item=st.integers(0, 10**8),
    purpose=st.sampled_from(Purpose),
)
def test_noise_equals_splitmix64_in_unbounded_integers(seed, request, item, purpose):
    state = seed * 0x9E3779B97F4A7C15
    for key in (int(purpose), request, item):
        state = splitmix64((state + key) % 2**64)
    expected = (state >> 11) / 2**53
    found = uniform(seed, purpose, torch.tensor([request]), item)
    assert found.item() == expected
    assert 0 <= expected < 1


def of_requests(seed, requests, items, purpose=Purpose.PARTIAL_ORDER):
    return uniform(seed, purpose, requests.unsqueeze(-1), items)


def test_noise_does_not_depend_on_the_batch_or_the_slots():
    items = torch.randint(1, 1000, (6, 30), generator=torch.Generator().manual_seed(0))
    requests = torch.tensor([5, 0, 77, 10**9, 3, 4])
    together = of_requests(3, requests, items)
    for r in range(6):
        assert torch.equal(of_requests(3, requests[r], items[r]), together[r])
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    assert torch.equal(of_requests(3, requests, items[:, order]), together[:, order])
    windows = of_requests(3, requests.view(2, 3), items.view(2, 3, 30))
    assert torch.equal(windows, together.view(2, 3, 30))


def test_noise_is_uniform():
    items = torch.arange(1, 251).expand(400, -1)
    noise = of_requests(2024, torch.arange(400), items).flatten()
    assert noise.dtype == torch.float64
    n = len(noise)
    assert noise.mean().item() == pytest.approx(1 / 2, abs=4 * (1 / 12 / n) ** 0.5)
    assert noise.var().item() == pytest.approx(1 / 12, abs=4 * (1 / 180 / n) ** 0.5)
    count = torch.histc(noise, 100, 0, 1)
    chi_square = ((count - n / 100) ** 2 / (n / 100)).sum().item()
    assert 99 - 4 * 14.1 < chi_square < 99 + 4 * 14.1  # 99 degrees of freedom


def test_neighbouring_requests_items_seeds_and_purposes_are_unrelated():
    items, requests = torch.arange(1, 251).expand(401, -1), torch.arange(401)
    noise = of_requests(7, requests, items)
    pairs = {
        "requests": (noise[1:], noise[:-1]),
        "items": (noise[:, 1:], noise[:, :-1]),
        "seeds": (noise, of_requests(8, requests, items)),
        "purposes": (noise, of_requests(7, requests, items, Purpose.HARD_NEGATIVE)),
    }
    for name, (a, b) in pairs.items():
        correlation = torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].item()
        assert abs(correlation) < 4 / a.numel() ** 0.5, name


def test_streams_of_their_own_leave_those_of_the_process_alone() -> None:
    def draw() -> List[float]:
        return [random.random(), float(np.random.random()), float(torch.rand(()))]

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    undisturbed = draw() + draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first = draw()
    with own_streams(5, Purpose.EVALUATION, 1) as start:
        inside = draw()
    assert first + draw() == undisturbed
    assert 0 <= start < 2**32
    with own_streams(5, Purpose.EVALUATION, 1):
        assert draw() == inside
    for other in ((6, Purpose.EVALUATION, 1), (5, Purpose.EVALUATION, 0), (5, Purpose.SHUFFLE, 1)):
        with own_streams(*other):
            assert draw() != inside


def test_streams_come_back_after_an_error() -> None:
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    with pytest.raises(KeyError), own_streams(5, Purpose.EVALUATION):
        raise KeyError
    assert np.random.random() == expected

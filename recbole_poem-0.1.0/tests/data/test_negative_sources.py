"""Negatives from the whole catalogue: how often what is drawn, and what never is."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from toy_logs import log_of

from recbole_poem.core.stages import NEGATIVES
from recbole_poem.data.negatives import TrainingData

#: user 1 has item 1 six times, user 2 item 2 twice; of items 3 and 4 there are no rows
LOG = log_of([[1] * 6, [2] * 2], n_items=5)


def source(name: str, **settings: Any) -> Any:
    data = TrainingData({"seed": 3}, SimpleNamespace(log=LOG), LOG, map)
    return NEGATIVES.choose({"name": name, **settings}, "negatives").make(data)


@pytest.mark.parametrize(
    ("name", "weights"), [("uniform", [0, 1, 1, 1, 1]), ("popularity", [0, 7, 3, 1, 1])]
)
def test_items_are_drawn_in_proportion(name: str, weights: Any) -> None:
    draws = torch.arange(20000).view(-1, 1)
    row = torch.full_like(draws, 7)  # of user 2, who has item 2
    drawn = source(name, number=1).draw(row, draws, None).flatten()
    share = np.bincount(drawn.numpy(), minlength=5) / len(drawn)
    expected = np.array(weights) / sum(weights)
    expected[0], expected[2] = expected[2], 0  # what the user has is no negative
    assert share == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize("name", ["uniform", "popularity"])
def test_system_positives_and_requests_without_a_lot_get_none(name: str) -> None:
    draws = torch.arange(400).view(-1, 2)
    row = torch.zeros_like(draws)
    preferred = torch.tensor([3]).expand(200, 2, 1)
    drawn = source(name, number=3).draw(row, draws, preferred)
    assert drawn.shape == (200, 2, 3)
    assert set(drawn.flatten().tolist()) == {0, 2, 4}
    few = source(name, number=3, share=0.25).draw(row, draws, preferred)
    got = (few > 0).any(-1)
    assert 0.1 < got.double().mean() < 0.3
    assert torch.equal(few[got], drawn[got])
    assert not source(name).draw(torch.full_like(row, -1), draws, None).any()

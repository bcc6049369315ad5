"""POEM's own terms, feedback, system and margin: what counts, how often, and what never does."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from recbole_poem.core.fields import HARD_NEGATIVE, SYSTEM_POSITIVE
from recbole_poem.core.stages import LOSSES
from recbole_poem.logits.scoring import Items, of_state

#: of two windows with two request slots; the second slot of the first window holds none
ASKS = torch.tensor([[True, False], [True, True]])
#: what is no positive has a log probability that means nothing
MEANINGLESS = float("inf")


def term(name: str, **settings: Any) -> Any:
    return LOSSES.of_one().choose({"name": name, **settings}, "losses").make()


def learnt(**parts: Any) -> Any:
    return SimpleNamespace(**{"asks": ASKS, "n_processes": 1, "request_weight": 9.0, **parts})


def test_feedback_counts_a_request_so_often_and_another_position_once() -> None:
    found = torch.tensor([[-1.0], [-2.0], [-3.0]])
    at_others = torch.tensor([[-5.0], [-7.0]])
    of = learnt(
        target=torch.tensor([4, 5, 6]),
        others="others",
        other_target=torch.tensor([7, 8]),
        log_probability=lambda interest, wanted: at_others,
    )
    part = term("feedback", weight=0.5)
    assert part.positives(of).tolist() == [[4], [5], [6]]
    assert part(of, found).item() == pytest.approx(0.5 * (9 * (1 + 2 + 3) + 5 + 7) / (3 * 9 + 2))
    of.others = None  # on top of the history, which learns from them elsewhere
    assert part(of, found).item() == pytest.approx(0.5 * (1 + 2 + 3) / 3)


def test_system_averages_over_the_positives_that_there_are() -> None:
    top = torch.tensor([[[3, 2], [9, 9]], [[4, 0], [0, 0]]])
    of = learnt(batch={SYSTEM_POSITIVE: top})
    part = term("system", weight=0.2)
    assert part.positives(of).tolist() == [[3, 2], [4, 0], [0, 0]]
    found = torch.tensor([[-1.0, -2.0], [-6.0, MEANINGLESS], [MEANINGLESS, -MEANINGLESS]])
    found.requires_grad_()
    loss = part(of, found)
    loss.backward()
    assert loss.item() == pytest.approx(0.2 * (1 + 2 + 6) / 3)
    assert (found.grad != 0).tolist() == [[True, True], [True, False], [False, False]]


def test_margin_averages_over_the_hard_negatives_of_requests() -> None:
    items = torch.tensor([[100.0], [1], [2], [3], [4], [5]], requires_grad=True)
    negatives = torch.tensor([[[2, 3], [5, 5]], [[1, 0], [0, 0]]])
    of = learnt(
        batch={HARD_NEGATIVE: negatives},
        target=torch.tensor([3, 2, 4]),
        asking=of_state(torch.tensor([[[1.0]], [[-1.0]], [[1.0]]])),
        items=Items(items),
    )
    part = term("margin", weight=0.1, margin=1.5)
    assert part.positives(of).shape == (3, 0)
    loss = part(of, torch.zeros(3, 0))
    loss.backward()
    # scores 3 against 2 and 3 against itself, then -2 against -1; the third request has none
    assert loss.item() == pytest.approx(0.1 * (0.5 + 1.5 + 2.5) / 3)
    assert items.grad.nonzero()[:, 0].tolist() == [1, 2, 3], "neither padding nor the third"

"""The setwise likelihood: known answers of both published forms, and what leaves it alone."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from recbole.model.loss import BPRLoss

from recbole_poem.core.fields import SET_NEGATIVE
from recbole_poem.core.stages import LOSSES
from recbole_poem.logits.scoring import Items, of_state
from recbole_poem.losses.terms.setrank import LOG_PREFERENCES, setwise_loss

POSITIVE, NEGATIVE = torch.tensor([[math.log(3.0)]]), torch.zeros(1, 2)  # sigmoid 3/4, 1/2, 1/2


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("sigmoid", -math.log(0.75 / 1.75)),
        ("exp_sigmoid", math.log(1 + 2 * math.exp(-0.25))),
        ("exp", math.log(5 / 3)),
    ],
)
def test_the_loss_of_a_positive_beside_two_negatives(form: str, expected: float) -> None:
    assert setwise_loss(POSITIVE, NEGATIVE, form).item() == pytest.approx(expected, abs=1e-6)


def test_the_published_forms_give_the_published_figures() -> None:
    assert setwise_loss(POSITIVE, NEGATIVE, "sigmoid").item() == pytest.approx(0.84730, abs=1e-5)
    assert setwise_loss(POSITIVE, NEGATIVE, "exp_sigmoid").item() == pytest.approx(
        0.93907, abs=1e-5
    )


def test_told_apart_the_one_form_vanishes_and_the_other_has_a_floor() -> None:
    positive, negative = torch.tensor([[40.0]]), torch.full((1, 30), -40.0)
    assert setwise_loss(positive, negative, "sigmoid").item() == pytest.approx(0, abs=1e-6)
    floor = math.log(1 + 30 / math.e)
    assert floor == pytest.approx(2.488, abs=1e-3)
    assert setwise_loss(positive, negative, "exp_sigmoid").item() == pytest.approx(floor)
    scores = torch.randn(200, 31, generator=torch.Generator().manual_seed(0)) * 30
    assert (setwise_loss(scores[:, :1], scores[:, 1:], "exp_sigmoid") >= floor - 1e-5).all()


def test_with_one_negative_and_exp_it_is_the_bpr_of_recbole() -> None:
    scores = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) * 3
    ours = setwise_loss(scores[:, :1], scores[:, 1:], "exp").mean()
    torch.testing.assert_close(ours, BPRLoss()(scores[:, 0], scores[:, 1]))


@pytest.mark.parametrize("form", LOG_PREFERENCES)
def test_another_positive_or_none_in_the_set_leaves_a_positive_alone(form: str) -> None:
    generator = torch.Generator().manual_seed(0)
    positive, negative = (
        torch.randn(4, 3, generator=generator),
        torch.randn(4, 5, generator=generator),
    )
    together = setwise_loss(positive, negative, form)
    for column in range(3):
        alone = setwise_loss(positive[:, column : column + 1], negative, form)
        torch.testing.assert_close(together[:, column], alone[:, 0])
    padded = torch.cat([negative, torch.full((4, 2), -torch.inf)], dim=1)
    torch.testing.assert_close(setwise_loss(positive, padded, form), together)


@pytest.mark.parametrize("form", LOG_PREFERENCES)
def test_an_empty_set_and_large_scores_have_finite_gradients(form: str) -> None:
    positive = torch.tensor([[200.0], [-200.0], [0.0]], requires_grad=True)
    negative = torch.tensor([[-300.0, 300.0], [300.0, -torch.inf], [-torch.inf, -torch.inf]])
    negative.requires_grad_()
    loss = setwise_loss(positive, negative, form)
    loss.sum().backward()
    assert loss[2].item() == 0
    assert loss.isfinite().all()
    assert positive.grad.isfinite().all()
    assert negative.grad.isfinite().all()


def test_the_term_averages_over_positions_that_have_a_set() -> None:
    generator = torch.Generator().manual_seed(0)
    items = Items(torch.randn(9, 4, generator=generator))
    states = torch.randn(4, 1, 4, generator=generator)
    # the window's positions 0 and 2 carry requests, 1 and 3 do not; position 3 has no set
    sets = torch.tensor([[[1, 2], [3, 0], [5, 6], [0, 0]]])
    target = torch.tensor([7, 8, 4, 2])
    nowhere = torch.zeros(2, 0, dtype=torch.int64)
    learnt: Any = SimpleNamespace(
        batch={SET_NEGATIVE: sets},
        asking=of_state(states[[0, 2]], nowhere),
        target=target[[0, 2]],
        places=(torch.tensor([0, 0]), torch.tensor([0, 2])),
        others=of_state(states[[1, 3]], nowhere),
        other_target=target[[1, 3]],
        other_places=(torch.tensor([0, 0]), torch.tensor([1, 3])),
        items=items,
        request_weight=9.0,
        n_processes=1,
    )
    term = (
        LOSSES.of_one()
        .choose({"name": "setrank", "weight": 0.5, "temperature": 2}, "losses")
        .make()
    )
    phi = (states[:, 0] @ items.embedding.T / 2).sigmoid()
    slow = [
        -(
            phi[place, target[place]] / (phi[place, target[place]] + phi[place, negatives].sum())
        ).log()
        for place, negatives in enumerate([[1, 2], [3], [5, 6]])
    ]
    expected = 0.5 * (9 * slow[0] + slow[1] + 9 * slow[2]) / 19
    torch.testing.assert_close(term(learnt, torch.zeros(2, 0)), expected)
    assert term.positives(learnt).shape == (2, 0)
    on_top = SimpleNamespace(**{**vars(learnt), "others": None})
    expected = 0.5 * (slow[0] + slow[2]) / 2
    torch.testing.assert_close(term(on_top, torch.zeros(2, 0)), expected)


@pytest.mark.parametrize(
    ("given", "name", "number"),
    [
        ({}, "uniform", 30),
        ({"negatives": {"number": 7}}, "uniform", 7),
        ({"negatives": "graph"}, "graph", 4),
    ],
)
def test_sets_are_those_of_the_paper_unless_others_are_named(
    given: Any, name: str, number: int
) -> None:
    chosen = LOSSES.of_one().choose({"name": "setrank", **given}, "losses").settings.negatives
    assert (chosen.name, chosen.settings.number) == (name, number)

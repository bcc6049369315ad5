"""Preference beside a frozen model: its equation, its gradient, its reference, and a toy."""

import math
from typing import Any, List

import numpy as np
import pytest
import torch
from toy_logs import log_of
from toy_windows import learnt, loss_of, term

from recbole_poem.core.fields import PASSED_OVER
from recbole_poem.core.stages import LOSSES
from recbole_poem.logits.scoring import Items

N_ITEMS, SIZE = 7, 3


def windows(embedding: torch.Tensor, passed_over: Any, rows: Any = None) -> Any:
    """Make windows that each ask once, at their first position, for the item behind it."""
    rows = torch.tensor([[1, 2], [3, 4], [5, 6]]) if rows is None else rows
    none = torch.zeros(len(rows), rows.shape[1] - 1)
    of = learnt(embedding, rows, none, none > 0)
    of.batch[PASSED_OVER] = torch.as_tensor(passed_over).unsqueeze(1)  # (B, 1, k)
    return of


def begun(reference: torch.Tensor, **settings: Any) -> Any:
    """Make a term that acts, and whose reference has these embeddings."""
    loss = term("preference", N_ITEMS, SIZE, **{"after_epochs": 0, "weight": 1, **settings})
    model = torch.nn.Embedding.from_pretrained(reference.detach().clone())
    loss.begin_epoch(model, loss.reference.history_encoder)
    return loss


def embeddings(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(N_ITEMS, SIZE, generator=generator).requires_grad_()


#: of three requests one has two items that were passed over, one has one, and one has none
PASSED = [[3, 5], [0, 6], [0, 0]]
PAIRS = [(1, 2, 3), (1, 2, 5), (3, 4, 6)]  # the last item of the history, taken, passed over


def leads(embedding: torch.Tensor) -> torch.Tensor:
    return torch.stack([embedding[s] @ (embedding[w] - embedding[o]) for s, w, o in PAIRS])


def test_at_the_beginning_it_is_the_logarithm_of_2() -> None:
    embedding = embeddings()
    for beta in (0.1, 1.0, 7.0):
        loss = loss_of(begun(embedding, beta=beta), windows(embedding, PASSED))
        assert loss.item() == pytest.approx(math.log(2))


def test_its_gradient_is_then_half_of_beta_for_every_pair() -> None:
    embedding = embeddings()
    (found,) = torch.autograd.grad(
        loss_of(begun(embedding, beta=0.6), windows(embedding, PASSED)), embedding
    )
    (expected,) = torch.autograd.grad(-0.3 * leads(embedding).mean(), embedding)
    torch.testing.assert_close(found, expected)


def test_it_is_the_papers_equation() -> None:
    embedding, reference = embeddings(1), embeddings(2)
    difference = leads(embedding) - leads(reference)
    expected = -torch.log(torch.sigmoid(0.6 * difference)).mean()
    loss = begun(reference, beta=0.6)
    torch.testing.assert_close(loss_of(loss, windows(embedding, PASSED)), expected)
    heavy = begun(reference, beta=0.6, weight=3)
    torch.testing.assert_close(loss_of(heavy, windows(embedding, PASSED)), 3 * expected)


def test_a_small_beta_asks_for_the_lead_alone() -> None:
    embedding = embeddings(1)
    loss = loss_of(begun(embeddings(2), beta=1e-4), windows(embedding, PASSED))
    assert loss.item() == pytest.approx(math.log(2), abs=1e-3)
    (found,) = torch.autograd.grad(loss / 1e-4, embedding)
    (expected,) = torch.autograd.grad(-0.5 * leads(embedding).mean(), embedding)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_beside_a_reference_that_prefers_nothing_it_is_bpr() -> None:
    embedding = embeddings(1)
    loss = loss_of(begun(torch.zeros(N_ITEMS, SIZE)), windows(embedding, PASSED))
    bpr = torch.nn.functional.softplus(-leads(embedding)).mean()
    torch.testing.assert_close(loss, bpr)


def test_the_reference_is_no_matter_of_learning() -> None:
    loss, embedding = begun(embeddings(2)), embeddings(1)
    before = loss.reference.item_embedding.weight.clone()
    loss_of(loss, windows(embedding, PASSED)).backward()
    assert embedding.grad.abs().sum() > 0
    assert [weight.requires_grad for weight in loss.parameters()] == [False]
    assert loss.reference.item_embedding.weight.grad is None
    loss.begin_epoch(torch.nn.Embedding(N_ITEMS, SIZE), loss.reference.history_encoder)
    assert torch.equal(loss.reference.item_embedding.weight, before), "frozen once"


def test_requests_without_a_pair_count_nothing() -> None:
    loss, embedding = begun(embeddings(2)), embeddings(1)
    fewer = windows(embedding, PASSED[:2], torch.tensor([[1, 2], [3, 4]]))
    expected = loss_of(loss, fewer)
    assert loss_of(loss, windows(embedding, PASSED)).item() == pytest.approx(expected.item())
    nothing = loss_of(loss, windows(embedding, [[0, 0]] * 3))
    assert nothing.item() == 0
    nothing.backward()
    assert not embedding.grad.any()


def test_before_it_acts_it_is_0_and_leaves_the_weights_alone() -> None:
    loss, embedding = term("preference", N_ITEMS, SIZE, after_epochs=2), embeddings(1)
    model = torch.nn.Embedding.from_pretrained(embeddings(2).detach())
    said: List[bool] = []
    for _ in range(4):
        loss.begin_epoch(model, loss.reference.history_encoder)
        found = loss_of(loss, windows(embedding, PASSED))
        (gradient,) = torch.autograd.grad(found, embedding)
        said.append(bool(gradient.any()) and found.item() > 0)
        model.weight.data += 1
    assert said == [False, False, True, True]
    torch.testing.assert_close(loss.reference.item_embedding.weight, model.weight - 2)
    again = term("preference", N_ITEMS, SIZE, after_epochs=2)
    again.load_state_dict(loss.state_dict())
    expected = loss_of(loss, windows(embedding, PASSED))
    assert torch.equal(loss_of(again, windows(embedding, PASSED)), expected)


def test_it_draws_nothing() -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    term("preference", N_ITEMS, SIZE)
    assert torch.equal(torch.rand(3), expected)


def test_what_logit_terms_add_to_embeddings_is_left_out() -> None:
    loss, embedding = begun(embeddings(2)), embeddings(1)
    of = windows(embedding, PASSED)
    wider = of._replace(items=Items(torch.cat([embedding, torch.randn(N_ITEMS, 2)], dim=1)))
    assert torch.equal(loss_of(loss, wider), loss_of(loss, of))


def test_of_several_interests_each_item_has_the_one_that_fits_best() -> None:
    loss, embedding = begun(torch.zeros(N_ITEMS, SIZE)), embeddings(1)
    of = windows(embedding, PASSED)
    other = torch.randn(3, 1, 1, SIZE)
    scores = torch.maximum(
        torch.einsum("bd,id->bi", of.history[:, 0, 0], embedding),
        torch.einsum("bd,id->bi", other[:, 0, 0], embedding),
    )
    rows = [0, 0, 1]
    lead = torch.stack([scores[b, w] - scores[b, o] for b, (_, w, o) in zip(rows, PAIRS)])
    both = of._replace(history=torch.cat([of.history, other], dim=2))
    expected = torch.nn.functional.softplus(-lead).mean()
    torch.testing.assert_close(loss_of(loss, both), expected)


def test_what_can_be_told_apart_is_learned() -> None:
    """Users of the items 1 and 2 take 3 and pass over 5 and 6, which a softmax had on top."""
    start = torch.zeros(N_ITEMS, SIZE)
    start[1:3, 0] = 1
    start[3:, 0] = torch.tensor([0.5, 1, 2, 2])
    embedding = start.clone().requires_grad_()
    rows, passed = torch.tensor([[1, 3], [2, 3], [1, 4]]), [[5, 6], [6, 5], [0, 0]]
    loss = begun(start)
    optimizer = torch.optim.Adam([embedding], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss_of(loss, windows(embedding, passed, rows)).backward()
        optimizer.step()
    scores = (embedding[1:3] @ embedding.T).detach()
    assert (scores[:, 3:4] > scores[:, 5:] + 1).all()
    assert torch.equal(embedding[4], start[4]), "neither taken from a ranking nor passed over"


def test_taken_is_what_training_rows_say() -> None:
    training = [True, True, True, False]
    log = log_of([[1, 2, 3, 4]], 5, training, rating=[5, 1, 4, 5])
    asked = []

    def passed_over(requests: np.ndarray, taken: np.ndarray, k: int) -> torch.Tensor:
        asked.append((requests.tolist(), taken.tolist(), k))
        return torch.zeros(1, 2, k)

    class Data:
        config = {"positive_feedback": {"rating": "[4,inf)"}}  # noqa: RUF012
        dataset = type("Dataset", (), {"passed_over": staticmethod(passed_over)})

    Data.log = log
    chosen = LOSSES.of_one().choose({"name": "preference", "depth": 4}, "losses")
    make = chosen.component.fields(chosen.settings, Data)[PASSED_OVER]
    make(torch.tensor([[2, -1]]), None, None)
    assert asked == [([[2, -1]], [True, False, True, False], 4)]
    assert chosen.component.reads_rankings(chosen.settings)

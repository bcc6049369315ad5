"""The head over cached candidates: what it reads, and where it says nothing."""

import math
from typing import Any, Sequence

import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.scores.reciprocal_rank import rank_weights
from recbole_poem.logits.scoring import Items, of_state
from recbole_poem.logits.terms import Asked
from recbole_poem.logits.terms.candidate_head import CandidateHead, log_above_floor, standardise

VALID = torch.tensor([[True, True, True, False]])


def head_of(**settings: Any) -> CandidateHead:
    """Make a head over two features of four candidates whose weights are no zeros."""
    torch.manual_seed(0)
    chosen = LOGIT_TERMS.choose({"candidate_head": settings}, "logit_terms")["candidate_head"]
    head: CandidateHead = chosen.make(2, 4)
    torch.nn.init.normal_(head.output.weight)
    return head


def asked_of(order: Sequence[int] = (0, 1, 2, 3)) -> Asked:
    """Ask for four candidates, the last of which is none, in an order."""
    torch.manual_seed(1)
    features, fused = torch.rand(1, 4, 2), torch.rand(1, 4)
    items = Items(torch.randn(9, 3))
    interest = of_state(torch.randn(1, 1, 3), torch.zeros(1, 0, dtype=torch.int64))
    order = list(order)
    item = torch.tensor([[5, 3, 8, 0]])[:, order]
    ranking = FusedRanking(item, VALID[:, order], features[:, order], fused[:, order])
    return Asked(interest, item, ranking, items)


def test_weights_are_read_as_minus_the_log_of_the_rank() -> None:
    scores = torch.tensor([[[0.9], [0.1], [0.5], [7.0]]])
    weights = rank_weights(scores, VALID, 0.0, 1.0)
    found = log_above_floor(weights, 4)[0, :, 0]
    expected = [math.log(4 / 1), math.log(4 / 3), math.log(4 / 2), 0]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_ranking_without_candidates_is_read_as_nothing() -> None:
    assert (log_above_floor(torch.zeros(2, 5, 3), 5) == 0).all()


def test_logits_are_standardised_over_the_candidates_there_are() -> None:
    values = torch.tensor([[1.0, 3.0, 8.0, 1e6]])
    found = standardise(values, VALID)[:, :3]
    expected = (values[:, :3] - 4) / values[:, :3].std(correction=0)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert standardise(torch.ones(1, 4), torch.zeros(1, 4, dtype=torch.bool)).isfinite().all()


def test_it_starts_at_zero_and_says_nothing_where_there_is_no_candidate() -> None:
    head = head_of()
    item, logit = head(asked_of())
    assert item.tolist() == [[5, 3, 8, 0]]
    assert logit[0, :3].all()
    assert logit[0, 3] == 0
    head.reset_parameters(0.02)
    assert not head(asked_of()).logit.any()
    assert head(asked_of()._replace(ranking=None)) is None


def test_a_candidate_is_judged_by_itself() -> None:
    head, order = head_of(), [2, 0, 3, 1]
    plain, moved = head(asked_of()), head(asked_of(order))
    torch.testing.assert_close(moved.logit, plain.logit[:, order])


def test_the_models_own_logit_is_given_to_it_and_not_trained_by_it() -> None:
    head, asked = head_of(), asked_of()
    state = asked.interest.state.requires_grad_()
    found = head(asked).logit
    found.sum().backward()
    assert state.grad is None
    other = asked._replace(interest=asked.interest._replace(state=-state.detach()))
    assert not torch.allclose(head(other).logit, found)


def test_its_width_is_a_setting() -> None:
    assert head_of(hidden_size=7).hidden.weight.shape == (7, 2 + 3)
    words = "logit_terms.candidate_head.hidden_size: expected a whole number from 1, not 0"
    with pytest.raises(InputError, match=words):
        head_of(hidden_size=0)

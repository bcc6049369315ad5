"""The head over cached candidates: what it reads, and where it says nothing."""

import math

import pytest
import torch
from recbole_poem.fusion.reciprocal_rank import rank_weights
from recbole_poem.logits.candidate_head import CascadeHead, log_above_floor, standardise

VALID = torch.tensor([[True, True, True, False]])


def test_weights_are_read_as_minus_the_log_of_the_rank() -> None:
    scores = torch.tensor([[[0.9], [0.1], [0.5], [7.0]]])
    weights = rank_weights(scores, VALID, 0.0, 1.0)
    found = log_above_floor(weights, 4)[0, :, 0]
    expected = [math.log(4 / 1), math.log(4 / 3), math.log(4 / 2), 0]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_an_entry_without_candidates_is_read_as_nothing() -> None:
    assert (log_above_floor(torch.zeros(2, 5, 3), 5) == 0).all()


def test_logits_are_standardised_over_the_candidates_there_are() -> None:
    values = torch.tensor([[1.0, 3.0, 8.0, 1e6]])
    found = standardise(values, VALID)[:, :3]
    expected = (values[:, :3] - 4) / values[:, :3].std(correction=0)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert standardise(torch.ones(1, 4), torch.zeros(1, 4, dtype=torch.bool)).isfinite().all()


def test_it_starts_at_zero_and_says_nothing_where_there_is_no_candidate() -> None:
    head, entry = (
        CascadeHead(2, 4),
        (torch.rand(1, 4, 2), torch.rand(1, 4), torch.rand(1, 4), VALID),
    )
    torch.nn.init.normal_(head.output.weight)
    found = head(*entry)
    assert found[0, :3].all()
    assert found[0, 3] == 0
    head.start_at_zero()
    assert not head(*entry).any()


def test_a_candidate_is_judged_by_itself() -> None:
    head = CascadeHead(2, 4)
    quintuple, fused, own = torch.rand(1, 4, 2), torch.rand(1, 4), torch.rand(1, 4)
    order = torch.tensor([2, 0, 3, 1])
    plain = head(quintuple, fused, own, VALID)
    moved = head(quintuple[:, order], fused[:, order], own[:, order], VALID[:, order])
    torch.testing.assert_close(moved, plain[:, order])

"""Places of scores among those of training rankings, and shares of a ranking."""

import numpy as np
import pytest
import torch

from recbole_poem.fusion.places import Places, shares, standardised


def fitted(scores: torch.Tensor, n_cells: int) -> Places:
    places = Places(scores.shape[1], n_cells)
    places.fit(scores)
    return places


def place(places: Places, scores: torch.Tensor) -> torch.Tensor:
    return places(scores).mean(dim=-1)


def test_a_place_is_the_share_of_training_scores_below() -> None:
    scores = torch.tensor(np.random.default_rng(0).lognormal(size=(4001, 1))).float()
    places = fitted(scores, 50)
    wanted = torch.linspace(0, 1, 4001)
    found = place(places, scores.sort(dim=0).values).squeeze(1)
    torch.testing.assert_close(found, wanted, atol=0.012, rtol=0)


def test_it_rises_everywhere_beyond_the_training_scores_as_well() -> None:
    places = fitted(torch.tensor([[0.0, -3.0], [1.0, 5.0], [4.0, 5.0]]), 4)
    line = torch.linspace(-50, 50, 2001)
    found = place(places, torch.stack([line, line], dim=-1))
    assert (found.diff(dim=0) > 0).all()
    assert found[-1].max() < 3  # a score far away does not weigh too much


def test_what_occurs_often_counts_once() -> None:
    often = torch.cat([torch.zeros(900, 1), torch.arange(1.0, 101).unsqueeze(1)])
    found = place(fitted(often, 10), torch.tensor([[0.0], [50.0], [100.0]]))
    assert found.squeeze(1).tolist() == pytest.approx([0, 0.5, 1], abs=1e-6)


def test_one_score_alone_and_none_have_places() -> None:
    alone = place(fitted(torch.full((5, 1), 7.0), 4), torch.tensor([[7.0], [8.0]]))
    assert alone.squeeze(1).tolist() == pytest.approx([0, 1])
    none = place(fitted(torch.zeros(0, 1), 4), torch.tensor([[0.25]]))
    assert none.item() == pytest.approx(0.25)


def test_shares_sum_to_one_and_keep_the_order_whatever_the_scale() -> None:
    rng = torch.Generator().manual_seed(0)
    values = torch.randn(5, 9, 2, generator=rng)
    valid = torch.rand(5, 9, generator=rng) < 0.7
    valid[4] = False
    found = shares(values, valid)
    assert torch.equal(found > 0, valid.unsqueeze(-1).expand_as(found))
    torch.testing.assert_close(found.sum(dim=1)[:4], torch.ones(4, 2))
    for share, value, kept in zip(found, values, valid):
        assert torch.equal(share[kept].argsort(dim=0), value[kept].argsort(dim=0))
    torch.testing.assert_close(shares(values * 1e4 + 7e3, valid), found, atol=1e-3, rtol=1e-2)


def test_values_that_are_all_alike_have_equal_shares() -> None:
    values, valid = torch.full((1, 4, 1), 0.3), torch.tensor([[True, True, True, False]])
    assert shares(values, valid).flatten().tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert standardised(values, valid).abs().max() < 1e-3

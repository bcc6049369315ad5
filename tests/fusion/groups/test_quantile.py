"""Groups of equal size: their sizes, their order, and that the order of the slots is not read."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_rankings import fused_candidates

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import GROUPINGS
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.groups.quantile import assign_groups


@settings(max_examples=150, deadline=None)
@given(ranking=fused_candidates(), n_groups=st.integers(1, 7))
def test_groups_are_even_and_in_the_order_of_the_fused_score(ranking, n_groups):
    fused, items, valid = ranking
    groups = assign_groups(fused, items, valid, n_groups)
    assert (groups[~valid] == n_groups).all()
    for r in range(3):
        here = valid[r]
        of_candidates = groups[r, here]
        assert ((of_candidates >= 0) & (of_candidates < n_groups)).all()
        sizes = torch.bincount(of_candidates, minlength=n_groups)
        assert sizes.max() - sizes.min() <= 1
        for i, j in combinations(torch.nonzero(here).flatten().tolist(), 2):
            if groups[r, i] < groups[r, j]:
                assert (fused[r, i], -items[r, i]) > (fused[r, j], -items[r, j])
            elif groups[r, i] > groups[r, j]:
                assert (fused[r, i], -items[r, i]) < (fused[r, j], -items[r, j])


def test_ten_candidates_in_five_groups_of_two():
    fused = torch.tensor([0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6, 0.0])
    groups = assign_groups(fused, torch.arange(1, 11), torch.ones(10, dtype=torch.bool), 5)
    assert groups.tolist() == [2, 4, 0, 3, 1, 3, 0, 2, 1, 4]


def shuffled(seed, *tensors):
    order = torch.randperm(tensors[0].shape[-1], generator=torch.Generator().manual_seed(seed))
    return order, [tensor[..., order] for tensor in tensors]


@settings(max_examples=80, deadline=None)
@given(ranking=fused_candidates(), n_groups=st.integers(1, 7), seed=st.integers(0, 10**6))
def test_permuting_the_slots_permutes_the_groups(ranking, n_groups, seed):
    order, permuted = shuffled(seed, *ranking)
    assert torch.equal(
        assign_groups(*permuted, n_groups), assign_groups(*ranking, n_groups)[:, order]
    )


def test_the_component_cuts_into_so_many_groups():
    grouping = GROUPINGS.choose({"name": "quantile", "n_groups": 3}, "grouping").make()
    assert grouping.n_groups == 3
    fused, items = torch.tensor([[0.1, 0.3, 0.2, 0.9]]), torch.tensor([[4, 3, 2, 0]])
    ranking = FusedRanking(items, items > 0, fused.unsqueeze(-1), fused)
    assert grouping(ranking).tolist() == [[2, 0, 1, 3]]
    with pytest.raises(
        InputError, match=r"grouping\.n_groups: expected a whole number from 1, not 0"
    ):
        GROUPINGS.choose({"name": "quantile", "n_groups": 0}, "grouping")

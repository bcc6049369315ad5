"""Draws from groups and shuffled scores: who is drawn, in which order, how often."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_rankings import fused_candidates

from recbole_poem.fusion.draws import draw, shuffle_scores
from recbole_poem.fusion.groups.quantile import assign_groups


@settings(max_examples=150, deadline=None)
@given(
    ranking=fused_candidates(),
    n_groups=st.integers(1, 6),
    per_group=st.integers(1, 6),
    seed=st.integers(0, 10**6),
)
def test_draw_takes_the_smallest_noise_of_each_group_once_best_group_first(
    ranking, n_groups, per_group, seed
):
    groups = assign_groups(*ranking, n_groups)
    noise = torch.rand(groups.shape, generator=torch.Generator().manual_seed(seed))
    index, drawn = draw(groups, noise, n_groups, per_group)
    assert index.shape == drawn.shape == (3, n_groups * per_group)
    assert ((index >= 0) & (index < groups.shape[1])).all()  # also where it is meaningless
    for r in range(3):
        for g in range(n_groups):
            block = slice(g * per_group, (g + 1) * per_group)
            members = [i for i in range(groups.shape[1]) if groups[r, i] == g]
            expected = sorted(members, key=lambda i, r=r: noise[r, i].item())[:per_group]
            assert drawn[r, block].tolist() == [k < len(expected) for k in range(per_group)]
            assert index[r, block][drawn[r, block]].tolist() == expected


def test_every_member_and_every_pair_of_a_group_is_drawn_equally_often():
    times = 21_000
    groups = torch.tensor([0, 1, 0, 1, 0, 0, 2, 0, 0, 0]).expand(times, -1)
    noise = torch.rand(groups.shape, generator=torch.Generator().manual_seed(1))
    index, drawn = draw(groups, noise, 3, 2)
    first = index[:, :2].sort(dim=1).values  # 2 of the 7 members of group 0: 21 pairs
    pairs, count = (first[:, 0] * 10 + first[:, 1]).unique(return_counts=True)
    assert len(pairs) == 21
    expected = times / 21
    chi_square = ((count - expected) ** 2 / expected).sum().item()
    assert chi_square < 45  # 20 degrees of freedom: 1 in 900
    assert drawn[:, :4].all()
    assert not drawn[:, 5].any()  # group 2 has one member


@settings(max_examples=80, deadline=None)
@given(ranking=fused_candidates(), seed=st.integers(0, 10**6))
def test_shuffling_permutes_the_scores_of_the_candidates_alone(ranking, seed):
    fused, _, valid = ranking
    scores = torch.stack([fused, torch.arange(fused.shape[1]).expand_as(fused).float()], dim=-1)
    noise = torch.from_numpy(np.random.default_rng(seed).random(fused.shape))
    given_away = shuffle_scores(scores, valid, noise)
    for r in range(3):
        for mask in (valid[r], ~valid[r]):
            before, after = scores[r, mask].tolist(), given_away[r, mask].tolist()
            assert sorted(map(tuple, before)) == sorted(map(tuple, after))


def test_every_candidate_is_as_likely_to_get_the_best_score():
    n, n_requests = 5, 4000
    scores = torch.eye(n)[0].view(1, n, 1).expand(n_requests, n, 1)
    noise = torch.rand(n_requests, n, generator=torch.Generator().manual_seed(0))
    winners = shuffle_scores(scores, torch.ones(n_requests, n, dtype=torch.bool), noise).sum((0, 2))
    assert (winners - n_requests / n).abs().max() < 4 * (n_requests * 0.2 * 0.8) ** 0.5

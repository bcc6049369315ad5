"""Groups and draws: sizes, order, uniformity."""

from itertools import combinations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.fusion.grouping import assign_groups, draw, shuffle_scores


@st.composite
def cached(draw_from):
    """Fused scores with ties, distinct items and valid slots of three requests, (3, N)."""
    seed, n = draw_from(st.integers(0, 10**6)), draw_from(st.integers(1, 14))
    share = draw_from(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    rng = np.random.default_rng(seed)
    fused = torch.from_numpy(rng.integers(0, 6, (3, n)) / 8).float()
    items = torch.from_numpy(np.stack([rng.permutation(50)[:n] + 1 for _ in range(3)]))
    valid = torch.from_numpy(rng.random((3, n)) < share)
    return fused, torch.where(valid, items, 0), valid


def shuffled(seed, *tensors):
    order = torch.randperm(tensors[0].shape[-1], generator=torch.Generator().manual_seed(seed))
    return order, [tensor[..., order] for tensor in tensors]


@settings(max_examples=150, deadline=None)
@given(entry=cached(), n_groups=st.integers(1, 7))
def test_groups_are_even_and_in_the_order_of_the_fused_score(entry, n_groups):
    fused, items, valid = entry
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


@settings(max_examples=80, deadline=None)
@given(entry=cached(), n_groups=st.integers(1, 7), seed=st.integers(0, 10**6))
def test_permuting_the_slots_permutes_the_groups(entry, n_groups, seed):
    order, permuted = shuffled(seed, *entry)
    assert torch.equal(
        assign_groups(*permuted, n_groups), assign_groups(*entry, n_groups)[:, order]
    )


@settings(max_examples=150, deadline=None)
@given(
    entry=cached(),
    n_groups=st.integers(1, 6),
    per_group=st.integers(1, 6),
    seed=st.integers(0, 10**6),
)
def test_draw_takes_the_smallest_noise_of_each_group_once_best_group_first(
    entry, n_groups, per_group, seed
):
    groups = assign_groups(*entry, n_groups)
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
@given(entry=cached(), seed=st.integers(0, 10**6))
def test_shuffling_permutes_the_scores_of_the_candidates_alone(entry, seed):
    fused, _, valid = entry
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

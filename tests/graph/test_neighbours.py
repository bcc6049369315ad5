"""Hard negatives: who may be drawn, how often, and from how far."""

import dgl
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.graph import HardNegativeSampler, item_graph, similar_items

MANY = 20_000
NOBODY = torch.zeros(MANY, 0, dtype=torch.long)


def nothing(query, item):
    return torch.zeros(len(item), dtype=torch.bool)


def graph_of(pairs, n_items, top_k=50):
    """Item graph of an undirected {(i, j): similarity}."""
    similarity = np.zeros((n_items, n_items), dtype=np.float32)
    for (i, j), value in pairs.items():
        similarity[i, j] = similarity[j, i] = value
    return item_graph(sp.csr_matrix(similarity), top_k)


def random_graph(seed, n_items=15, top_k=4):
    rng = np.random.default_rng(seed)
    pairs = {
        (i, j): rng.random() + 0.01
        for i in range(1, n_items)
        for j in range(1, i)
        if rng.random() < 0.4
    }
    return graph_of(pairs, n_items, top_k)


def reachable(graph, item, hops):
    near, frontier = set(), {item}
    for _ in range(hops):
        frontier = {int(j) for i in frontier for j in graph.in_edges(i)[0]} - {item}
        near |= frontier
    return near


def shares(drawn, n_items):
    return torch.bincount(drawn.flatten(), minlength=n_items)[1:] / len(drawn)


def seeded(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return lambda query, item: torch.rand(len(item), generator=generator)


def draw_many(sampler, positive=1, recent=NOBODY, excluded=nothing, num=1):
    return sampler.sample(torch.full((MANY,), positive), recent, excluded, num, seeded())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_queries=st.integers(0, 6),
    num=st.integers(1, 6),
    hops=st.integers(1, 3),
    density=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)
def test_only_allowed_items_each_once_and_all_there_are(seed, n_queries, num, hops, density):
    graph, n_items = random_graph(seed), 15
    rng = torch.Generator().manual_seed(seed)
    positives = torch.randint(0, n_items, (n_queries,), generator=rng)
    recent = torch.randint(0, n_items, (n_queries, 3), generator=rng)
    forbidden = torch.rand(n_queries, n_items, generator=rng) < density

    sampler = HardNegativeSampler(graph, hops=hops)
    drawn = sampler.sample(positives, recent, lambda q, i: forbidden[q, i], num, seeded(seed))

    assert drawn.shape == (n_queries, num)
    assert drawn.dtype == torch.long
    for query, row in enumerate(drawn.tolist()):
        allowed = reachable(graph, int(positives[query]), hops)
        allowed -= set(forbidden[query].nonzero().flatten().tolist())
        found = [item for item in row if item]
        assert set(found) <= allowed
        assert len(set(found)) == len(found) == min(num, len(allowed))
        assert row[len(found) :] == [0] * (num - len(found))


def test_draws_follow_similarity_without_context():
    similarity = [0.5, 0.3, 0.15, 0.05]
    graph = graph_of({(1, 2 + k): value for k, value in enumerate(similarity)}, 6)
    drawn = draw_many(HardNegativeSampler(graph))
    torch.testing.assert_close(
        shares(drawn, 6), torch.tensor([0.0, *similarity]), rtol=0, atol=0.015
    )


def test_draws_are_sequential_without_replacement():
    p = {2: 0.6, 3: 0.3, 4: 0.1}
    graph = graph_of({(1, item): value for item, value in p.items()}, 5)
    drawn = draw_many(HardNegativeSampler(graph), num=2)
    both = {item: p[item] + sum(p[j] * p[item] / (1 - p[j]) for j in p if j != item) for item in p}
    torch.testing.assert_close(
        shares(drawn, 5), torch.tensor([0.0, *both.values()]), rtol=0, atol=0.015
    )


def test_items_close_to_the_recent_ones_are_drawn_in_proportion():
    # 2 and 3 are equally close to the positive; 3 is also close to the recent 5 and 6, over an
    # edge that a top_k of 2 keeps in one direction only (3 -> 6, for 3 prefers 5 and 1).
    graph = graph_of({(1, 2): 0.5, (1, 3): 0.5, (3, 5): 0.6, (3, 6): 0.2}, 7, top_k=2)
    assert graph.has_edges_between(3, 6)
    assert not graph.has_edges_between(6, 3)
    sampler = HardNegativeSampler(graph, epsilon=0.4)
    recent = torch.tensor([[5, 6, 0]]).expand(MANY, 3)
    drawn = draw_many(sampler, recent=recent)
    expected = (0.4 + 0.6 + 0.2) / (0.4 + 0.4 + 0.6 + 0.2)
    assert shares(drawn, 7)[2].item() == pytest.approx(expected, abs=0.015)
    assert shares(draw_many(sampler), 7)[2].item() == pytest.approx(0.5, abs=0.015)


def test_context_belongs_to_its_own_query():
    graph = graph_of({(1, 2): 0.5, (1, 3): 0.5, (2, 4): 0.5, (3, 5): 0.5}, 6)
    recent = torch.tensor([[4], [5]]).repeat(MANY // 2, 1)
    drawn = draw_many(HardNegativeSampler(graph, epsilon=1e-6), recent=recent).flatten()
    assert (drawn[0::2] == 2).float().mean() > 0.99
    assert (drawn[1::2] == 3).float().mean() > 0.99


def test_exclusion_belongs_to_its_own_query():
    graph = graph_of({(1, 2): 0.5, (1, 3): 0.5}, 4)
    banned = torch.tensor([2, 3])
    drawn = HardNegativeSampler(graph).sample(
        torch.tensor([1, 1]), NOBODY[:2], lambda q, i: banned[q] == i, 2, seeded()
    )
    assert drawn.tolist() == [[3, 0], [2, 0]]


def test_two_hops_reach_further_by_the_best_path():
    # 4 is reached through 2 (0.9 * 0.5) and through 3 (0.1 * 0.9): the better one counts.
    graph = graph_of({(1, 2): 0.9, (1, 3): 0.1, (2, 4): 0.5, (3, 4): 0.9}, 5)
    one = draw_many(HardNegativeSampler(graph, hops=1), num=3)
    assert set(one.unique().tolist()) == {0, 2, 3}
    two = draw_many(HardNegativeSampler(graph, hops=2))
    weights = torch.tensor([0.0, 0.9, 0.1, 0.45])
    torch.testing.assert_close(shares(two, 5), weights / weights.sum(), rtol=0, atol=0.015)


def test_noise_belongs_to_the_query_and_the_candidate():
    """The same numbers for the same pairs: the same draw, whoever else is in the batch."""
    graph = graph_of({(1, item): 0.1 * item for item in range(2, 9)}, 9)
    sampler = HardNegativeSampler(graph)
    numbers = torch.rand(40, 9, generator=torch.Generator().manual_seed(0))
    together = sampler.sample(
        torch.ones(40, dtype=torch.long), NOBODY[:40], nothing, 3, lambda q, i: numbers[q, i]
    )
    for query in (0, 7, 39):
        alone = sampler.sample(
            torch.tensor([1]), NOBODY[:1], nothing, 3, lambda q, i, k=query: numbers[k, i]
        )
        assert torch.equal(alone[0], together[query])
    assert len(together.unique(dim=0)) > 20


def test_zeros_where_there_is_nothing_to_draw():
    everything = HardNegativeSampler(graph_of({(1, 2): 0.5}, 4)).sample(
        torch.tensor([0, 3, 1]), torch.zeros(3, 2, dtype=torch.long), nothing, 3, seeded()
    )
    assert everything.tolist() == [[0, 0, 0], [0, 0, 0], [2, 0, 0]]
    edgeless = HardNegativeSampler(graph_of({}, 4), hops=2)
    drawn = edgeless.sample(torch.tensor([1, 2]), NOBODY[:2], nothing, 2, seeded())
    assert drawn.tolist() == [[0, 0], [0, 0]]


def test_similar_items_are_the_best_in_order():
    graph = graph_of({(1, 2): 0.2, (1, 3): 0.9, (1, 4): 0.5, (2, 3): 0.7}, 6)
    ids, similarity = similar_items(graph, torch.tensor([2, 1, 0, 1, 5]), k=2)
    assert ids.tolist() == [[3, 1], [3, 4], [0, 0], [3, 4], [0, 0]]
    expected = [[0.7, 0.2], [0.9, 0.5], [0, 0], [0.9, 0.5], [0, 0]]
    torch.testing.assert_close(similarity, torch.tensor(expected))
    assert similar_items(graph, torch.tensor([3]), k=4)[0].tolist() == [[1, 2, 0, 0]]
    assert similar_items(graph, torch.zeros(0, dtype=torch.long), k=3)[0].shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"hops": 0}, "hops must be at least 1"),
        ({"epsilon": 0.0}, "epsilon must be above 0"),
        ({"graph": dgl.graph(([1], [2]))}, "similarity"),
    ],
)
def test_bad_settings_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        HardNegativeSampler(**{"graph": graph_of({(1, 2): 0.5}, 4), **arguments})


def test_parallel_edges_are_refused():
    graph = dgl.graph(([1, 1], [2, 2]))
    graph.edata["similarity"] = torch.ones(2)
    with pytest.raises(ValueError, match="two edges"):
        HardNegativeSampler(graph)


@pytest.mark.parametrize(
    ("positives", "recent", "excluded", "num", "words"),
    [
        ([1], [[2]], nothing, 0, "num must be at least 1"),
        ([1, 1], [[2]], nothing, 1, "recent \\(Q, R\\)"),
        ([4], [[2]], nothing, 1, "positives must hold item ids in \\[0, 4\\)"),
        ([1], [[-1]], nothing, 1, "recent must hold item ids"),
        ([1], [[2]], lambda q, i: torch.zeros(len(i)), 1, "excluded must return booleans"),
    ],
)
def test_bad_queries_are_named(positives, recent, excluded, num, words):
    sampler = HardNegativeSampler(graph_of({(1, 2): 0.5}, 4))
    with pytest.raises(ValueError, match=words):
        sampler.sample(torch.tensor(positives), torch.tensor(recent), excluded, num, seeded())
    with pytest.raises(ValueError, match="k must be at least 1"):
        similar_items(sampler.graph, torch.tensor([1]), k=0)

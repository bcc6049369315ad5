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


def draw_many(sampler, positive=1, recent=NOBODY, excluded=nothing, num=1, seed=0):
    torch.manual_seed(seed)
    return sampler.sample(torch.full((MANY,), positive), recent, excluded, num)


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
    drawn = sampler.sample(positives, recent, lambda q, i: forbidden[q, i], num, rng)

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
        torch.tensor([1, 1]), NOBODY[:2], lambda q, i: banned[q] == i, num=2
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


def hubs(n_hubs=4000):
    """Every hub has the in-neighbours 1 (similarity 3) and 2 (similarity 1)."""
    hub = torch.arange(3, 3 + n_hubs)
    source = torch.tensor([1, 2]).repeat_interleave(n_hubs)
    graph = dgl.graph((source, hub.repeat(2)))
    graph.edata["similarity"] = torch.tensor([3.0, 1.0]).repeat_interleave(n_hubs)
    return graph, hub


def test_fanout_draws_the_neighbours_in_proportion_to_similarity():
    graph, hub = hubs()
    torch.manual_seed(0)
    drawn = HardNegativeSampler(graph, fanout=1).sample(hub, NOBODY[: len(hub)], nothing, num=2)
    assert (drawn[:, 1] == 0).all(), "more candidates than the fanout"
    assert (drawn[:, 0] == 1).float().mean().item() == pytest.approx(0.75, abs=0.03)


def test_same_seed_same_draw_whatever_the_threads():
    graph, hub = hubs()
    sampler = HardNegativeSampler(graph, fanout=1)
    threads = torch.get_num_threads()
    draws = []
    try:
        for n_threads, seed in [(1, 7), (2, 7), (1, 8)]:
            torch.set_num_threads(n_threads)
            generator = torch.Generator().manual_seed(seed)
            draws.append(sampler.sample(hub, NOBODY[: len(hub)], nothing, 1, generator))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_manual_seed_governs_the_default_generator():
    graph = graph_of({(1, item): 0.5 for item in range(2, 9)}, 9)
    sampler = HardNegativeSampler(graph)
    assert torch.equal(draw_many(sampler, seed=3), draw_many(sampler, seed=3))
    assert not torch.equal(draw_many(sampler, seed=3), draw_many(sampler, seed=4))


def test_zeros_where_there_is_nothing_to_draw():
    everything = HardNegativeSampler(graph_of({(1, 2): 0.5}, 4)).sample(
        torch.tensor([0, 3, 1]), torch.zeros(3, 2, dtype=torch.long), nothing, num=3
    )
    assert everything.tolist() == [[0, 0, 0], [0, 0, 0], [2, 0, 0]]
    edgeless = HardNegativeSampler(graph_of({}, 4), hops=2)
    assert edgeless.sample(torch.tensor([1, 2]), NOBODY[:2], nothing, 2).tolist() == [[0, 0]] * 2


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
        ({"fanout": 0}, "fanout must be at least 1"),
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
        sampler.sample(torch.tensor(positives), torch.tensor(recent), excluded, num)
    with pytest.raises(ValueError, match="k must be at least 1"):
        similar_items(sampler.graph, torch.tensor([1]), k=0)

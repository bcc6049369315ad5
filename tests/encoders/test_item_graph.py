"""Embeddings on a graph: what is known of regular graphs, of groups, and of the gradient."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch.nn.functional as F

from recbole_poem.encoders.history.item_graph import ItemGraph
from recbole_poem.graph.co_occurrence import with_loops


def item_graph(hops: int, weights: Any) -> ItemGraph:
    graph = ItemGraph(hops)
    graph.know(with_loops(sp.csr_matrix(np.asarray(weights, dtype=np.float32))))
    return graph


def drawn(seed: int, n_items: int = 9) -> np.ndarray:
    rng = np.random.default_rng(seed)
    half = np.triu(rng.random((n_items, n_items)) * (rng.random((n_items, n_items)) < 0.4), 1)
    return np.asarray(half + half.T)


def cliques(size: int) -> np.ndarray:
    """Two groups whose members all know each other, and nobody else."""
    group = np.ones((size, size)) - np.eye(size)
    return np.block([[group, 0 * group], [0 * group, group]])


@pytest.mark.parametrize("hops", [0, 1, 2, 5])
def test_it_is_the_mean_over_the_powers_of_the_matrix(hops: int) -> None:
    weights, embedding = drawn(0), torch.randn(9, 4)
    matrix = torch.from_numpy(with_loops(sp.csr_matrix(weights)).toarray())
    powers = [torch.linalg.matrix_power(matrix, k) @ embedding for k in range(hops + 1)]
    expected = torch.stack(powers).mean(0)
    torch.testing.assert_close(item_graph(hops, weights)(embedding), expected)


def test_without_a_hop_embeddings_stay_as_they_are() -> None:
    embedding = torch.randn(9, 4)
    assert item_graph(0, drawn(0))(embedding) is embedding
    assert not torch.allclose(item_graph(1, drawn(0))(embedding), embedding)


def test_on_a_regular_graph_equal_embeddings_stay_as_they_are() -> None:
    ring = np.roll(np.eye(8), 1, axis=1) + np.roll(np.eye(8), -1, axis=1)
    same = torch.randn(1, 4).expand(8, 4)
    torch.testing.assert_close(item_graph(3, 2.5 * ring)(same), same)


def test_members_of_a_group_become_alike_and_groups_keep_apart() -> None:
    """A step takes each to the mean of its group; K steps leave 1/(K + 1) of what is its own."""
    torch.manual_seed(0)
    embedding = torch.randn(10, 6)
    found = item_graph(20, cliques(5))(embedding)
    means = embedding.unflatten(0, (2, 5)).mean(1)
    expected = (embedding + 20 * means.repeat_interleave(5, 0)) / 21
    torch.testing.assert_close(found, expected)
    likeness = F.cosine_similarity(found.unsqueeze(1), found.unsqueeze(0), dim=2)
    assert min(likeness[:5, :5].min(), likeness[5:, 5:].min()) > 0.97
    assert F.cosine_similarity(embedding[:1], embedding[1:5]).min() < 0.5
    between = F.cosine_similarity(means[0], means[1], dim=0)
    assert bool((likeness[:5, 5:].sign() == between.sign()).all())
    assert likeness[:5, 5:].abs().max() < 0.9


def test_the_gradient_is_that_of_the_dense_product() -> None:
    embedding = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(item_graph(3, drawn(1)), embedding)


def test_a_saved_graph_is_loaded_into_a_model_that_knows_none_or_another() -> None:
    first, embedding = item_graph(2, drawn(1)), torch.randn(9, 4)
    for other in (ItemGraph(2), item_graph(2, drawn(2))):
        other.load_state_dict(first.state_dict())
        torch.testing.assert_close(other(embedding), first(embedding), rtol=0, atol=0)


def test_without_a_graph_nothing_is_said() -> None:
    with pytest.raises(RuntimeError, match="the item graph is not known"):
        ItemGraph(1)(torch.randn(3, 2))

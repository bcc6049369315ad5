"""Metrics from ranks, against loops and hand-made lists."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.benchmark import ranking
from recbole_poem.core.errors import InputError


def test_values_of_known_ranks() -> None:
    ranks = np.array([1, 3, 10, 11], dtype=np.int32)
    assert ranking.user_values(ranks, "HR@10").tolist() == [1, 1, 1, 0]
    assert ranking.user_values(ranks, "ndcg@10").tolist() == [1, 0.5, 1 / np.log2(11), 0]
    assert ranking.user_values(ranks, "Mrr@10").tolist() == [1, 1 / 3, 0.1, 0]
    assert ranking.user_values(ranks, "MRR@50").dtype == np.float64


@pytest.mark.parametrize("metric", ["Recall@10", "NDCG", "NDCG@0", "NDCG@x", "@10", "NDCG@10 @5"])
def test_an_unknown_metric_is_answered_with_the_known_ones(metric: str) -> None:
    with pytest.raises(InputError, match="HR@k, NDCG@k, MRR@k"):
        ranking.user_values(np.array([1]), metric)


def test_coverage_counts_items_once_and_padding_never() -> None:
    top = np.array([[1, 2, 3], [2, 1, 0]])
    assert ranking.coverage(top, 2, n_items=11) == 0.2
    assert ranking.coverage(top, 3, n_items=11) == 0.3
    assert ranking.coverage(top, 50, n_items=11) == 0.3


def test_diversity_of_known_lists() -> None:
    category = np.zeros((6, 3), dtype=bool)
    category[1, 0] = category[2, 0] = category[3, 1] = True
    category[4, [0, 1]] = True  # item 5 has no category
    top = np.array([[1, 2, 3], [1, 3, 4], [5, 1, 2]])
    assert ranking.diversity(top, category, 3) == pytest.approx([2 / 3, 1 / 3, 2 / 3])
    assert ranking.diversity(top, category, 2).tolist() == [0, 1, 1]
    assert np.isnan(ranking.diversity(top, category, 1)).all()  # one item makes no pair


@given(st.integers(0, 10**6), st.integers(2, 7), st.sampled_from([1, 200, 1 << 24]))
def test_diversity_is_that_of_a_loop_over_pairs_in_chunks_of_any_size(
    seed: int, k: int, entries: int
) -> None:
    rng = np.random.default_rng(seed)
    category = rng.random((20, 4)) < 0.4
    top = np.stack([rng.permutation(np.arange(1, 20))[:6] for _ in range(9)])
    slow = [
        np.mean([not (category[i] & category[j]).any() for i, j in combinations(row[:k], 2)])
        for row in top
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_ENTRIES", entries)
        assert ranking.diversity(top, category, k) == pytest.approx(slow)


def test_all_metrics_are_the_means_of_their_users() -> None:
    ranks, top = np.array([1, 4]), np.array([[1, 2], [1, 3]])
    found = ranking.metrics(ranks, top, [1, 2], 5)
    assert list(found) == [f"{m}@{k}" for k in (1, 2) for m in ("HR", "NDCG", "MRR", "coverage")]
    assert found["HR@2"] == found["NDCG@2"] == found["MRR@2"] == 0.5
    assert (found["coverage@1"], found["coverage@2"]) == (0.25, 0.75)
    category = np.eye(5, dtype=bool)
    assert ranking.metrics(ranks, top, [2], 5, category)["diversity@2"] == 1.0

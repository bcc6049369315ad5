"""The AUC within a list, and soft ranks: published examples, slow references, limits."""

from typing import List, Tuple

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from recbole_poem.fusion.list_auc import list_auc, soft_auc, soft_rank


def lists(seed: int, n: int = 12) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    scores = torch.tensor(rng.normal(size=(20, n))).float()
    labels = torch.tensor(rng.random((20, n, 2)) < 0.3)
    valid = torch.tensor(rng.random((20, n)) < 0.8)
    return scores, labels & valid.unsqueeze(-1), valid


def pooled(gaps: np.ndarray) -> np.ndarray:
    """Return the non-increasing sequence that is nearest: pool adjacent violators."""
    blocks: List[List[float]] = []
    for gap in gaps:
        blocks.append([gap, 1])
        while len(blocks) > 1 and blocks[-2][0] <= blocks[-1][0]:
            mean, n = blocks.pop()
            former, m = blocks.pop()
            blocks.append([(mean * n + former * m) / (n + m), n + m])
    return np.concatenate([np.full(int(n), mean) for mean, n in blocks])


def reference(scores: np.ndarray, epsilon: float) -> np.ndarray:
    order = np.argsort(-scores, kind="stable")
    z = scores[order] / epsilon
    ranks = np.empty(len(scores))
    ranks[order] = z - pooled(z - np.arange(len(scores), 0, -1))
    return ranks


@pytest.mark.parametrize(("epsilon", "ranks"), [(2.0, [3, 1.25, 1.75]), (1.0, [3, 1, 2])])
def test_soft_ranks_are_those_of_the_published_example(epsilon: float, ranks: List[float]) -> None:
    """The example of google-research/fast-soft-sort (Blondel et al., ICML 2020)."""
    scores, valid = torch.tensor([[5.0, 1.0, 2.0]]), torch.ones(1, 3).bool()
    found = soft_rank(scores, valid, torch.tensor([[epsilon]]))
    assert found.tolist()[0] == pytest.approx(ranks)


@pytest.mark.parametrize("epsilon", [0.01, 0.2, 1.0, 30.0])
def test_soft_ranks_equal_a_loop_over_the_lists(epsilon: float) -> None:
    scores, _, valid = lists(0)
    found = soft_rank(scores, valid, torch.full((20, 1), epsilon))
    for row, kept, ranks in zip(scores, valid, found):
        expected = reference(row[kept].double().numpy(), epsilon)
        np.testing.assert_allclose(ranks[kept], expected, atol=1e-4)
        assert not ranks[~kept].any()
        n = int(kept.sum())
        assert ranks.sum().item() == pytest.approx(n * (n + 1) / 2, rel=1e-5)


def test_the_gradient_is_that_of_the_projection() -> None:
    """(I - mean over the block) / epsilon: it sums to 0, and the block of a lone item has none."""
    scores = torch.tensor([[5.0, 1.0, 2.0]], requires_grad=True)
    ranks = soft_rank(scores, torch.ones(1, 3).bool(), torch.tensor([[2.0]]))
    (gradient,) = torch.autograd.grad(ranks[0, 1], scores)
    assert gradient.tolist()[0] == pytest.approx([0, 0.25, -0.25])


def test_the_auc_within_a_list_is_that_of_sklearn() -> None:
    scores, labels, valid = lists(1)
    scores[:, 3] = scores[:, 5]  # a tie
    auc, there = list_auc(scores, labels, valid)
    assert 5 < there.sum() < there.numel()
    for q, label in there.nonzero().tolist():
        kept = valid[q]
        expected = roc_auc_score(labels[q, kept, label], scores[q, kept])
        assert auc[q, label].item() == pytest.approx(expected, abs=1e-6)


def test_ascending_ranks_count_for_a_label_and_not_against_it() -> None:
    """The digest's example ranks descending, by which the formula says 1/3."""
    scores = torch.tensor([[0.7, 0.2, 0.8, 0.1, 0.9]])
    labels = torch.tensor([[1, 0, 1, 0, 0]]).bool().unsqueeze(-1)
    valid = torch.ones(1, 5).bool()
    assert list_auc(scores, labels, valid)[0].item() == pytest.approx(2 / 3)
    assert soft_auc(scores, labels, valid, 1e-3)[0].item() == pytest.approx(2 / 3)


def test_with_no_softness_the_soft_auc_is_the_auc() -> None:
    scores, labels, valid = lists(2)
    soft, there = soft_auc(scores, labels, valid, 1e-4)
    hard, there_too = list_auc(scores, labels, valid)
    assert torch.equal(there, there_too)
    torch.testing.assert_close(soft, hard, atol=1e-4, rtol=0)


def test_the_softness_is_relative_to_the_spread() -> None:
    scores, labels, valid = lists(3)
    one = soft_auc(scores, labels, valid, 1.0)[0]
    torch.testing.assert_close(
        soft_auc(1e-3 * scores + 5, labels, valid, 1.0)[0], one, atol=1e-3, rtol=0
    )


def test_scores_that_are_all_alike_have_an_auc_of_a_half() -> None:
    labels = torch.tensor([[True, False, False]]).unsqueeze(-1)
    scores = torch.full((1, 3), 0.7, requires_grad=True)
    auc, _ = soft_auc(scores, labels, torch.ones(1, 3).bool(), 1.0)
    auc.sum().backward()
    assert auc.item() == pytest.approx(0.5)
    assert scores.grad is not None and scores.grad.isfinite().all()

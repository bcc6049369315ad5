"""The best of many scores: those that one sort of all gives."""

import pytest
import torch

from recbole_poem.serving.top_k import top_k


@pytest.mark.parametrize("k", [1, 7, 50])
@pytest.mark.parametrize("n", [1, 127, 128, 1000, 12_800, 20_001, 20_095])
def test_the_blocks_hide_nothing(n: int, k: int) -> None:
    scores = torch.randn(3, n, generator=torch.Generator().manual_seed(n + k))
    scores[0, -1] = 9  # behind the last whole block, where there is such a place
    scores[1, torch.randperm(n)[: n // 2]] = -torch.inf
    best, place = top_k(scores, k)
    expected = scores.sort(dim=1, descending=True).values[:, :k]
    assert torch.equal(best, expected)
    assert torch.equal(scores.gather(1, place), expected)
    assert place.shape == (3, min(k, n))
    assert all(len(row.unique()) == len(row) for row in place)

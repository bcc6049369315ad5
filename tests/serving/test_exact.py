"""Requests without a history are answered where the model is."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from toy_device import OTHER, another_device

from recbole_poem.serving.exact import ExactRanker
from recbole_poem.serving.ranking_batch import RankingBatch


def test_the_ranking_of_nobody_is_fused_on_the_device_of_the_model() -> None:
    rankings = RankingBatch(
        torch.tensor([[[3, 1, 0]]]),
        torch.tensor([[[[2.0, 0.0], [1.0, 0.0], [9.0, 9.0]]]]),
        np.zeros(1, np.int64),
    )

    def scores_on(device: torch.device) -> Any:
        weight = torch.tensor([1.0, 0.5], device=device)

        def fusion(scores: torch.Tensor, valid: torch.Tensor) -> Any:
            return SimpleNamespace(score=torch.where(valid, scores @ weight, 0.0))

        batches: Any = SimpleNamespace(device=device)
        popularity = np.array([0.0, 0.1, 0.7, 0.2], dtype=np.float32)
        ranker = ExactRanker(batches, torch.zeros_like, popularity, fusion)
        return ranker._without_history(rankings)

    with another_device():
        there = scores_on(OTHER)
    assert there.tolist() == scores_on(torch.device("cpu")).tolist()
    assert there.argsort(descending=True).tolist() == [[3, 1, 2, 0]]

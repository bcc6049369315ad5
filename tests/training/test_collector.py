"""What is collected of an evaluation, against RecBole's own collector."""

from typing import Any, Dict, List

import pytest
import torch
from recbole.evaluator import Collector

from recbole_poem.training.collector import PlainCollector
from recbole_poem.training.config import Config


class _WithoutMatrix(PlainCollector):
    """Refuses to be evaluated as RecBole does it."""

    def _lists_suffice(self, positive_u: torch.Tensor, n_rows: int) -> bool:
        assert super()._lists_suffice(positive_u, n_rows)
        return True


def collected(kind: Any, metrics: List[str], *batch: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Return what a collector of a kind has of a batch: scores, rows of targets, targets."""
    keys = {"metrics": metrics, "topk": [1, 4], "valid_metric": f"{metrics[0]}@4"}
    collector = kind(Config("POEM", "ml-100k", config_dict=keys))
    scores, rows, targets = batch
    collector.eval_batch_collect(scores, None, rows, targets)
    found: Dict[str, torch.Tensor] = collector.data_struct._data_dict
    return found


@pytest.mark.parametrize("metrics", [["NDCG", "Hit"], ["Hit", "ShannonEntropy"], ["Recall", "MAP"]])
def test_of_one_target_a_row_it_collects_what_recbole_does(metrics: List[str]) -> None:
    """Ties and items that may not be recommended included, and targets that nobody finds."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 6, (40, 9), generator=generator).float()
    scores[:, 0] = scores[3:6, 2] = -torch.inf
    targets = torch.randint(1, 9, (40,), generator=generator)
    batch = scores, torch.arange(40), targets
    ours, theirs = (collected(kind, metrics, *batch) for kind in (_WithoutMatrix, Collector))
    assert ours.keys() == theirs.keys() and len(ours) > 0
    for key, value in theirs.items():
        assert torch.equal(ours[key], value) and ours[key].dtype == value.dtype
    assert 0 < ours["rec.topk"][:, :-1].sum() < 40


def test_of_several_targets_a_row_recbole_collects() -> None:
    scores = torch.tensor([[0.0, 3, 2, 1, 0], [0, 1, 2, 3, 4]])
    rows, targets = torch.tensor([0, 0, 1]), torch.tensor([1, 3, 4])
    found = collected(PlainCollector, ["Recall"], scores, rows, targets)
    assert found["rec.topk"].tolist() == [[1, 0, 1, 0, 2], [1, 0, 0, 0, 1]]

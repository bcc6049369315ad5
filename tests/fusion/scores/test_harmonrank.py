"""HarmonRank: the loss is the AUC of each label alike, and who asks has a say."""

from typing import Any

import pytest
import torch
from sklearn.metrics import roc_auc_score

from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.learned import Lists
from recbole_poem.fusion.list_auc import list_auc


def harmonrank(n_objectives: int = 3, context_size: int = 4, **settings: Any) -> Any:
    chosen = SCORE_FUSIONS.choose({"name": "harmonrank", **settings}, "score_fusion")
    return chosen.make(n_objectives, context_size)


def listed(seed: int, share: float = 1.0) -> Lists:
    """Make rankings in which one label follows the first score, a rarer one the second."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(300, 12, 3, generator=rng)
    noise = torch.randn(300, 12, 2, generator=rng)
    labels = scores[..., :2] + 0.5 * noise > 1.2
    labels[..., 1] &= torch.rand(300, 1, generator=rng) < share
    return Lists(scores, torch.ones(300, 12).bool(), labels)


def test_without_softness_the_loss_is_the_mean_auc_that_is_missing() -> None:
    torch.manual_seed(0)
    fusion, lists = harmonrank(3, 0, softness=1e-4), listed(0)
    fusion.fit(lists.scores.flatten(0, 1))
    torch.nn.init.normal_(fusion.output.weight)
    fused = fusion(lists.scores, lists.valid).score.detach()
    expected = 0.0
    for label in lists.labels.unbind(-1):
        aucs = [
            roc_auc_score(one, score)
            for one, score in zip(label, fused)
            if one.any() and not one.all()
        ]
        assert 100 < len(aucs) < 300
        expected += (1 - sum(aucs) / len(aucs)) / 2
    assert fusion.loss(lists).item() == pytest.approx(expected, abs=2e-3)


def learned_aucs(share: float) -> torch.Tensor:
    """Learn from rankings of which a share has the second label, and return the AUC of new ones."""
    torch.manual_seed(0)
    fusion, lists, new = harmonrank(3, 0), listed(0, share), listed(1)
    fusion.fit(lists.scores.flatten(0, 1))
    optimizer = torch.optim.Adam(fusion.parameters(), 0.01)
    for _ in range(100):
        optimizer.zero_grad()
        fusion.loss(lists).backward()
        optimizer.step()
    auc, there = list_auc(fusion(new.scores, new.valid).score, new.labels, new.valid)
    return (auc * there).sum(dim=0) / there.sum(dim=0)


def test_it_learns_the_order_and_a_rare_label_counts_as_much() -> None:
    new = listed(1)
    mean = list_auc(new.scores.mean(dim=-1), new.labels, new.valid)[0].mean()
    assert mean < 0.76  # the third score says nothing
    for share in (1.0, 0.1):
        found = learned_aucs(share)
        assert found.mean() > 0.82
        assert found.min() > 0.74


def test_who_asks_decides_the_gates_and_nobody_has_the_usual_ones() -> None:
    torch.manual_seed(0)
    fusion = harmonrank()
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    scores, valid = torch.randn(1, 6, 3).expand(2, -1, -1), torch.ones(2, 6).bool()
    different = fusion(scores, valid, torch.randn(2, 4)).score
    assert not torch.allclose(different[0], different[1], atol=1e-3)
    torch.testing.assert_close(
        fusion(scores, valid).score, fusion(scores, valid, torch.zeros(2, 4)).score
    )


def test_an_order_of_the_slots_and_empty_ones_change_nothing() -> None:
    torch.manual_seed(0)
    fusion = harmonrank()
    torch.nn.init.normal_(fusion.output.weight)
    scores, valid = torch.randn(2, 5, 3), torch.ones(2, 5).bool()
    features, score = fusion(scores, valid)
    torch.testing.assert_close(features.sum(dim=1), torch.ones(2, fusion.n_features))
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(fusion(scores[:, order], valid).score, score[:, order])
    wider = torch.cat([scores, torch.zeros(2, 3, 3)], dim=1)
    there = torch.cat([valid, torch.zeros(2, 3).bool()], dim=1)
    found = fusion(wider, there).score
    torch.testing.assert_close(found[:, :5], score)
    assert not found[:, 5:].any()

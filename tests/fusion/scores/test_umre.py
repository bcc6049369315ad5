"""UMRE: monotone whatever its weights, exact integrals, and the step between labels."""

from typing import Any, List

import numpy as np
import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.learned import Lists
from recbole_poem.fusion.list_auc import list_auc
from recbole_poem.fusion.scores.umre import clenshaw_curtis

TWO = {"click": {}, "like": {"like": "[1,1]"}}


def umre(n_objectives: int = 3, context_size: int = 4, **settings: Any) -> Any:
    chosen = SCORE_FUSIONS.choose({"name": "umre", **settings}, "score_fusion")
    return chosen.make(n_objectives, context_size)


def any_weights(fusion: Any, seed: int, scale: float = 3.0) -> Any:
    torch.manual_seed(seed)
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return fusion


@pytest.mark.parametrize("degree", [2, 4, 8, 32])
def test_the_quadrature_is_exact_up_to_its_degree(degree: int) -> None:
    """The last polynomial is what UMNN's published weights have twice."""
    nodes, weights = clenshaw_curtis(degree)
    for n in range(0, degree + 1, 2):
        integral = weights @ np.cos(n * np.arccos(nodes.clip(-1, 1)))
        assert integral == pytest.approx(2 / (1 - n**2), abs=1e-12)
    for n in range(1, degree + 1, 2):
        assert weights @ nodes**n == pytest.approx(0, abs=1e-12)
    assert (weights > 0).all()


def test_a_constant_slope_integrates_to_itself() -> None:
    fusion = umre(2, 0, cells=7, degree=3)
    with torch.no_grad():
        fusion.level.copy_(torch.tensor([[1.5], [-0.5]]))  # the output layer begins at zero
    scores = torch.linspace(0, 1, 11).view(1, -1, 1).expand(1, -1, 2)
    slope = torch.nn.functional.elu(fusion.level).T + 1 + 1e-3
    found = fusion.rising(scores, None).by_objective
    torch.testing.assert_close(found, scores * slope, atol=1e-6, rtol=0)


def test_the_integral_is_that_of_the_slope() -> None:
    fusion = any_weights(umre(2, 0, cells=16, degree=8), 3, 1.0)
    knots = torch.linspace(0, 1, 17)
    found = fusion.rising(knots.view(1, -1, 1).expand(1, -1, 2), None).by_objective[0]
    fine = torch.linspace(0, 1, 16001)
    slope = fusion.slopes(fine, None)[0].T
    between = torch.cat([torch.zeros(1, 2), ((slope[1:] + slope[:-1]) / 2 / 16000).cumsum(0)])
    torch.testing.assert_close(found, between[::1000], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_it_rises_in_every_score_whatever_its_weights(seed: int) -> None:
    fusion = any_weights(umre(), seed)
    fusion.fit(torch.randn(100, 3))
    scores, context = torch.randn(2000, 2, 3), torch.randn(2000, 4)
    more = torch.randn(2000, 3).abs() * 10.0 ** torch.randint(-3, 2, (2000, 3))
    scores[:, 1] = scores[:, 0] + more
    found = fusion.rising(scores, context)
    assert (found.by_objective[:, 1] >= found.by_objective[:, 0]).all()
    assert (found.fused[:, 1] > found.fused[:, 0]).float().mean() > 0.99  # float32 has ties
    assert (found.fused[:, 1] >= found.fused[:, 0] * (1 - 1e-6) - 1e-6).all()


def test_one_objective_keeps_its_order() -> None:
    fusion = any_weights(umre(1), 0, 1.0)
    scores, valid = torch.randn(30, 20, 1), torch.rand(30, 20) < 0.8
    fusion.fit(scores.view(-1, 1))
    labels = (torch.rand(30, 20, 1) < 0.2) & valid.unsqueeze(-1)
    fused = fusion(scores, valid, torch.randn(30, 4)).score
    for one, two in zip(list_auc(fused, labels, valid), list_auc(scores[..., 0], labels, valid)):
        assert torch.equal(one, two)


def test_who_asks_decides_the_weights_and_nobody_has_the_usual_ones() -> None:
    fusion = any_weights(umre(), 1, 0.5)
    scores, valid = torch.randn(1, 6, 3).expand(3, -1, -1), torch.ones(3, 6).bool()
    alike = fusion(scores, valid, torch.ones(1, 4).expand(3, -1)).score
    assert torch.equal(alike[0], alike[1])
    different = fusion(scores, valid, torch.randn(3, 4)).score
    assert not torch.allclose(different[0], different[1], atol=1e-3)
    torch.testing.assert_close(
        fusion(scores, valid).score, fusion(scores, valid, torch.zeros(3, 4)).score
    )


def test_features_are_shares_of_each_objective_and_of_all() -> None:
    fusion = umre()
    scores, valid = torch.randn(2, 5, 3), torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    features, score = fusion(scores, valid)
    assert features.shape == (2, 5, fusion.n_features) == (2, 5, 4)
    torch.testing.assert_close(features.sum(dim=1), torch.ones(2, 4))
    assert torch.equal(features[..., -1], score)
    assert not features[~valid].any()
    order = torch.tensor([3, 1, 4, 0, 2])
    turned = fusion(scores[:1, order], valid[:1]).score
    torch.testing.assert_close(turned, score[:1, order])


def listed(seed: int) -> Lists:
    """Make rankings of whose three scores the second one alone tells what was consumed."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(200, 10, 3, generator=rng)
    labels = torch.zeros(200, 10, 1).bool()
    labels[torch.arange(200), scores[..., 1].argmax(dim=1)] = True
    return Lists(scores, torch.ones(200, 10).bool(), labels)


def test_it_learns_which_score_tells() -> None:
    torch.manual_seed(0)
    fusion, lists = umre(3, 0), listed(0)
    fusion.fit(lists.scores.view(-1, 3))
    before = list_auc(fusion(lists.scores, lists.valid).score, lists.labels, lists.valid)[0].mean()
    optimizer = torch.optim.Adam(fusion.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = fusion.loss(lists)
        loss.backward()
        optimizer.step()
    new = listed(1)
    after = list_auc(fusion(new.scores, new.valid).score, new.labels, new.valid)[0].mean()
    assert before < 0.85
    assert after > 0.97


def test_rankings_that_nothing_came_of_say_nothing() -> None:
    fusion, lists = umre(3, 0), listed(0)
    labels = lists.labels.clone()
    labels[100:] = False
    half = Lists(lists.scores[:100], lists.valid[:100], labels[:100])
    torch.testing.assert_close(fusion.loss(lists._replace(labels=labels)), fusion.loss(half))
    nothing = fusion.loss(lists._replace(labels=torch.zeros_like(labels)))
    nothing.backward()
    assert nothing.item() == 0


def test_the_step_takes_weight_from_the_label_that_rose() -> None:
    fusion = umre(1, 0, labels=TWO, pareto=10)
    scores = torch.arange(4.0).view(1, 4, 1)
    right, wrong = torch.tensor([[0, 0, 0, 1]]).bool(), torch.tensor([[1, 0, 0, 0]]).bool()
    middle = torch.tensor([[0, 1, 0, 0]]).bool()  # an AUC of a third
    valid = torch.ones(1, 4).bool()

    def epoch(click: torch.Tensor, like: torch.Tensor) -> List[float]:
        fusion.loss(Lists(scores, valid, torch.stack([click, like], dim=-1)))
        fusion.begin_epoch()
        return list(fusion.label_weight.tolist())

    fusion.begin_epoch()
    assert epoch(middle, middle) == [1, 1]  # there is no epoch before the first
    assert epoch(middle, middle) == [1, 1]  # nothing has changed
    up, down = np.exp(-10 * (1 - 1 / 3)), np.exp(10 / 3)
    found = epoch(right, wrong)
    assert found == pytest.approx([2 * up / (up + down), 2 * down / (up + down)], rel=1e-4)
    assert sum(found) == pytest.approx(2)
    fusion.begin_epoch()  # an epoch that measured nothing changes nothing
    assert list(fusion.label_weight.tolist()) == pytest.approx(found)


def test_its_candidates_are_chosen_by_what_is_not_learned() -> None:
    block = {"name": "umre", "candidates": {"name": "reciprocal_rank", "kappa": 60}}
    chosen = SCORE_FUSIONS.choose(block, "score_fusion")
    order = chosen.component.of_cache(chosen.settings, 2)
    usual = SCORE_FUSIONS.choose({"name": "reciprocal_rank", "kappa": 60}, "score_fusion").make(2)
    assert order.fingerprint() == usual.fingerprint()
    with pytest.raises(InputError, match=r"^score_fusion\.candidates: umre has to be learned"):
        umre(candidates="umre")


@pytest.mark.parametrize("labels", [{}, "click", {"click": "[1,1]"}, ["click"]])
def test_labels_that_are_none_are_named(labels: Any) -> None:
    with pytest.raises(InputError, match=r"^score_fusion\.labels: expected names, each with"):
        umre(labels=labels)

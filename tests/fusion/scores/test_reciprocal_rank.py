"""Fusion by rank: the equation itself, and that nothing but ranks enters it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.scores.reciprocal_rank import (
    competition_ranks,
    rank_gains,
    rank_weights,
)

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 3))


@st.composite
def rankings(draw, spread=2):
    """Scores (R, N, M) with many ties, and the mask of the slots that hold a candidate."""
    shape = draw(SHAPES)
    scores = draw(hnp.arrays(np.float32, shape, elements=st.integers(-spread, spread)))
    valid = draw(hnp.arrays(bool, shape[:2]))
    return torch.from_numpy(scores), torch.from_numpy(valid)


def slow_quintuple(scores, valid, kappa, power):
    """Equation of the module's head, for one request and one objective, in plain Python."""
    weights = []
    for i, here in enumerate(valid):
        rank = 1 + sum(there and scores[j] > scores[i] for j, there in enumerate(valid))
        weights.append((kappa + rank) ** -power if here else 0.0)
    return [weight / sum(weights) if any(valid) else 0.0 for weight in weights]


@settings(max_examples=150, deadline=None)
@given(
    ranking=rankings(),
    kappa=st.sampled_from([0, 0.5, 60]),
    power=st.sampled_from([0.5, 1, 3]),
)
def test_weights_equal_the_equation_in_plain_python(ranking, kappa, power):
    scores, valid = ranking
    found = rank_weights(scores, valid, kappa, power)
    assert found.shape == scores.shape
    for r in range(scores.shape[0]):
        for m in range(scores.shape[2]):
            expected = slow_quintuple(scores[r, :, m].tolist(), valid[r].tolist(), kappa, power)
            assert found[r, :, m].tolist() == pytest.approx(expected, rel=1e-5)


def test_tied_candidates_share_the_best_of_their_ranks():
    scores = torch.tensor([[3.0], [1.0], [3.0], [2.0], [1.0]])
    ranks = competition_ranks(scores, torch.ones(5, dtype=torch.bool))
    assert ranks.flatten().tolist() == [1, 4, 1, 3, 4]


@pytest.mark.parametrize(
    ("kappa", "power", "by_hand"),
    [
        (0, 1, [6 / 11, 3 / 11, 2 / 11]),  # 1 : 1/2 : 1/3
        (0, 2, [36 / 49, 9 / 49, 4 / 49]),  # 1 : 1/4 : 1/9
        (1, 1, [6 / 13, 4 / 13, 3 / 13]),  # 1/2 : 1/3 : 1/4
    ],
)
def test_kappa_and_power_by_hand(kappa, power, by_hand):
    scores = torch.tensor([[0.9], [0.5], [0.1]])
    weights = rank_weights(scores, torch.ones(3, dtype=torch.bool), kappa, power)
    assert weights.flatten().tolist() == pytest.approx(by_hand)


@settings(max_examples=100, deadline=None)
@given(ranking=rankings(spread=40), which=st.integers(0, 2), seed=st.integers(0, 10**6))
@pytest.mark.parametrize("curve", ["constant", "exponential", "table"])
def test_no_increasing_map_of_any_objective_changes_anything(ranking, which, seed, curve):
    scores, valid = ranking
    m = which % scores.shape[2]
    rng = np.random.default_rng(seed)
    values, place = np.unique(scores[..., m].numpy(), return_inverse=True)
    curves = {
        "constant": values * np.float32(10.0 ** rng.uniform(-6, 6)),
        "exponential": np.exp(values),
        "table": np.cumsum(rng.uniform(0.01, 5, len(values))) - 20,
    }
    mapped = scores.clone()
    mapped[..., m] = torch.from_numpy(
        curves[curve][place].astype(np.float32).reshape(scores.shape[:2])
    )
    for kappa, power in ((0, 1), (60, 2)):
        before = rank_weights(scores, valid, kappa, power)
        assert torch.equal(rank_weights(mapped, valid, kappa, power), before)


@settings(max_examples=60, deadline=None)
@given(ranking=rankings(), kappa=st.floats(0, 100), power=st.floats(0.01, 60))
def test_weights_of_a_request_sum_to_one_for_any_kappa_and_power(ranking, kappa, power):
    # (60 + rank) ** -30 is 0 in single precision: the weights must not all vanish with it
    scores, valid = ranking
    weights = rank_weights(scores, valid, kappa, power)
    expected = valid.any(dim=1, keepdim=True).float().expand(-1, scores.shape[2])
    torch.testing.assert_close(weights.sum(dim=1), expected)
    equal = torch.full((scores.shape[2],), 1 / scores.shape[2])
    torch.testing.assert_close((weights @ equal).sum(dim=1), expected[:, 0])


def test_an_empty_ranking_is_zero_whatever_stands_in_its_slots():
    scores = torch.tensor([[0.0, 1.0], [torch.nan, torch.inf], [-torch.inf, 7.0]])
    weights = rank_weights(scores, torch.zeros(3, dtype=torch.bool), 0, 1)
    assert torch.equal(weights, torch.zeros(3, 2))


@settings(max_examples=60, deadline=None)
@given(ranking=rankings(), rubbish=st.sampled_from([np.nan, np.inf, -np.inf, 99.0]))
def test_what_stands_in_a_slot_without_candidate_does_not_matter(ranking, rubbish):
    scores, valid = ranking
    spoilt = torch.where(valid.unsqueeze(-1), scores, rubbish)
    assert torch.equal(rank_weights(spoilt, valid, 0, 1), rank_weights(scores, valid, 0, 1))


@settings(max_examples=60, deadline=None)
@given(ranking=rankings(), seed=st.integers(0, 10**6))
def test_permuting_the_candidates_permutes_the_weights(ranking, seed):
    scores, valid = ranking
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(scores.shape[1], generator=rng)
    expected = rank_weights(scores, valid, 0, 1)[:, order]
    torch.testing.assert_close(rank_weights(scores[:, order], valid[:, order], 0, 1), expected)


def test_requests_of_any_leading_shape_do_not_touch_each_other():
    rng = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, 6, 4, generator=rng)
    valid = torch.rand(2, 3, 6, generator=rng) < 0.7
    together = rank_weights(scores, valid, 0, 1)
    for a in range(2):
        for b in range(3):
            assert torch.equal(together[a, b], rank_weights(scores[a, b], valid[a, b], 0, 1))


def test_fused_score_weighs_the_objectives():
    quintuple = torch.tensor([[0.5, 0.2], [0.3, 0.2], [0.2, 0.6]])
    fused = quintuple @ torch.tensor([0.75, 0.25])
    assert fused.tolist() == pytest.approx([0.425, 0.275, 0.3])


# -- the component ---------------------------------------------------------------------------------


def component(n_objectives=2, **settings):
    chosen = SCORE_FUSIONS.choose({"name": "reciprocal_rank", **settings}, "score_fusion")
    return chosen.make(n_objectives)


def test_the_component_returns_the_quintuple_and_the_fused_score_of_its_settings():
    scores = torch.tensor([[0.9, 0.1], [0.5, 0.7], [0.1, 0.3], [9.0, 9.0]])
    valid = torch.tensor([True, True, True, False])
    fusion = component(kappa=1, power=2, weights=[3, 1])
    quintuple, fused = fusion(scores, valid)
    assert fusion.n_features == 2
    assert torch.equal(quintuple, rank_weights(scores, valid, 1, 2))
    torch.testing.assert_close(fused, quintuple @ torch.tensor([0.75, 0.25]))
    assert component()(scores, valid).score.tolist() == pytest.approx([4 / 11, 9 / 22, 5 / 22, 0])


def test_a_rank_gains_its_weight_relative_to_the_first():
    np.testing.assert_allclose(rank_gains(3, 0.0, 1.0), [1, 1 / 2, 1 / 3], rtol=1e-7)
    np.testing.assert_allclose(rank_gains(2, 60.0, 1.0), [1, 61 / 62], rtol=1e-7)
    assert (rank_gains(100, 60.0, 30.0) > 0).all()  # (60 + rank) ** -30 is 0 in float32
    gains = rank_gains(100, 0.0, 30.0)  # rank ** -30 as well, from rank 32 on
    assert (gains > 0).all()
    assert (np.diff(gains) <= 0).all()
    by_objective = component(weights=[3, 1]).gains(3)
    np.testing.assert_allclose(by_objective, [[3 / 4, 3 / 8, 1 / 4], [1 / 4, 1 / 8, 1 / 12]])


def test_the_fingerprint_knows_what_the_results_depend_on_and_no_more():
    plain = component().fingerprint()
    assert component(weights=[2, 2]).fingerprint() == plain
    changed = [component(**one).fingerprint() for one in ({"kappa": 1}, {"power": 2})]
    changed.append(component(weights=[2, 1]).fingerprint())
    assert plain not in changed


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kappa": -1}, "score_fusion.kappa: expected a number from 0, not -1"),
        ({"power": 0}, "score_fusion.power: expected a number above 0, not 0"),
        ({"weights": [0, 0]}, "score_fusion.weights: expected a list of numbers from 0"),
        ({"weights": [1, 1, 1]}, "score_fusion.weights: expected 2 numbers, one per objective"),
    ],
)
def test_settings_out_of_range_are_named(settings, words):
    with pytest.raises(InputError) as error:
        component(**settings)
    assert str(error.value).startswith(words)


def made(n_objectives, **settings):
    block = {"name": "reciprocal_rank", **settings}
    return SCORE_FUSIONS.choose(block, "score_fusion").make(n_objectives)


def test_the_weights_of_objectives_are_scaled_to_sum_one():
    assert made(2, weights=[1, 3]).objectives.share == [0.25, 0.75]
    assert made(2, weights=[0, 2.5]).objectives.share == [0.0, 1.0]
    assert made(4).objectives.share == [0.25] * 4


def test_gains_are_the_weights_of_the_first_ranks():
    gains = made(2, weights=[1, 3], kappa=1, power=2).gains(3)
    assert gains == pytest.approx(np.outer([0.25, 0.75], [1, (2 / 3) ** 2, 0.25]))
    assert gains.dtype == np.float32


@pytest.mark.parametrize(
    "weights",
    [[0, 0], [2, -1], "11", 3, ["1", "2"], [1, None], [1, float("nan")], [1, float("inf")], []],
)
def test_weights_that_cannot_be_are_named(weights):
    with pytest.raises(InputError, match=r"^score_fusion\.weights: expected a list") as caught:
        made(2, weights=weights)
    assert repr(weights) in str(caught.value)


@pytest.mark.parametrize("weights", [[1], [1, 1, 1]])
def test_as_many_weights_as_objectives_are_wanted(weights):
    with pytest.raises(InputError, match=r"^score_fusion\.weights: expected 2 numbers") as caught:
        made(2, weights=weights)
    assert repr(weights) in str(caught.value)

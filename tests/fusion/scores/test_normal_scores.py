"""Fusion by normal scores: scipy's quantiles, what changes nothing, and who reads them."""

from typing import Any, List

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm, rankdata

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import GROUPINGS, LOGIT_TERMS, RANKING_READERS, SCORE_FUSIONS
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.scores.normal_scores import normal_scores, place_gains
from recbole_poem.retrieval.selection import best_fused, in_fused_order

BLOM = 0.375


def component(n_objectives: int = 2, **given: Any) -> Any:
    block = {"name": "normal_scores", **given}
    return SCORE_FUSIONS.choose(block, "score_fusion").make(n_objectives)


def of_column(scores: List[float], offset: float = BLOM) -> List[float]:
    """Return the normal scores of one request with one objective."""
    column = torch.tensor(scores).unsqueeze(-1)
    return normal_scores(column, torch.ones(len(scores), dtype=torch.bool), offset)[:, 0].tolist()


def slow(scores: np.ndarray, offset: float) -> np.ndarray:
    """Equation of the module's head by scipy, for one request and one objective."""
    if not len(scores):
        return np.zeros(0)
    rank = rankdata(-scores, method="min")
    quantile = -norm.ppf((rank - offset) / (len(scores) + 1 - 2 * offset))
    return quantile - quantile.mean()


@st.composite
def rankings(draw: Any) -> Any:
    """Scores (R, N, M) with many ties, and the mask of the slots that hold a candidate."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 3)))
    scores = draw(hnp.arrays(np.float32, shape, elements=st.integers(-2, 2)))
    valid = draw(hnp.arrays(bool, shape[:2]))
    return torch.from_numpy(scores), torch.from_numpy(valid)


def test_one_candidate_two_and_five_have_the_quantiles_of_the_textbook() -> None:
    assert of_column([7.0]) == [0.0]
    assert of_column([3.0, 9.0]) == pytest.approx([-0.5895, 0.5895], abs=1e-4)
    expected = [-norm.ppf((rank - 3 / 8) / 5.25) for rank in (2, 5, 1, 4, 3)]
    assert of_column([0.8, 0.1, 0.9, 0.2, 0.5]) == pytest.approx(expected, abs=1e-6)
    assert expected[2] == pytest.approx(1.1798, abs=1e-4)  # the best one's, with its sign


def test_the_offset_chooses_the_quantile() -> None:
    thirds = [norm.ppf(3 / 4), 0, norm.ppf(1 / 4)]
    assert of_column([3.0, 2.0, 1.0], offset=0) == pytest.approx(thirds, abs=1e-6)
    sixths = [norm.ppf(5 / 6), 0, norm.ppf(1 / 6)]
    assert of_column([3.0, 2.0, 1.0], offset=0.5) == pytest.approx(sixths, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(ranking=rankings(), offset=st.sampled_from([0, BLOM, 0.5]))
def test_scores_equal_those_of_scipy(ranking: Any, offset: float) -> None:
    scores, valid = ranking
    found = normal_scores(scores, valid, offset)
    assert found.dtype == torch.float32
    assert not found[~valid].any()
    for row, here in enumerate(valid):
        for m in range(scores.shape[2]):
            expected = slow(scores[row, here, m].numpy(), offset)
            np.testing.assert_allclose(found[row, here, m], expected, atol=1e-6)


def test_tied_candidates_share_and_an_objective_that_ties_all_says_nothing() -> None:
    first, second, third = of_column([2.0, 2.0, 1.0])
    assert first == second > 0 > third
    assert first + second + third == pytest.approx(0, abs=1e-6)
    assert of_column([4.0] * 5) == [0.0] * 5


@settings(max_examples=60, deadline=None)
@given(ranking=rankings(), rubbish=st.sampled_from([np.nan, np.inf, -np.inf, 99.0]))
def test_neither_increasing_maps_nor_empty_slots_change_anything(
    ranking: Any, rubbish: float
) -> None:
    scores, valid = ranking
    plain = normal_scores(scores, valid, BLOM)
    assert torch.equal(normal_scores(scores.exp() * 3 - 50, valid, BLOM), plain)
    spoilt = torch.where(valid.unsqueeze(-1), scores, rubbish)
    assert torch.equal(normal_scores(spoilt, valid, BLOM), plain)
    wide = torch.cat([scores, torch.full_like(scores, rubbish)], dim=1)
    there = torch.cat([valid, torch.zeros_like(valid)], dim=1)
    padded = normal_scores(wide, there, BLOM)
    torch.testing.assert_close(padded[:, : scores.shape[1]], plain, atol=1e-7, rtol=0)
    assert not padded[:, scores.shape[1] :].any()


def test_the_fused_score_is_the_weighted_mean_of_the_features() -> None:
    scores = torch.tensor([[0.9, 0.1], [0.5, 0.7], [0.1, 0.3], [9.0, 9.0]])
    valid = torch.tensor([True, True, True, False])
    features, fused = component(weights=[3, 1])(scores, valid)
    assert torch.equal(features, normal_scores(scores, valid, BLOM))
    torch.testing.assert_close(fused, features @ torch.tensor([0.75, 0.25]))
    assert fused.sum().item() == pytest.approx(0, abs=1e-6)


def test_gains_are_above_zero_and_fall_with_the_rank() -> None:
    five = -norm.ppf((np.arange(1, 6) - BLOM) / 5.25)
    np.testing.assert_allclose(place_gains(4, BLOM), five[:4] - five[4], rtol=1e-6)
    assert place_gains(1, BLOM)[0] > 0
    gains = component(weights=[3, 1]).gains(500)
    assert gains.shape == (2, 500)
    assert gains.dtype == np.float32
    assert (np.diff(gains) < 0).all()
    assert (gains > 0).all()
    np.testing.assert_allclose(gains[0], 3 * gains[1], rtol=1e-6)


def test_the_choice_of_candidates_takes_what_several_objectives_rank_well() -> None:
    scores = np.zeros((2, 1, 6), np.float32)
    scores[0, 0, 1:5] = 9, 8, 7, 1
    scores[1, 0, 2:6] = 9, 2, 1, 8
    # gains 2.10, 1.35 and 0.75: column 2 has the first two, 1 the first, 3 the last twice
    assert best_fused(scores, component().gains(3)).tolist() == [[2, 1, 3]]


def test_candidates_with_a_score_below_zero_stand_before_empty_slots() -> None:
    items = np.array([[4, 0, 7, 2, 9]])
    scores = np.array([1.0, 50.0, 4.0, 2.0, 3.0], np.float32).reshape(1, 5, 1)
    found, _ = in_fused_order(items, scores, component(1), 5)
    assert found.tolist() == [[7, 9, 2, 4, 0]]


def test_the_fingerprint_knows_what_the_results_depend_on_and_no_more() -> None:
    plain = component().fingerprint()
    assert component(weights=[2, 2]).fingerprint() == plain
    assert component(offset=0).fingerprint() != plain
    assert component(weights=[2, 1]).fingerprint() != plain


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"offset": 0.6}, "score_fusion.offset: expected a number from 0 to 0.5, not 0.6"),
        ({"offset": -1}, "score_fusion.offset: expected a number from 0 to 0.5, not -1"),
        ({"weights": [1, 1, 1]}, "score_fusion.weights: expected 2 numbers, one per objective"),
        ({"weights": [0, 0]}, "score_fusion.weights: expected a list of numbers from 0"),
    ],
)
def test_settings_out_of_range_are_named(given: Any, words: str) -> None:
    with pytest.raises(InputError) as error:
        component(**given)
    assert str(error.value).startswith(words)


# -- who reads them --------------------------------------------------------------------------------


def ranking_of(items: torch.Tensor, scores: torch.Tensor) -> FusedRanking:
    fusion = component(scores.shape[-1])
    fused = fusion(scores, items > 0)
    return FusedRanking(items, items > 0, *fused, are_weights=fusion.gives_weights)


def test_the_candidate_head_tells_all_candidates_from_each_other() -> None:
    """Read as weights, those below the middle would all be one."""
    torch.manual_seed(0)
    items = torch.tensor([[5, 3, 8, 2, 0]])
    ranking = ranking_of(items, torch.tensor([[[4.0], [3.0], [2.0], [1.0], [7.0]]]))
    chosen = LOGIT_TERMS.choose({"candidate_head": {}}, "logit_terms")["candidate_head"]
    head = chosen.make(1, 5)
    with torch.no_grad():
        head.reset_parameters(0.02)
        head.linear.weight[0, 0] = 1.0
        found = head.correction(ranking, torch.zeros(1, 5))
    torch.testing.assert_close(found, ranking.features[..., 0])


@pytest.mark.parametrize("name", RANKING_READERS.components())
def test_a_reader_tells_a_ranking_from_its_reverse_and_does_not_see_padding(name: str) -> None:
    torch.manual_seed(0)
    grouping = GROUPINGS.choose("quantile", "grouping").make()
    sizes = Sizes(8, 10, 2, 2, 16, 0.0, 0.0, seed=0)
    reader = RANKING_READERS.choose(name, "ranking_reader").make(sizes, 2, grouping)
    reader.reset_parameters(0.5)
    table = torch.randn(30, 8)
    items, scores = torch.arange(1, 13).unsqueeze(0), torch.randn(1, 12, 2)
    draws = torch.tensor([3])
    state = reader.eval()(table, ranking_of(items, scores), draws)
    reverse = reader(table, ranking_of(items, -scores), draws)
    assert not torch.allclose(state, reverse, atol=1e-3)
    wide = torch.cat([items, torch.zeros_like(items)], 1), torch.cat([scores, scores], 1)
    torch.testing.assert_close(reader(table, ranking_of(*wide), draws), state, atol=1e-5, rtol=0)


def test_tokens_read_normal_scores_as_they_are_and_weights_against_the_average() -> None:
    items, scores = torch.tensor([[4, 2, 0]]), torch.tensor([[[2.0], [1.0], [0.0]]])
    ranking = ranking_of(items, scores)
    assert torch.equal(ranking.relative, ranking.features)
    weights = ranking._replace(features=torch.tensor([[[0.7], [0.3], [0.0]]]), are_weights=True)
    assert weights.relative.flatten().tolist() == pytest.approx([1.4, 0.6, 0])

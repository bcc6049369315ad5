"""The ranker's measures against slow references and scikit-learn, with ties and missing labels."""

from itertools import combinations
from random import Random
from typing import Callable, List

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error as sklearn_mae
from sklearn.metrics import roc_auc_score

from recbole_poem.rankers.measures import auc, gauc, mean_absolute_error, xauc

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 4), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


def slow_xauc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of ordered pairs, pair by pair."""
    pairs = [(i, j) for i, j in combinations(range(len(labels)), 2) if labels[i] != labels[j]]
    agreement = [(labels[i] - labels[j]) * (scores[i] - scores[j]) for i, j in pairs]
    return float(np.mean([0.5 if a == 0 else float(a > 0) for a in agreement]))


def slow_gauc(users: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> float:
    """Weighted average of scikit-learn's AUC, user by user."""
    areas: List[float] = []
    weights: List[int] = []
    for user in np.unique(users):
        mine = users == user
        if len(np.unique(labels[mine])) == 2:
            areas.append(roc_auc_score(labels[mine], scores[mine]))
            weights.append(int(mine.sum()))
    return float(np.average(areas, weights=weights)) if areas else float("nan")


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_every_measure_equals_its_slow_reference(rows: List[tuple]) -> None:
    users, labels, scores, times = np.array(rows).T
    if len(np.unique(labels)) == 2:
        assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
        assert xauc(labels, scores) == pytest.approx(auc(labels, scores))
    else:
        assert np.isnan(auc(labels, scores))
    assert gauc(users, labels, scores) == pytest.approx(
        slow_gauc(users, labels, scores), nan_ok=True
    )
    assert mean_absolute_error(times, scores) == pytest.approx(sklearn_mae(times, scores))
    if len(np.unique(times)) > 1:
        assert xauc(times, scores) == pytest.approx(slow_xauc(times, scores))
    else:
        assert np.isnan(xauc(times, scores))


@settings(deadline=None, max_examples=25)
@given(ROWS, st.randoms(use_true_random=False))
def test_rows_without_a_label_change_nothing_wherever_they_are(
    rows: List[tuple], random: Random
) -> None:
    users, labels, scores, _ = np.array(rows, dtype=float).T
    shuffle = np.array(sorted(range(len(rows) + 2), key=lambda _: random.random()))
    more_users = np.append(users, [0, 9])[shuffle]
    more_labels = np.append(labels, [np.nan, np.nan])[shuffle]
    more_scores = np.append(scores, [7, np.nan])[shuffle]  # an unlabelled row may be unscored
    same = {"nan_ok": True}
    assert gauc(more_users, more_labels, more_scores) == pytest.approx(
        gauc(users, labels, scores), **same
    )
    for measure in (auc, xauc, mean_absolute_error):
        assert measure(more_labels, more_scores) == pytest.approx(measure(labels, scores), **same)


def test_gauc_weighs_by_impressions_and_leaves_out_users_of_one_class() -> None:
    users = np.array([1, 1, 2, 2, 2, 2, 3, 3, 3])
    labels = np.array([1, 0, 1, 0, 0, 0, 1, 1, 1])
    scores = np.array([0.9, 0.1, 0.5, 0.8, 0.2, 0.1, 0.0, 0.1, 0.2])
    # user 1: 1 (2 impressions), user 2: 2/3 (4 impressions), user 3: none
    assert gauc(users, labels, scores) == pytest.approx((2 * 1 + 4 * 2 / 3) / 6)


def test_gauc_ignores_what_raises_all_scores_of_a_user_and_auc_does_not() -> None:
    users = np.array([1, 1, 2, 2])
    labels = np.array([1, 0, 1, 0])
    scores = np.array([0.2, 0.1, 0.9, 0.8])
    assert gauc(users, labels, scores) == 1.0
    assert auc(labels, scores) == 0.75


def test_xauc_of_many_rows_is_exact_where_sampled_pairs_are_near() -> None:
    generator = np.random.default_rng(0)
    labels = np.round(generator.lognormal(2, 1.5, 200_000))  # heavy tail, many ties
    scores = np.log1p(labels) + generator.normal(0, 1, len(labels))
    left, right = generator.integers(0, len(labels), (2, 400_000))
    differ = labels[left] != labels[right]
    ordered = (labels[left] > labels[right]) == (scores[left] > scores[right])
    assert xauc(labels, scores) == pytest.approx(ordered[differ].mean(), abs=0.004)
    assert xauc(labels, np.expm1(scores / 9)) == pytest.approx(xauc(labels, scores), abs=1e-12)
    assert xauc(labels, -scores) == pytest.approx(1 - xauc(labels, scores), abs=1e-12)


def test_infinite_scores_are_ordered() -> None:
    assert auc(np.array([0, 1]), np.array([-np.inf, np.inf])) == 1.0
    assert xauc(np.array([1.0, 2.0, 3.0]), np.array([-np.inf, 0, np.inf])) == 1.0


@pytest.mark.parametrize("measure", [auc, xauc, mean_absolute_error])
def test_scores_that_are_not_numbers_are_refused(measure: Callable[..., float]) -> None:
    with pytest.raises(ValueError, match="1 of 3 scores are not numbers"):
        measure(np.array([0.0, 1, 1]), np.array([0.5, np.nan, 0.1]))


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="labels and scores differ in shape"):
        auc(np.array([0.0, 1]), np.array([0.5]))
    with pytest.raises(ValueError, match="users and labels differ in shape"):
        gauc(np.array([1]), np.array([0.0, 1]), np.array([0.5, 0.1]))


@pytest.mark.parametrize("measure", [auc, xauc, mean_absolute_error])
def test_no_labelled_row_gives_nan(measure: Callable[..., float]) -> None:
    assert np.isnan(measure(np.array([np.nan]), np.array([0.5])))
    assert np.isnan(gauc(np.array([1]), np.array([np.nan]), np.array([0.5])))

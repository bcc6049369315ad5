"""Figures of a retrieval before a ranker: slow counts, and what holds whatever was sent."""

from typing import List

import numpy as np
import pytest

from recbole_poem.benchmark.cascade_metrics import (
    best_of,
    cascade_regret,
    overlap_by_objective,
    pass_through,
    share_found,
)

B, N, M, K = 40, 13, 3, 4


def drawn(seed: int, share: float = 0.5) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, size=(B, N, M)).astype(float)  # with ties
    scores[rng.random((B, N)) < 0.2] = -np.inf
    there = np.isfinite(scores[..., 0])
    value = np.where(there, rng.random((B, N)), 0.0)
    return scores, value, there & (rng.random((B, N)) < share)


def slow_pick(by: np.ndarray, sent: np.ndarray, k: int) -> List[int]:
    there = [item for item in range(len(by)) if sent[item] and by[item] > -np.inf]
    return sorted(there, key=lambda item: (-by[item], item))[:k]


@pytest.mark.parametrize("k", [1, K, N + 5])
def test_all_figures_are_those_of_a_slow_count(k: int) -> None:
    scores, value, sent = drawn(0)
    by, every = scores[..., 0], np.ones(N, dtype=bool)
    best = best_of(by, k)
    passed, found = pass_through(sent, best), share_found(sent, best)
    regret, overlap = cascade_regret(value, by, sent, k), overlap_by_objective(scores, sent, k)
    for row in range(B):
        pick, of_sent = slow_pick(by[row], every, k), set(np.flatnonzero(sent[row]))
        assert set(np.flatnonzero(best[row])) == set(pick)
        if of_sent:
            assert passed[row] == pytest.approx(len(of_sent & set(pick)) / len(of_sent))
        assert found[row] == pytest.approx(len(of_sent & set(pick)) / len(pick))
        lost = value[row, pick].sum() - value[row, slow_pick(by[row], sent[row], k)].sum()
        assert regret[row] == pytest.approx(lost)
        for column in range(M):
            best_by = set(slow_pick(scores[row, :, column], every, k))
            assert overlap[row, column] == pytest.approx(len(of_sent & best_by) / len(best_by))


def test_who_sends_everything_regrets_exactly_nothing_and_finds_all() -> None:
    scores, value, _ = drawn(1)
    by = scores[..., 0]
    there = np.isfinite(by)
    assert (cascade_regret(value, by, there, K) == 0).all()
    assert (share_found(there, best_of(by, K)) == 1).all()
    assert (overlap_by_objective(scores, there, K) == 1).all()
    assert pass_through(there, best_of(by, K)) == pytest.approx(K / there.sum(axis=1))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_by_its_own_value_a_ranker_never_loses_by_more_choice(share: float) -> None:
    scores, _, sent = drawn(2, share)
    by = scores[..., 0]
    value = np.where(np.isfinite(by), by / 7, 0.0)  # no round numbers
    regret = cascade_regret(value, by, sent, K)
    assert (regret >= 0).all() and regret.max() > 0
    # one more that is sent costs nothing either
    more = sent.copy()
    more[:, 3] |= np.isfinite(by[:, 3])
    assert (cascade_regret(value, by, more, K) <= regret + 1e-12).all()


def test_by_another_value_a_mistaken_ranker_gains_by_less_choice() -> None:
    by, value = np.array([[2.0, 1.0]]), np.array([[0.25, 1.0]])
    assert cascade_regret(value, by, np.array([[False, True]]), 1) == -0.75


def test_the_order_of_items_changes_nothing_where_none_are_alike() -> None:
    rng = np.random.default_rng(3)
    by, value, sent = rng.random((B, N)), rng.random((B, N)), rng.random((B, N)) < 0.4
    other = rng.permutation(N)
    assert cascade_regret(value, by, sent, K) == pytest.approx(
        cascade_regret(value[:, other], by[:, other], sent[:, other], K)
    )
    best = best_of(by, K)
    assert (best[:, other] == best_of(by[:, other], K)).all()


def test_of_nothing_sent_nothing_passes_and_of_nothing_there_nothing_is_missed() -> None:
    by, nothing = np.array([[1.0, 3.0], [-np.inf, -np.inf]]), np.zeros((2, 2), dtype=bool)
    best = best_of(by, 1)
    assert pass_through(nothing, best).tolist() == [0, 0]
    assert share_found(nothing, best).tolist() == [0, 1]
    value = np.where(np.isfinite(by), by, 0.0)
    assert cascade_regret(value, by, nothing, 1).tolist() == [3, 0]

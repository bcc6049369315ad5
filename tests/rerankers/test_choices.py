"""Weights of choices: what made them is found again."""

import numpy as np
import pytest

from recbole_poem.rerankers.choices import choice_weights

TRUE = np.array([1.5, -0.7])


def drawn(n_choices: int, seed: int = 0) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Choices by the weights `TRUE`, and a known part; the chosen one comes first."""
    rng = np.random.default_rng(seed)
    features, known = rng.normal(size=(n_choices, 6, 2)), rng.normal(size=(n_choices, 6))
    candidate = rng.random((n_choices, 6)) < 0.8
    candidate[:, 0] = True
    worth = np.where(candidate, features @ TRUE + known + rng.gumbel(size=known.shape), -np.inf)
    order = np.argsort(-worth, axis=1)
    features = np.take_along_axis(features, order[..., None], axis=1)
    return (
        features,
        np.take_along_axis(known, order, axis=1),
        np.take_along_axis(candidate, order, axis=1),
    )


def test_the_weights_that_made_choices_are_found() -> None:
    assert choice_weights(*drawn(8000), shrinkage=1e-6) == pytest.approx(TRUE, abs=0.06)


def test_what_all_candidates_share_teaches_nothing() -> None:
    features, known, candidate = drawn(300)
    slot = np.broadcast_to(np.arange(300)[:, None, None] % 10, (300, 6, 1))
    found = choice_weights(np.concatenate([features, slot], axis=2), known, candidate, 1.0)
    assert found[2] == pytest.approx(0, abs=1e-6)
    assert found[:2] == pytest.approx(choice_weights(features, known, candidate, 1.0), abs=1e-3)


def test_what_could_not_be_chosen_teaches_nothing() -> None:
    features, known, candidate = drawn(300)
    other = np.where(candidate[..., None], features, 99.0)
    found = [choice_weights(each, known, candidate, 1.0) for each in (features, other)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_shrinkage_draws_to_0_and_no_choice_is_0() -> None:
    features, known, candidate = drawn(300)
    large, small = (choice_weights(features, known, candidate, by) for by in (1e3, 1e-3))
    assert np.abs(large).max() < np.abs(small).min()
    none = choice_weights(features[:0], known[:0], candidate[:0], 1.0)
    assert none.tolist() == [0, 0]

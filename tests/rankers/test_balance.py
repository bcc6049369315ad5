"""The equation of balanced updates: its closed form, its invariances, and the published toy."""

from typing import Tuple

import numpy as np
import pytest

from recbole_poem.rankers.balance import balanced_weights

#: of Liu et al., Conflict-Averse Gradient Descent (NeurIPS 2021), and the five starts there
STARTS = np.array([[-8.5, 7.5], [0.0, 0.0], [9.0, 9.0], [-7.5, -0.5], [9.0, -1.0]])


def updates(n_targets: int, n_weights: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_targets, n_weights))


def gram(of: np.ndarray) -> np.ndarray:
    return of @ of.T / of.shape[-1]


@pytest.mark.parametrize("seed", range(5))
def test_two_updates_have_a_closed_form(seed: int) -> None:
    matrix = gram(updates(2, 6, seed))
    (a, b), (_, c) = matrix
    first = (a + b * np.sqrt(a / c)) ** -0.5
    weights = balanced_weights(matrix)
    assert np.allclose(weights, [first, first * np.sqrt(a / c)], rtol=1e-12)
    assert np.abs(matrix @ weights - 1 / weights).max() < 1e-12


@pytest.mark.parametrize("n_targets", [1, 3, 8])
def test_the_step_has_the_length_of_the_number_of_updates(n_targets: int) -> None:
    of = updates(n_targets)
    weights = balanced_weights(gram(of))
    assert np.allclose(gram(of) @ weights * weights, 1)  # each has an equal say
    assert np.mean((weights @ of) ** 2) == pytest.approx(n_targets)


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
def test_the_scale_of_an_update_does_not_matter(ridge: float) -> None:
    of, scaled = updates(4), updates(4)
    scaled[2] *= 50
    steps = [balanced_weights(gram(each), ridge) @ each for each in (of, scaled)]
    assert np.allclose(*steps)


def test_equal_updates_share_one_step_and_orthogonal_ones_weigh_the_same() -> None:
    one = updates(1)
    weights = balanced_weights(gram(np.repeat(one, 4, axis=0)))
    assert np.allclose(weights, 1 / np.sqrt(4 * np.mean(one**2)))
    assert np.allclose(balanced_weights(np.eye(3) * 4), 0.5)


def test_a_conflict_without_a_way_out_ends_at_the_largest_weight() -> None:
    matrix = np.array([[1.0, -2.0], [-2.0, 4.0]])
    # (1 + ridge) b - b = 1 / b for the weights b of updates of length 1
    assert np.allclose(balanced_weights(matrix, ridge=1e-4), [100, 50])
    assert balanced_weights(matrix, ridge=1e-6, largest=30).tolist() == [30, 30]


def test_an_update_of_no_length_is_cut_and_hides_no_other() -> None:
    weights = balanced_weights(np.diag([4.0, 0.0]), ridge=1e-6, largest=100)
    assert np.allclose(weights, [0.5, 100])


def test_many_equations_at_once_are_each_its_own() -> None:
    matrices = np.stack([gram(updates(3, seed=seed)) for seed in range(4)])
    together = balanced_weights(matrices)
    for matrix, weights in zip(matrices, together):
        assert np.allclose(weights, balanced_weights(matrix), rtol=1e-9)


def toy(x: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Two losses of two weights, for S starts at once: (S, 2), and their gradients (S, 2, 2)."""
    a, b = x.T
    bend = np.tanh(-b)
    ridges = (0.5 * (-a - 7) - bend, 0.5 * (-a + 3) + bend + 2)
    up, down = np.maximum(np.tanh(b / 2), 0), np.maximum(np.tanh(-b / 2), 0)
    steep = (1 - np.tanh(b / 2) ** 2) / 2
    losses, gradients = [], []
    for ridge, sign, centre in zip(ridges, (1, -1), (7, -7)):
        is_far = np.abs(ridge) > 5e-6
        valley = np.log(np.where(is_far, np.abs(ridge), 5e-6)) + 6
        slope = np.where(is_far, 1 / np.where(is_far, ridge, 1), 0)
        bowl = ((centre - a) ** 2 + 0.1 * (-b - 8) ** 2) / 10 - 20
        losses.append(valley * up + bowl * down)
        to_a = -0.5 * slope * up - (centre - a) / 5 * down
        to_b = sign * (1 - bend**2) * slope * up + (b + 8) / 50 * down
        to_b += steep * (valley * (b >= 0) - bowl * (b <= 0))
        gradients.append(np.stack([to_a, to_b], axis=1))
    return np.stack(losses, axis=1), np.stack(gradients, axis=1)


def descend(is_balanced: bool, n_steps: int) -> np.ndarray:
    """Return the mean loss of each start, the lowest that it came to."""
    x, mean, square, lowest = STARTS.copy(), np.zeros((5, 2)), np.zeros((5, 2)), np.full(5, np.inf)
    for k in range(1, n_steps + 1):
        losses, gradients = toy(x)
        lowest = np.minimum(lowest, losses.mean(axis=1))
        if lowest.max() < -15:
            break
        first = (0.9 * mean[:, None] + 0.1 * gradients) / (1 - 0.9**k)
        second = (0.999 * square[:, None] + 0.001 * gradients**2) / (1 - 0.999**k)
        moves = first / (np.sqrt(second) + 1e-8)
        weights = np.ones((5, 2))
        if is_balanced:
            weights = balanced_weights(moves @ moves.transpose(0, 2, 1) / 2, 1e-6, 100)
        x -= 0.002 * (weights[..., None] * moves).sum(axis=1)
        followed = (weights[..., None] * gradients).sum(axis=1)
        mean, square = 0.9 * mean + 0.1 * followed, 0.999 * square + 0.001 * followed**2
    return lowest


def test_the_toy_s_gradients_are_those_of_its_losses() -> None:
    x, small = STARTS + 0.1, 1e-6
    for k in range(2):
        shift = small * np.eye(2)[k]
        slopes = (toy(x + shift)[0] - toy(x - shift)[0]) / (2 * small)
        assert np.allclose(slopes, toy(x)[1][:, :, k], atol=1e-6)


def test_all_five_starts_of_the_published_toy_reach_the_optimum() -> None:
    assert descend(is_balanced=True, n_steps=10_000).max() < -15  # the optimum is at -15.09


def test_equal_weights_leave_two_of_them_behind() -> None:
    lowest = descend(is_balanced=False, n_steps=10_000)
    assert (lowest < -15).tolist() == [False, True, False, True, True]
    assert lowest[[0, 2]].min() > 0

"""Beliefs of a nominator: slow regressions, what synchronising promises, and the deadlock."""

from typing import List

import numpy as np
import pytest

from recbole_poem.retrieval.posterior import Posterior

B, D = 5, 4


def beliefs(seed: int = 0) -> Posterior:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(B, D, D))
    return Posterior(rng.normal(size=(B, D)), root @ root.swapaxes(1, 2) + 0.1 * np.eye(D))


def divergence(q: Posterior, p: Posterior) -> np.ndarray:
    """KL of q from p, by the formula for two normal distributions."""
    other = np.linalg.inv(p.covariance)
    gap = p.mean - q.mean
    size = np.linalg.slogdet(p.covariance)[1] - np.linalg.slogdet(q.covariance)[1]
    trace = np.einsum("bde,bed->b", other, q.covariance)
    return (trace + np.einsum("bd,bde,be->b", gap, other, gap) - D + size) / 2


def test_rewards_are_learned_as_one_after_the_other_in_any_order() -> None:
    rng = np.random.default_rng(1)
    x, reward = rng.normal(size=(B, 6, D)), rng.normal(size=(B, 6))
    there, noise = rng.random((B, 6)) < 0.7, 0.5
    found = beliefs().observed(x, reward, there, noise)
    for row in range(B):
        mean, cov = beliefs().mean[row], beliefs().covariance[row]
        for n in rng.permutation(6):  # the Kalman filter's step
            if there[row, n]:
                gain = cov @ x[row, n] / (x[row, n] @ cov @ x[row, n] + noise**2)
                mean = mean + gain * (reward[row, n] - x[row, n] @ mean)
                cov = cov - np.outer(gain, x[row, n] @ cov)
        assert found.mean[row] == pytest.approx(mean)
        assert found.covariance[row] == pytest.approx(cov)


def test_behind_synchronising_a_nominator_agrees_with_the_ranker_there_and_nowhere_else() -> None:
    rng = np.random.default_rng(2)
    former, x = beliefs(), rng.normal(size=(B, D))
    variance = former.variance(x[:, None])[:, 0] * rng.uniform(0.05, 0.9, size=B)
    mean = rng.normal(size=B)
    now = former.synchronised(x, mean, variance)
    assert now.value(x[:, None])[:, 0] == pytest.approx(mean)
    assert now.variance(x[:, None])[:, 0] == pytest.approx(variance)
    # what the beliefs of before held to be independent of the item's value has not changed
    other = rng.normal(size=(B, D))
    along = np.einsum("bde,be->bd", former.covariance, x)
    share = (other * along).sum(axis=1) / (x * along).sum(axis=1)
    apart = (other - share[:, None] * x)[:, None]
    assert now.value(apart) == pytest.approx(former.value(apart))
    assert now.variance(apart) == pytest.approx(former.variance(apart))


def test_no_other_beliefs_that_agree_with_the_ranker_are_nearer() -> None:
    rng = np.random.default_rng(3)
    former, x = beliefs(), rng.normal(size=(B, D))
    mean, variance = rng.normal(size=B), former.variance(x[:, None])[:, 0] / 3
    now = former.synchronised(x, mean, variance)
    least = divergence(now, former)
    for size in (1e-3, 0.1):
        for _ in range(20):
            # whatever changes neither mean nor variance at x
            step = rng.normal(size=(B, D))
            step -= ((step * x).sum(axis=1) / (x * x).sum(axis=1))[:, None] * x
            mixed = np.einsum("bd,be->bde", step, step) * rng.choice([-1, 1])
            other = Posterior(now.mean + size * step, now.covariance + size**2 * mixed)
            if np.linalg.eigvalsh(other.covariance).min() > 0:
                assert (divergence(other, former) >= least).all()


def test_who_is_as_certain_as_the_ranker_learns_nothing_from_it() -> None:
    former, x = beliefs(), np.ones((B, D))
    variance = former.variance(x[:, None])[:, 0]
    now = former.synchronised(x, np.full(B, 9.0), variance * [1.0, 2.0, 1.5, 1.0, 0.5])
    assert np.array_equal(now.mean[:4], former.mean[:4])
    assert np.array_equal(now.covariance[:4], former.covariance[:4])
    assert now.value(x[:, None])[4, 0] == pytest.approx(9.0)


def test_draws_have_the_mean_and_the_covariance_of_the_beliefs() -> None:
    one = beliefs().at(np.zeros(40_000, dtype=int))
    drawn = one.sampled(np.random.default_rng(4).normal(size=(40_000, D)))
    assert drawn.mean(axis=0) == pytest.approx(one.mean[0], abs=0.06)
    assert np.cov(drawn.T) == pytest.approx(one.covariance[0], abs=0.35)
    assert np.array_equal(one.sampled(np.zeros((40_000, D)))[0], one.mean[0])


def test_a_prior_knows_its_deviations_and_the_bound_is_of_the_same() -> None:
    prior = Posterior.prior(2, np.array([0.5, 2.0]))
    x = np.array([[[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]]] * 2)
    assert prior.value(x).tolist() == [[0, 0, 0]] * 2
    assert prior.variance(x).tolist() == [[0.25, 4.0, 66.25]] * 2
    assert prior.upper(x, 2.0)[1] == pytest.approx([1.0, 4.0, 2 * 66.25**0.5])
    put = prior.put(np.array([1]), prior.at(np.array([1]))._replace(mean=np.ones((1, 2))))
    assert put.mean.tolist() == [[0, 0], [1, 1]]


def plays(synchronise: bool, n: int = 2000) -> List[int]:
    """Play the three arms a, b, c by LinUCB; nominator 1 has a and b, nominator 2 has c.

    Nominator 1 overrates a; the ranker knows a and c, but not b.
    """
    truth, x = np.array([0.1, 0.9, 0.5]), np.eye(3)

    def certain(mean: List[float], deviation: List[float]) -> Posterior:
        return Posterior(np.array([mean]), np.diag(np.square(deviation))[None])

    first = certain([0.95, 0.9, 0.0], [0.1, 0.1, 0.1])
    second = certain([0.0, 0.0, 0.5], [0.1, 0.1, 0.1])
    ranker = certain([0.1, 0.0, 0.5], [0.01, 1.0, 0.01])
    played = []
    for _ in range(n):
        nominated = [int(first.upper(x[None, :2], 1.0).argmax()), 2]
        choice = nominated[int(ranker.upper(x[None, nominated], 1.0).argmax())]
        played.append(choice)
        told = (x[None, [choice]], truth[None, [choice]], np.ones((1, 1), dtype=bool), 0.1)
        ranker = ranker.observed(*told)
        if choice == 2:
            second = second.observed(*told)
        else:
            first = first.observed(*told)
        if synchronise:
            item = x[None, nominated[0]]
            first = first.synchronised(
                item, ranker.value(item[:, None])[:, 0], ranker.variance(item[:, None])[:, 0]
            )
    return played


@pytest.mark.parametrize("synchronise, counts", [(False, [0, 0, 2000]), (True, [0, 1999, 1])])
def test_a_naive_nominator_is_stuck_for_ever_and_a_synchronised_one_for_a_round(
    synchronise: bool, counts: List[int]
) -> None:
    played = np.bincount(plays(synchronise), minlength=3)
    assert played.tolist() == counts
    regret = played @ (0.9 - np.array([0.1, 0.9, 0.5]))
    assert regret == pytest.approx(0.4 if synchronise else 800)

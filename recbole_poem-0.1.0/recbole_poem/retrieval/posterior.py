"""What a nominator believes: a normal posterior of linear values, and how a ranker corrects it.

A value is <x, w>, x the features of an item, w unknown; a reward is the value with normal noise.
A two-stage recommender can be stuck: the nominator overrates an item, the ranker knows better and
never shows it, so the nominator never learns (arXiv:2009.08956). The way out is to *synchronise*
the nominator with the ranker on what it nominated, wherever it is the less certain of the two.
"""

from typing import NamedTuple

import numpy as np


class Posterior(NamedTuple):
    """Beliefs N(mean, covariance) of B nominators of the same features.

    Attributes
    ----------
    mean : (B, d) float
    covariance : (B, d, d) float
        Symmetric, positive definite.
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def prior(cls, n: int, deviation: np.ndarray) -> "Posterior":
        """Return what `n` nominators believe before they have seen anything: 0, independently.

        Parameters
        ----------
        n : int
        deviation : (d,) float
            Of each weight, above 0.
        """
        d = len(deviation)
        return cls(np.zeros((n, d)), np.broadcast_to(np.diag(deviation**2), (n, d, d)).copy())

    def at(self, rows: np.ndarray) -> "Posterior":
        """Return the beliefs of some nominators, (B',)."""
        return Posterior(self.mean[rows], self.covariance[rows])

    def put(self, rows: np.ndarray, of: "Posterior") -> "Posterior":
        """Return all beliefs with those of some nominators replaced."""
        mean, covariance = self.mean.copy(), self.covariance.copy()
        mean[rows], covariance[rows] = of
        return Posterior(mean, covariance)

    def value(self, x: np.ndarray) -> np.ndarray:
        """Return the mean of the value of items (B, n, d): (B, n)."""
        mean: np.ndarray = np.einsum("bnd,bd->bn", x, self.mean)
        return mean

    def variance(self, x: np.ndarray) -> np.ndarray:
        """Return the variance of the value of items (B, n, d): (B, n)."""
        spread: np.ndarray = np.einsum("bnd,bde,bne->bn", x, self.covariance, x, optimize=True)
        return spread

    def upper(self, x: np.ndarray, width: float) -> np.ndarray:
        """Return the upper bounds of LinUCB: the mean and so many standard deviations, (B, n)."""
        bound: np.ndarray = self.value(x) + width * np.sqrt(self.variance(x))
        return bound

    def sampled(self, normal: np.ndarray) -> np.ndarray:
        """Return weights drawn from the beliefs, as Thompson sampling has them.

        Parameters
        ----------
        normal : (B, d) float
            Standard normal numbers.

        Returns
        -------
        (B, d) float
        """
        root = np.linalg.cholesky(self.covariance)
        weights: np.ndarray = self.mean + np.einsum("bde,be->bd", root, normal)
        return weights

    def observed(
        self, x: np.ndarray, reward: np.ndarray, there: np.ndarray, noise: float
    ) -> "Posterior":
        """Return the beliefs behind rewards: Bayesian linear regression, in any order.

        Parameters
        ----------
        x : (B, n, d) float
        reward : (B, n) float
        there : (B, n) bool
            What is not there teaches nothing.
        noise : float
            Standard deviation of a reward around its value, above 0.
        """
        x = np.where(there[..., None], x, 0.0) / noise
        reward = np.where(there, reward, 0.0) / noise
        former = np.linalg.inv(self.covariance)
        covariance = np.linalg.inv(former + np.einsum("bnd,bne->bde", x, x))
        known = np.einsum("bde,be->bd", former, self.mean) + np.einsum("bnd,bn->bd", x, reward)
        return Posterior(np.einsum("bde,be->bd", covariance, known), _symmetric(covariance))

    def synchronised(self, x: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> "Posterior":
        """Return the beliefs that a ranker corrected on one item each.

        With m, v the nominator's mean and variance at x, and m', v' the ranker's, where v > v'::

            covariance <- covariance - covariance x x' covariance (v - v') / v^2
            mean       <- mean + covariance x (m' - m) / v        (the covariance of before)

        Of all normal beliefs that agree with the ranker at x this is the nearest by
        Kullback-Leibler divergence. Where the nominator is as certain, nothing changes. That the
        papers' rule has this closed form is our reading.

        Parameters
        ----------
        x : (B, d) float
        mean, variance : (B,) float
            The ranker's; `variance` above 0.
        """
        along = np.einsum("bde,be->bd", self.covariance, x)
        own = np.einsum("bd,bd->b", along, x)
        asks = own > variance
        own = np.where(asks, own, 1.0)
        step = np.where(asks, (mean - np.einsum("bd,bd->b", self.mean, x)) / own, 0.0)
        less = np.where(asks, (own - variance) / own**2, 0.0)
        covariance = self.covariance - less[:, None, None] * along[:, :, None] * along[:, None, :]
        return Posterior(self.mean + step[:, None] * along, covariance)


def _symmetric(of: np.ndarray) -> np.ndarray:
    half: np.ndarray = (of + of.swapaxes(1, 2)) / 2
    return half

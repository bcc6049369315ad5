"""Weights of what people choose by: the conditional logit of McFadden (1974).

The first of N candidates is chosen with the probability

    exp(x_1 w + c_1) / sum_j exp(x_j w + c_j).

What all candidates of a choice share cancels: their place on the list, for one.
"""

from typing import Tuple

import numpy as np
from scipy.optimize import minimize


def choice_weights(
    features: np.ndarray, known: np.ndarray, candidate: np.ndarray, shrinkage: float
) -> np.ndarray:
    """Return the likeliest weights w, (F,), for T choices among N candidates.

    Parameters
    ----------
    features : (T, N, F)
        x; that of the chosen one comes first.
    known : (T, N)
        c, the part of the worth that is not learned.
    candidate : (T, N) bool
        Which of them could be chosen; the first always.
    shrinkage : float
        Of half the square of each weight, above 0. The log likelihood it stands beside is a sum.
    """
    features, known = features.astype(np.float64), np.where(candidate, known, -np.inf)

    def loss(weights: np.ndarray) -> Tuple[float, np.ndarray]:
        worth = features @ weights + known
        worth -= worth.max(axis=1, keepdims=True)
        share = np.exp(worth)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        likelihood = worth[:, 0] - np.log(total[:, 0])
        expected = np.einsum("tn,tnf->f", share, features)
        slope = expected - features[:, 0].sum(axis=0) + shrinkage * weights
        return shrinkage * (weights @ weights) / 2 - likelihood.sum(), slope

    start = np.zeros(features.shape[2])
    found: np.ndarray = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found

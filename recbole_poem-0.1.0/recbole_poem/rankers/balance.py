"""Weights that balance updates: the positive solution of G a = 1 / a, by damped Newton.

It is where ``a' G a / 2 - sum log a`` is least, a strictly convex and self-concordant function, for
which Newton's step divided by 1 + its own length always descends and stays positive (Nesterov and
Nemirovskii, *Interior-Point Polynomial Algorithms in Convex Programming*, SIAM 1994). Two updates
have a closed form: a_1 = (G_11 + G_12 sqrt(G_11 / G_22))^(-1/2), a_2 = a_1 sqrt(G_11 / G_22).
"""

import numpy as np

_STEPS = 50
_RESIDUAL = 1e-12
_LEAST = 1e-30  # squared length; a shorter update is as good as none, and its weight is cut
_QUADRATIC = 0.25  # length of a step below which whole ones converge


def balanced_weights(
    gram: np.ndarray, ridge: float = 0.0, largest: float = float("inf")
) -> np.ndarray:
    """Solve G a = 1 / a.

    Parameters
    ----------
    gram : (..., T, T) float64
        G, positive semidefinite.
    ridge : float
        What is added to the diagonal, as a share of it: updates that cancel each other exactly
        have no solution without.
    largest : float
        The weights are cut there.

    Returns
    -------
    (..., T) float64, above 0
        Scaling one update by c divides its weight by c, and changes no other.
    """
    n_updates = gram.shape[-1]
    squares = np.diagonal(gram, axis1=-2, axis2=-1)
    scale = np.maximum(squares, _LEAST) ** -0.5  # (..., T)
    cosines = gram * (scale[..., :, None] * scale[..., None, :]) + ridge * np.eye(n_updates)
    weights = np.ones_like(scale)
    for _ in range(_STEPS):
        gradient = (cosines @ weights[..., None])[..., 0] - 1 / weights
        if np.abs(gradient * weights).max() < _RESIDUAL:
            break
        hessian = cosines.copy()
        hessian[..., range(n_updates), range(n_updates)] += weights**-2
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        length = np.sqrt(np.maximum((gradient * step).sum(axis=-1, keepdims=True), 0))
        weights = weights - step / np.where(length > _QUADRATIC, 1 + length, 1)
    return np.minimum(weights * scale, largest)

"""Clues of what a user is up to just now, as a platform has them: the app's tab, the hour's habit.

Clue j of a request is a noisy look at its context z from one side, cut into buckets that come up
equally often::

    clue_j = floor(B F((<w_j, z> + noise e_j) / sqrt(1 + noise^2)))

w_j is a random direction of length 1, e_j standard normal, F the normal distribution function and B
the number of buckets. Clues stand in the log, where a ranker may read them (``request_context``).
The world's own ranking stage does not, nor does a model of histories.
"""

from dataclasses import dataclass
from typing import Dict

import numpy as np
from scipy.special import ndtr

from recbole_poem.core.settings import FROM_0, at_least, setting
from recbole_poem.world.chance import Chance, Draw


@dataclass(frozen=True)
class CluesSettings:
    """What the log tells of the context of a request."""

    n: int = setting(0, at_least(0), "clues of each request; 0 = none is written")
    noise: float = setting(
        1.0, FROM_0, "standard deviation of their noise, where that of the context is 1"
    )
    buckets: int = setting(4, at_least(2), "values that each clue may have")


def clues(
    settings: CluesSettings,
    chance: Chance,
    user: np.ndarray,
    request: np.ndarray,
    context: np.ndarray,
) -> Dict[str, np.ndarray]:
    """Return the clues of requests.

    Parameters
    ----------
    settings : CluesSettings
    chance : Chance
        Of the world.
    user, request : (Q,) int
    context : (Q, d) float
        z of each request.

    Returns
    -------
    dict
        ``clue_0`` and so on, (Q,) int64 each, from 0 to B - 1.
    """
    number, dimensions = np.arange(settings.n), np.arange(context.shape[1])
    side = chance.normal(Draw.CLUE_SIDE, number[:, None], dimensions[None, :])
    side = side / np.linalg.norm(side, axis=1, keepdims=True)  # (n, d)
    noise = chance.normal(Draw.CLUE_NOISE, user[:, None], request[:, None], number[None, :])
    seen = (context @ side.T + settings.noise * noise) / np.sqrt(1 + settings.noise**2)
    bucket = np.minimum(settings.buckets * ndtr(seen), settings.buckets - 1).astype(np.int64)
    return {f"clue_{j}": bucket[:, j] for j in range(settings.n)}

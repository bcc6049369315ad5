"""The ranking stage of the world: what it knows of the user is a dial.

It scores a candidate by its own view of the utility::

    base = taste_knowledge taste <u, v> + knowledge context <z of `staleness` requests ago, v>
           + q + error(user, item)
    score of objective m = slope_m base + length_m log D + noise(request, item, m)

The error is the same at every request, as that of a trained model; the noise is new each time.
Scores are logits, so only their order has a meaning. With ``knowledge: 0`` the ranker is blind to
the context: the control, for then its rankings know no more than a long history.
"""

from dataclasses import dataclass
from typing import Mapping

import numpy as np

from recbole_poem.core.settings import FROM_0, SHARE, at_least, mapping_of, setting
from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.chance import Chance, Draw
from recbole_poem.world.people import People

_OBJECTIVES = {
    "click": {"utility": 1.0, "duration": -0.1},
    "long_view": {"utility": 1.0, "duration": 0.0},
    "watch_time": {"utility": 0.8, "duration": 0.3},
    "like": {"utility": 0.7, "duration": 0.0},
    "forward": {"utility": 0.5, "duration": 0.0},
}


@dataclass(frozen=True)
class RankingStageSettings:
    """What the ranking stage knows."""

    knowledge: float = setting(1.0, SHARE, "share of the context that it sees; 0 = blind")
    taste_knowledge: float = setting(1.0, SHARE, "share of the long-term taste that it sees")
    staleness: int = setting(0, at_least(0), "requests by which its view of the context lags")
    error: float = setting(0.2, FROM_0, "standard deviation of its lasting error per user and item")
    noise: float = setting(0.3, FROM_0, "standard deviation of its noise per request and objective")
    objectives: Mapping[str, Mapping[str, float]] = setting(
        _OBJECTIVES,
        mapping_of("utility", "duration"),
        "what each score makes of utility and log length",
    )


def score(
    settings: RankingStageSettings,
    chance: Chance,
    people: People,
    catalogue: Catalogue,
    user: np.ndarray,
    request: np.ndarray,
    context: np.ndarray,
    items: np.ndarray,
) -> np.ndarray:
    """Return the scores of candidates.

    Parameters
    ----------
    settings, chance, people, catalogue
        Of the world.
    user, request : (B,) int
    context : (B, d) float
        As old as the ranking stage has it.
    items : (B, N) int

    Returns
    -------
    (B, N, M) float
    """
    view = (
        settings.taste_knowledge * people.settings.taste * people.taste[user]
        + settings.knowledge * people.settings.context * context
    )
    keys = (user[:, None], items)
    base = np.einsum("bd,bnd->bn", view, catalogue.vector[items]) + catalogue.quality[items]
    if settings.error > 0:
        base = base + settings.error * chance.normal(Draw.RANKER_ERROR, *keys)
    slope = np.array([weight["utility"] for weight in settings.objectives.values()])
    length = np.array([weight["duration"] for weight in settings.objectives.values()])
    log_duration = np.log(catalogue.duration)
    centred = (log_duration - log_duration.mean())[items]
    scores: np.ndarray = base[..., None] * slope + centred[..., None] * length
    if settings.noise > 0:
        scores = scores + settings.noise * chance.normal(
            Draw.RANKER_NOISE,
            user[:, None, None],
            request[:, None, None],
            items[..., None],
            np.arange(len(slope))[None, None, :],
        )
    return scores


def fused(scores: np.ndarray) -> np.ndarray:
    """Return the platform's own fused score: the mean of the objectives' logits, (B, N)."""
    mean: np.ndarray = scores.mean(axis=-1)
    return mean

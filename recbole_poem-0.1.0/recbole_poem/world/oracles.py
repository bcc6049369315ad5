"""What could be known: rankings of all videos by somebody who knows a part of a user's mind.

Three bounds, for the last long views of each user (validation and test rows, leave-one-out). Each
ranks the videos that the user has not seen by their expected utility:

- ``taste``: knows the long-term taste and the videos, and nothing of the moment;
- ``previous``: knows the context of the request before as well, as a perfect reader of a perfect
  previous ranking would; the context of now is its drift times as large in the mean;
- ``now``: knows the context of this very request, which no retrieval can.

A model's *share* is its place on the way from ``taste``, 0, to ``previous``, 1. Utility is not what
the log's targets were drawn by alone: a video has to be retrieved, ranked and shown first. So the
bounds are those of whoever ranks by utility, and a model that learns what is shown may pass them.
"""

from typing import Dict, List, NamedTuple

import numpy as np

from recbole_poem.world.life import Life
from recbole_poem.world.world import World

KS = (10, 50)
PARTS = ("test", "valid")  # the last long view of a user, and the one before
_ROWS = 512  # ranked at a time


class Targets(NamedTuple):
    """Rows whose item is to be found.

    Attributes
    ----------
    exposure : (T,) int
        Its place among the exposures of the `Life`.
    request : (T,) int
        Its place among the requests.
    """

    exposure: np.ndarray
    request: np.ndarray


def targets(life: Life, part: str) -> Targets:
    """Return the rows of a part, as leave-one-out has them.

    What is predicted are long views, but for the first exposure of a user, which has no history.
    The last one of a user is its ``test`` row if there are two, the one before its ``valid`` row if
    there are three.
    """
    is_first = np.r_[True, life.user[1:] != life.user[:-1]]
    watched = np.flatnonzero(life.reactions["long_view"] & ~is_first)
    user = life.user[watched]
    end = np.flatnonzero(np.r_[user[1:] != user[:-1], True]) if len(user) else np.empty(0, int)
    count = np.diff(np.r_[-1, end])
    back = PARTS.index(part)
    exposure = watched[end[count >= back + 2] - back]
    # requests are in the order of users and numbers, so a pair is found by bisection
    width = int(life.number.max()) + 1
    asked = life.of_user * width + life.number
    request = np.searchsorted(asked, life.user[exposure] * width + life.request[exposure])
    return Targets(exposure, request)


def target_ranks(world: World, life: Life, rows: Targets) -> Dict[str, np.ndarray]:
    """Return the rank of each target by each oracle, 1 = first: arrays (T,) of int."""
    ranks: Dict[str, List[np.ndarray]] = {"taste": [], "previous": [], "now": []}
    for begin in range(0, len(rows.exposure), _ROWS):
        part = Targets(*(places[begin : begin + _ROWS] for places in rows))
        hidden = _hidden(world, life, part)
        for name, scores in _utilities(world, life, part).items():
            of_target = scores[np.arange(len(scores)), life.item[part.exposure]]
            above = (scores > of_target[:, None]) & ~hidden
            ranks[name].append(above.sum(axis=1) + 1)
    return {
        name: np.concatenate(found) if found else np.empty(0, int) for name, found in ranks.items()
    }


def metrics(ranks: np.ndarray) -> Dict[str, float]:
    """Return NDCG@K and Hit@K of ranks, as the evaluation has them."""
    found = {}
    for k in KS:
        hit = ranks <= k
        gain = np.where(hit, 1 / np.log2(ranks + 1), 0.0)
        found[f"NDCG@{k}"] = float(gain.mean()) if len(ranks) else 0.0
        found[f"Hit@{k}"] = float(hit.mean()) if len(ranks) else 0.0
    return found


def _utilities(world: World, life: Life, rows: Targets) -> Dict[str, np.ndarray]:
    """Return the expected utility of all videos to each oracle: (T, I) of each."""
    people, catalogue = world.people, world.catalogue
    user = life.of_user[rows.request]
    first = life.number[rows.request] == 0
    before = life.context[np.maximum(rows.request - 1, 0)]
    taste = people.settings.taste * people.taste[user]
    context = people.settings.context
    drifted = np.where(first[:, None], 0.0, context * people.settings.drift * before)
    wishes = {
        "taste": taste,
        "previous": taste + drifted,
        "now": taste + context * life.context[rows.request],
    }
    return {name: wish @ catalogue.vector.T + catalogue.quality for name, wish in wishes.items()}


def _hidden(world: World, life: Life, rows: Targets) -> np.ndarray:
    """Tell which videos cannot be the answer: (T, I) bool, seen before or not there."""
    catalogue = world.catalogue
    there = catalogue.there(
        np.arange(len(catalogue.quality))[None, :], life.time[rows.exposure][:, None]
    )
    hidden: np.ndarray = ~there
    begin = np.searchsorted(life.user, life.user[rows.exposure])
    n_before = rows.exposure - begin
    row = np.repeat(np.arange(len(begin)), n_before)
    place = np.arange(n_before.sum()) - np.repeat(np.cumsum(n_before) - n_before, n_before)
    hidden[row, life.item[np.repeat(begin, n_before) + place]] = True
    return hidden

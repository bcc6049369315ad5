"""What blocks of users lived through, as flat arrays: exposures, rankings, contexts."""

from typing import Dict, List, NamedTuple

import numpy as np

from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.retrieval import Retrieval
from recbole_poem.world.served import Served
from recbole_poem.world.world import World

_BLOCK = 256  # users of a block, at most
_CELLS = 2**24  # numbers of an array over all videos and their dimensions or scores: 128 MiB


class Life(NamedTuple):
    """What some users lived through; E exposures, Q requests, in the order of users, then of time.

    Attributes
    ----------
    user, request, item : (E,) int
    time, seconds, utility : (E,) float
    reactions : dict of name to (E,) bool
    of_user, number : (Q,) int
        User of each request, and its number among the user's.
    asked : (Q,) float
        Its time.
    context : (Q, d) float
    bored : (Q, C) float
    ranked : (Q, N) int
    scores : (Q, N, M) float32
    """

    user: np.ndarray
    request: np.ndarray
    item: np.ndarray
    time: np.ndarray
    seconds: np.ndarray
    utility: np.ndarray
    reactions: Dict[str, np.ndarray]
    of_user: np.ndarray
    number: np.ndarray
    asked: np.ndarray
    context: np.ndarray
    bored: np.ndarray
    ranked: np.ndarray
    scores: np.ndarray


def lived(world: World, users: np.ndarray, retrieval: Retrieval, until: Until) -> Life:
    """Let some users live from the start, and return all of it; see `Lives.go`."""
    return together(list(Lives(world, users).go(retrieval, until)))


def usual_life(world: World, requests: int, users: np.ndarray) -> Life:
    """Let some users live from the start as the world's dials have it; runs in any process."""
    return lived(world, users, world.usual_retrieval(), Until(requests=requests))


def together(rounds: List[Served]) -> Life:
    """Put the rounds of the same users behind each other, user by user."""
    of_user = np.concatenate([served.user for served in rounds])
    number = np.concatenate([served.request for served in rounds])
    order = np.lexsort((number, of_user))
    seen = np.concatenate([served.seen for served in rounds])[order]
    row = np.nonzero(seen)[0]

    def of_requests(name: str) -> np.ndarray:
        return np.concatenate([getattr(served, name) for served in rounds])[order]

    def of_exposures(name: str) -> np.ndarray:
        values: np.ndarray = of_requests(name)[seen]
        return values

    return Life(
        user=of_user[order][row],
        request=number[order][row],
        item=of_exposures("shown"),
        time=of_exposures("began"),
        seconds=of_exposures("seconds"),
        utility=of_exposures("utility"),
        reactions={
            name: np.concatenate([served.reactions[name] for served in rounds])[order][seen]
            for name in rounds[0].reactions
        },
        of_user=of_user[order],
        number=number[order],
        asked=of_requests("time"),
        context=of_requests("context"),
        bored=of_requests("bored"),
        ranked=of_requests("ranked"),
        scores=of_requests("scores").astype(np.float32),
    )


def blocks(world: World) -> List[np.ndarray]:
    """Cut the users into blocks that live side by side, of no more than memory is kind to.

    Oracles look at all videos, so the size follows the catalogue. It changes nothing but speed.
    """
    catalogue = world.settings.catalogue
    of_user = catalogue.items * max(catalogue.dimensions, len(world.objectives))
    size = int(np.clip(_CELLS // of_user, 1, _BLOCK))
    n = world.n_users
    return [np.arange(begin, min(begin + size, n)) for begin in range(0, n, size)]

"""The fair ceiling of a retrieval: it sends only what the user would watch longest just now."""

import numpy as np

from recbole_poem.world.history import NONE
from recbole_poem.world.reactions import expected_seconds
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World


class BestRetrieval:
    """Knows the user's mind, and sends as many videos as a list shows; the ranker orders them.

    No other list that could be shown at this request has a longer expected watch time, if all of it
    is seen. It looks no further: what a list does to boredom, leaving and the choice that is left
    for tomorrow is not weighed, so a farsighted retrieval may pass it in the long run.

    Parameters
    ----------
    world : World
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return the best (B, L) videos; see `Retrieval.candidates`."""
        worth = expected_of_all(self._world, asked)
        every = np.arange(worth.shape[1])[None, :]
        there = self._world.catalogue.there(every, asked.time[:, None])
        worth[asked.taken | ~there] = -np.inf
        n = self._world.settings.list.shown
        best = np.argpartition(-worth, n - 1, axis=1)[:, :n]
        return np.where(np.isfinite(np.take_along_axis(worth, best, 1)), best, NONE)


def expected_of_all(world: World, asked: Asked) -> np.ndarray:
    """Return the expected seconds of every video at these requests, (B, I)."""
    shape = len(asked.user), world.n_items
    every = np.broadcast_to(np.arange(world.n_items), shape)
    utility = world.people.utility(
        world.catalogue, asked.user, asked.mind.context, asked.mind.bored, every
    )
    return expected_seconds(world.settings.reactions, utility, world.catalogue.duration[every])

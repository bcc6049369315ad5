"""The fair ceiling of a retrieval: it sends only what the user would watch longest just now."""

import numpy as np

from recbole_poem.world.people import next_context
from recbole_poem.world.reactions import expected_seconds
from recbole_poem.world.retrieval import NONE, Asked
from recbole_poem.world.world import World


class BestRetrieval:
    """Knows tastes and contexts, and sends as many videos as a list shows; the ranker orders them.

    Of the videos that are there, those with the longest expected watch time are the best. What was
    shown before is none of its candidates. It looks no further than this list: boredom and leaving
    are left out, so a farsighted retrieval may pass it.

    Parameters
    ----------
    world : World
    """

    def __init__(self, world: World) -> None:
        self._world = world
        n, d = world.n_users, world.settings.catalogue.dimensions
        self._context, self._number = np.zeros((n, d)), np.full(n, -1)

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return the best (B, L) videos; see `Retrieval.candidates`."""
        world, catalogue = self._world, self._world.catalogue
        self._catch_up(asked.user, asked.request)
        every = np.broadcast_to(
            np.arange(len(catalogue.quality)), (len(asked.user), len(catalogue.quality))
        )
        bored = np.zeros((len(asked.user), len(catalogue.centre)))
        utility = world.people.utility(
            catalogue, asked.user, self._context[asked.user], bored, every
        )
        worth = expected_seconds(world.settings.reactions, utility, catalogue.duration[every])
        worth[asked.taken | ~catalogue.there(every, asked.time[:, None])] = -np.inf
        n = world.settings.list.shown
        best = np.argpartition(-worth, n - 1, axis=1)[:, :n]
        return np.where(np.isfinite(np.take_along_axis(worth, best, 1)), best, NONE)

    def _catch_up(self, user: np.ndarray, request: np.ndarray) -> None:
        """Let the contexts drift up to the request; their chances are keyed, so all can be told."""
        while True:
            late = user[self._number[user] < request]
            if len(late) == 0:
                return
            number = self._number[late] + 1
            self._context[late] = next_context(
                self._world.settings.people, self._world.chance, late, number, self._context[late]
            )
            self._number[late] = number

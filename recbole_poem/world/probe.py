"""What the ranking stage of an arm would have shown, had the retrieval sent all videos.

A world knows that exactly: its ranking stage scores the whole catalogue, which is dear. So only one
request in `EVERY` of each user is looked at, the first of a test among them, and nothing that
happens changes.
"""

from typing import List, Optional

import numpy as np

from recbole_poem.benchmark.cascade_metrics import (
    best_of,
    cascade_regret,
    overlap_by_objective,
    pass_through,
    share_found,
)
from recbole_poem.world.best_retrieval import expected_of_all
from recbole_poem.world.cascade import Cascade
from recbole_poem.world.history import NONE
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.served import Served
from recbole_poem.world.world import World

EVERY = 8  # requests of a user
#: the figures of a request, in this order; those of the objectives stand behind them
PROBED = ("probes", "pass_through", "found", "regret", "regret_seconds")


class Probe:
    """Stands before the retrieval of a cascade, and remembers what was asked.

    Parameters
    ----------
    world : World
    cascade : Cascade
    """

    def __init__(self, world: World, cascade: Cascade) -> None:
        self._world, self._cascade = world, cascade
        self._asked: List[Asked] = []

    @property
    def names(self) -> List[str]:
        """Names of the figures."""
        return [*PROBED, *self._cascade.stage.ranker.objectives]

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return what the retrieval finds; see `recbole_poem.world.retrieval.Retrieval`."""
        self._asked = [asked]
        return self._cascade.retrieval.candidates(asked)

    def figures(self, served: Served, rows: Optional[np.ndarray] = None) -> np.ndarray:
        """Return the figures of the round that was just served, (B, 5 + M).

        Of the requests in `rows`, (B,) bool, where not all are looked at.

        - ``probes``: 1, so that sums can be divided by it;
        - ``pass_through``: share of what was sent that would be in the ranking of everything;
        - ``found``: share of the list that would be shown of everything that was sent;
        - ``regret``: fused score of that list, less that of the list of what was sent, above the
          lowest score of the request; never below 0;
        - ``regret_seconds``: the same in expected seconds, if all of it is seen;
        - by objective: share of the list that it alone would make of everything that was sent.

        The ranking stage orders all videos at once here, also where its fused scores depend on the
        other candidates. The re-ranker's penalty is left out.
        """
        (asked,), settings, candidates = self._asked, self._world.settings.list, served.candidates
        if rows is not None:
            asked, candidates = asked.of(rows), candidates[rows]
        scores, by = self._of_everything(asked)
        there = np.isfinite(by)
        sent = np.zeros(by.shape, dtype=bool)
        row, place = np.nonzero(candidates != NONE)
        sent[row, candidates[row, place]] = True
        lowest = np.where(there, by, np.inf).min(axis=1, keepdims=True)
        value = np.subtract(by, lowest, where=there, out=np.zeros(by.shape))
        seconds = expected_of_all(self._world, asked)
        n = settings.shown
        columns = (
            np.ones(len(by)),
            pass_through(sent, best_of(by, settings.candidates)),
            share_found(sent, best_of(by, n)),
            cascade_regret(value, by, sent, n),
            cascade_regret(seconds, by, sent, n),
            *overlap_by_objective(np.where(there[..., None], scores, -np.inf), sent, n).T,
        )
        return np.stack(columns, axis=1)

    def _of_everything(self, asked: Asked) -> "tuple[np.ndarray, np.ndarray]":
        """Return scores (B, I, M) and fused scores (B, I) of all videos; ``-inf`` is no video."""
        every = np.arange(self._world.n_items)[None, :]
        fits = ~asked.taken & self._world.catalogue.there(every, asked.time[:, None])
        items, stage = np.where(fits, every, NONE), self._cascade.stage
        scores = stage.ranker.score(asked, items)
        places, by = stage.order.best(asked, items, scores, self._world.n_items)
        fused = np.full(fits.shape, -np.inf)
        np.put_along_axis(fused, places, by, axis=1)
        return scores, np.where(fits, fused, -np.inf)

"""A trained checkpoint as the retrieval of a world: it gets what a service gets, and no more."""

from typing import List, Optional

import numpy as np

from recbole_poem.serving.query import Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.recommender import Recommender
from recbole_poem.world.dataset import BEGIN
from recbole_poem.world.retrieval import NONE, Asked
from recbole_poem.world.world import World

_BATCH = 64


class CheckpointRetrieval:
    """Asks a trained model for its best items.

    Parameters
    ----------
    recommender : Recommender
        Of a checkpoint that was trained on this world's data set.
    world : World
    n_candidates : int
        R, how many are asked for.
    """

    def __init__(self, recommender: Recommender, world: World, n_candidates: int) -> None:
        self._recommender, self._n = recommender, n_candidates
        self._tokens = np.array([f"v{item}" for item in range(len(world.catalogue.quality))])
        self._objectives = [name for name in world.objectives if name in recommender.objectives]
        self._columns = [world.objectives.index(name) for name in self._objectives]

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return (B, R) videos, best first; see `Retrieval.candidates`."""
        found = np.full((len(asked.user), self._n), NONE)
        for begin in range(0, len(found), _BATCH):
            rows = range(begin, min(begin + _BATCH, len(found)))
            answers = self._recommender.answer([self._query(asked, row) for row in rows])
            for row, answer in zip(rows, answers):
                found[row, : len(answer.items)] = [int(item[1:]) for item in answer.items]
        return found

    def _query(self, asked: Asked, row: int) -> Query:
        there = asked.history[row] != NONE
        times = (BEGIN + asked.history_time[row, there]).tolist()
        history = self._tokens[asked.history[row, there]].tolist()
        return Query(
            history, self._ranking(asked, row), k=self._n, times=times,
            time=float(BEGIN + asked.time[row]),
        )  # fmt: skip

    def _ranking(self, asked: Asked, row: int) -> Optional[Ranking]:
        """Return the ranking of the request before, less what was watched since."""
        there = asked.ranked[row] != NONE
        if not self._objectives or not there.any():
            return None
        items: List[str] = self._tokens[asked.ranked[row, there]].tolist()
        scores = asked.scores[row][there][:, self._columns]
        watched = self._tokens[asked.history[row][asked.history[row] != NONE]].tolist()
        return Ranking.of(items, self._objectives, scores).without(watched)


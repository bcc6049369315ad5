"""A trained checkpoint as the retrieval of a world: it gets what a service gets, and no more."""

from threading import Lock
from typing import List, Optional, Sequence

import numpy as np

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.fusion.learned import learns
from recbole_poem.serving.query import Answer, Query
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.recommender import Recommender
from recbole_poem.world.cascade import Ranker
from recbole_poem.world.history import NONE
from recbole_poem.world.queries import Queries
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World

_BATCH = 64


class CheckpointRetrieval:
    """Asks a trained model for its best items.

    Parameters
    ----------
    recommender : Recommender
        Of a checkpoint that was trained on a data set of this world, or of one with the same videos
        and scores.
    world : World
    ranker : Ranker
        Whose scores the ranking stage gives.
    n_candidates : int
        R, how many are asked for.
    turn : Lock, optional
        Held while the recommender answers, where several threads share it.

    Attributes
    ----------
    recommender : Recommender
    turn : Lock

    Raises
    ------
    InputError
        If the model reads scores that the ranking stage does not give, another ranking than the
        previous one alone, or by a score fusion that learned from another ranker.
    """

    def __init__(
        self,
        recommender: Recommender,
        world: World,
        ranker: Ranker,
        n_candidates: int,
        turn: Optional[Lock] = None,
    ) -> None:
        self.recommender, self._n, self.turn = recommender, n_candidates, turn or Lock()
        self._catalogue = world.catalogue
        self._queries = Queries(world.n_items, recommender.config)
        self._tokens = self._queries.tokens
        self._id = {token: item for item, token in enumerate(self._tokens.tolist())}
        self._objectives = list(recommender.objectives)
        self._columns = columns_of(self._objectives, ranker.objectives, recommender.checkpoint)
        if self._objectives and learns(recommender.config.component("score_fusion").component):
            require_own_ranker(recommender.checkpoint, ranker)
        lag = recommender.config["request_lag"]
        if self._objectives and lag != 1:
            raise InputError(
                f"{recommender.checkpoint}: request_lag is {lag}, and a world hands on the ranking "
                "of the previous request; train with request_lag: 1"
            )
        if recommender.needs.n_rankings > 1:
            raise InputError(
                f"{recommender.checkpoint}: n_rankings is {recommender.needs.n_rankings}, and a "
                "world keeps the last ranking of a user alone; train with n_rankings: 1"
            )

    def candidates(self, asked: Asked) -> np.ndarray:
        """Return (B, R) videos, best first; see `Retrieval.candidates`.

        Raises
        ------
        InputError
            If the model answers with a video that the world does not have.
        """
        found = np.full((len(asked.user), self._n), NONE)
        for begin in range(0, len(found), _BATCH):
            rows = range(begin, min(begin + _BATCH, len(found)))
            with self.turn:
                answers = self.recommender.answer([self.query(asked, row) for row in rows])
            for row, answer in zip(rows, answers):
                items = self._ids(answer)
                found[row, : len(items)] = items
        return found

    def _ids(self, answer: Answer) -> List[int]:
        try:
            return [self._id[item] for item in answer.items]
        except KeyError as error:
            raise InputError(
                f"{self.recommender.checkpoint}: the model recommends {error}, which is no video "
                "of this world; give a checkpoint that was trained on its data set"
            ) from error

    def query(self, asked: Asked, row: int) -> Query:
        """Return what the recommender is asked for the user of a row."""
        query = self._queries.of(asked, row)
        gone = ~self._catalogue.there(np.arange(len(self._tokens)), asked.time[row])
        return query._replace(
            ranking=self._ranking(asked, row, list(query.history)),
            k=self._n,
            deny=self._tokens[asked.taken[row] | gone].tolist(),
        )

    def _ranking(self, asked: Asked, row: int, history: List[str]) -> Optional[Ranking]:
        """Return the ranking of the request before, less what the history holds."""
        there = asked.ranked[row] != NONE
        if not self._objectives or not there.any():
            return None
        items: List[str] = self._tokens[asked.ranked[row, there]].tolist()
        scores = asked.scores[row][there][:, self._columns]
        return Ranking.of(items, self._objectives, scores).without(history)


def columns_of(read: Sequence[str], given: Sequence[str], checkpoint: str) -> List[int]:
    """Return the places of the scores that a model reads among those that a ranking stage gives.

    Raises
    ------
    InputError
        Naming the checkpoint, and the score that is not given.
    """
    for name in read:
        if name not in given:
            raise InputError(
                f"{checkpoint}: the model reads the score '{name}', which the ranking stage does "
                f"not give{nearest(name, given)}"
            )
    return [list(given).index(name) for name in read]


def require_own_ranker(checkpoint: str, ranker: Ranker) -> None:
    """Refuse a trained ranker below a score fusion that learned from the rankings of the log.

    These are the world's own ranker's. Scores of another one may have the same names, and are not
    spread alike.

    Raises
    ------
    InputError
        Naming both checkpoints.
    """
    if ranker.checkpoint is not None:
        raise InputError(
            f"{checkpoint}: its score_fusion learned from the scores of the world's own ranker, "
            f"and here {ranker.checkpoint} ranks; set ranker: world, or a score_fusion that reads "
            "ranks alone, such as reciprocal_rank"
        )

"""Requests in the numbers that a model reads."""

import time
from reprlib import repr as short
from typing import Any, Iterable, NamedTuple, Optional, Sequence, Union

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.fusion.cascade_stages import STAGES
from recbole_poem.serving.bounds import whole_numbers
from recbole_poem.serving.histories import (
    FlatHistories,
    Histories,
    ItemTimes,
    checked_item_times,
    flatten,
)
from recbole_poem.serving.history import moments
from recbole_poem.serving.known_users import KnownUsers
from recbole_poem.serving.query import Query
from recbole_poem.serving.ranking import Needs, Ranking
from recbole_poem.serving.ranking_batch import Given, RankingBatch, look_up
from recbole_poem.serving.vocabulary import Vocabulary


class Requests(NamedTuple):
    """What B requests bring, in numbers.

    Attributes
    ----------
    histories : FlatHistories
    rankings : RankingBatch
    draws : (B,) int64
        Keys of the draws from the rankings; below 0 it is the history.
    times : (B,) float64
        When they are made, in the unit of the data set's time; NaN is now, behind training.
    """

    histories: FlatHistories
    rankings: RankingBatch
    draws: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.histories.request)

    @property
    def n_unknown(self) -> np.ndarray:
        """(B,) int64, tokens of each request that the model does not know."""
        return self.histories.n_unknown + self.rankings.n_unknown

    def of(self, rows: np.ndarray) -> "Requests":
        """Return some of the requests, by their places in ascending order."""
        histories, rankings = self.histories.of(rows), self.rankings.of(rows)
        return Requests(histories, rankings, self.draws[rows], self.times[rows])


class RequestReader:
    """Puts what is asked into the numbers of one model.

    Parameters
    ----------
    vocabulary : Vocabulary
    needs : Needs
        What the model reads in a ranking.
    per_second : float
        Units of the data set's time in a second.
    """

    def __init__(self, vocabulary: Vocabulary, needs: Needs, per_second: float) -> None:
        self._vocabulary, self._needs = vocabulary, needs
        self._per_second = per_second

    def together(
        self,
        histories: Optional[Histories],
        rankings: Optional[Sequence[Given]] = None,
        draws: Optional[Sequence[int]] = None,
        times: Optional[Sequence[float]] = None,
        item_times: Optional[ItemTimes] = None,
    ) -> Requests:
        """Return the requests of `Recommender.recommend`, whose parameters these are.

        Raises
        ------
        InputError
            For arguments that do not fit each other.
        """
        if histories is None:
            raise InputError("recommend: give histories, or users of the data set")
        of_items = checked_item_times(histories, item_times)
        flat = flatten(histories, self._vocabulary, of_items)
        rankings = [None] * len(flat.request) if rankings is None else rankings
        return self._completed(flat, rankings, draws, times)

    def of_users(
        self,
        known: KnownUsers,
        users: Iterable[Any],
        rankings: Optional[Sequence[Given]] = None,
        draws: Optional[Sequence[int]] = None,
        times: Optional[Sequence[float]] = None,
    ) -> Requests:
        """Return the next requests of users; where no rankings are given the known ones are read.

        Raises
        ------
        InputError
            For a user who is not known, and arguments that do not fit each other.
        """
        places = known.places(users)
        read = known.rankings(places) if rankings is None else rankings
        return self._completed(known.histories(places), read, draws, times)

    def _completed(
        self,
        flat: FlatHistories,
        rankings: Union[RankingBatch, Sequence[Given]],
        draws: Optional[Sequence[int]],
        times: Optional[Sequence[float]],
    ) -> Requests:
        number = len(flat.request)
        told = None if isinstance(rankings, RankingBatch) else rankings
        for name, given in (("rankings", told), ("draws", draws), ("times", times)):
            if given is not None and not hasattr(given, "__len__"):
                raise InputError(
                    f"{name}: expected a list, one of each request, not {short(given)}"
                )
            if given is not None and len(given) != number:
                raise InputError(f"{name}: {len(given)} for {number} requests")
        if not isinstance(rankings, RankingBatch):
            rankings = look_up(rankings, self._needs, self._vocabulary)
        keys = np.full(number, -1) if draws is None else whole_numbers("draws", draws)
        asked = np.full(number, np.nan) if times is None else moments("times", times)
        return Requests(flat, rankings, keys, asked)

    def of_queries(self, queries: Sequence[Query]) -> Requests:
        """Return the requests of a service, those that name no time as of now.

        Parameters
        ----------
        queries : sequence of Query
            From `recbole_poem.serving.query.checked`.

        Raises
        ------
        InputError
            If a history holds what is no token, or a ranking lacks what the model reads.
        """
        histories, item_times = [one.history for one in queries], [one.times for one in queries]
        now = time.time() * self._per_second
        return Requests(
            flatten(histories, self._vocabulary, item_times, "history: query"),
            look_up([query.rankings for query in queries], self._needs, self._vocabulary),
            np.array([-1 if query.draw is None else query.draw for query in queries], np.int64),
            np.array([now if query.time is None else query.time for query in queries]),
        )

    def example(self) -> Requests:
        """Return two requests as the model will read them, one of them without a ranking."""
        item, names = self._vocabulary.tokens[1], self._needs.objectives
        ranking = Ranking.of([item], names, [[1.0] * len(names)], [STAGES[0]])
        older = [ranking] * (self._needs.n_rankings - 1)
        return self.of_queries([Query([item], ranking, older=older), Query([item], draw=1)])

"""Queries and their answers: what a service asks of a checkpoint, some requests at a time."""

from math import isnan
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.times import PER_SECOND
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.blocks import in_blocks
from recbole_poem.serving.limits import Limits, n_unknown, of_each
from recbole_poem.serving.loading import Loaded
from recbole_poem.serving.log_times import LogTimes
from recbole_poem.serving.query import Answer, Outcome, Query, checked
from recbole_poem.serving.rankers import needs_of, rankers_of
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.requests import RequestReader, Requests
from recbole_poem.serving.tokens import listed
from recbole_poem.serving.unread import Unread
from recbole_poem.serving.vocabulary import Vocabulary

_CELLS = 2**26  # scores that are held at once: 256 MiB


class Answerer:
    """Answers the queries of a service, and lets re-rankers learn what came of them.

    Parameters
    ----------
    loaded : Loaded
    index : Path, optional
        File of the index over the items, by which POEM's requests are then answered.

    Attributes
    ----------
    loaded : Loaded
    log_times : LogTimes
        Of the training rows; `answer` holds no time of a query against them.
    """

    def __init__(self, loaded: Loaded, index: Optional[Path] = None) -> None:
        self.loaded = loaded
        self.config, self.model, self._dataset, self.checkpoint, _ = loaded
        tokens = self._dataset.field2id_token[self._dataset.iid_field]
        self._vocabulary = Vocabulary(tokens)
        per_second = PER_SECOND[self.config["time_unit"]]
        self.log_times = LogTimes.of(self._dataset.log, self.config["time_unit"])
        self._reader = RequestReader(self._vocabulary, self.needs, per_second)
        self._batches = BatchMaker(self.config, self.model, self._dataset.trends)
        reads = {
            "rankings": bool(self.objectives),
            "times": bool(self._dataset.trends),
            "item_times": bool(self.config.component("row_features")),
        }
        self._unread = Unread(type(self.model).__name__, reads)
        self._approximate = index is not None
        example = self._reader.example()
        self._ranker, self._learns = rankers_of(loaded, self._batches, example, index)

    @property
    def n_items(self) -> int:
        """Items that can be recommended."""
        return len(self._vocabulary) - 1

    @property
    def item_tokens(self) -> np.ndarray:
        """(n_items + 1,) object, the token of each item id; the first one is padding."""
        return self._vocabulary.tokens

    @property
    def objectives(self) -> List[str]:
        """Names of the scores that the model reads in a ranking; empty if it reads none."""
        return self.needs.objectives

    @property
    def needs(self) -> Needs:
        """What the model reads in a ranking."""
        return needs_of(self.model)

    @property
    def _at_once(self) -> int:
        """Requests whose scores are held at once."""
        return _CELLS // len(self._vocabulary)

    def answer(self, queries: Sequence[Query]) -> List[Answer]:
        """Answer queries together, each within its own limits; see `Query`.

        One odd query would fail all of a batch. So times are not held against the training rows
        here, but where a query comes in: whoever brings some calls ``log_times.require`` first, as
        `recbole_poem.serving.recommender.Recommender.recommend` and the service do.

        Parameters
        ----------
        queries : sequence of Query
            Whose rankings have the objectives of the model.

        Raises
        ------
        InputError
            Naming the query, and its part that is not what `Query` says.
        """
        queries = checked(queries)
        requests = self._reader.of_queries(queries)
        self._unread.tell(
            rankings=any(each is not None for query in queries for each in query.rankings),
            item_times=any(_tells_times(query) for query in queries),
        )
        unknown = [
            n_unknown([*(query.allow or ()), *query.deny], self._vocabulary) + of_request
            for query, of_request in zip(queries, requests.n_unknown.tolist())
        ]
        lengths = np.array([min(query.k, len(self._vocabulary)) for query in queries], np.int64)

        def limits(part: Requests, where: slice) -> Limits:
            return of_each(queries[where], part.histories, self._vocabulary)

        n_known = requests.histories.length.tolist()
        return [
            self._answer(of_one[: lengths[row]], score[: lengths[row]], unknown[row], n_known[row])
            for rows, items, scores in in_blocks(
                self._ranker, requests, lengths, limits, self._at_once
            )
            for row, of_one, score in zip(rows, items, scores)
        ]

    @property
    def observes(self) -> bool:
        """Whether a re-ranker learns from what came of answers."""
        return self._learns is not None

    @property
    def n_shown(self) -> int:
        """Places of a list that count as shown where nobody says what was; 0 if none learns."""
        return 0 if self._learns is None else self._learns.n_shown

    def observe(self, queries: Sequence[Query], outcomes: Sequence[Outcome]) -> None:
        """Let the re-rankers learn what came of queries; until then they know nothing.

        Not at the same time as another call. Tokens that the model does not know are left out.

        Parameters
        ----------
        queries : sequence of Query
            As they were answered.
        outcomes : sequence of Outcome
            Theirs.

        Raises
        ------
        InputError
            If no re-ranker learns, or a part of the arguments is not what is said here.
        """
        if self._learns is None:
            raise InputError(
                "rerankers: none of them learns from what came of answers; leave the outcome out"
            )
        if len(queries) != len(outcomes):
            raise InputError(f"outcomes: {len(outcomes)} for {len(queries)} queries")
        queries = checked(queries)
        taken = [listed(f"taken: query {n}", one.taken) for n, one in enumerate(outcomes)]
        shown = [listed(f"shown: query {n}", one.shown) for n, one in enumerate(outcomes)]
        requests = self._reader.of_queries(queries)
        limits = of_each(queries, requests.histories, self._vocabulary)
        ids = self._vocabulary.padded
        says = np.array([len(one) > 0 for one in shown], dtype=bool)
        self._learns.observe(requests, limits, ids(taken), ids(shown), says)

    def _answer(self, items: np.ndarray, scores: np.ndarray, unknown: int, known: int) -> Answer:
        given = scores > -np.inf
        tokens = self._vocabulary.tokens[items[given]]
        return Answer(tokens.tolist(), scores[given].tolist(), unknown, known)


def _tells_times(query: Query) -> bool:
    """Tell whether a query knows when an item of its history was dealt with."""
    return query.times is not None and not all(map(isnan, query.times))

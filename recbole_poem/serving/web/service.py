"""The service without HTTP: what is asked is completed from the stores and answered in batches."""

import time
from dataclasses import dataclass
from logging import getLogger
from typing import List, NamedTuple, Optional, Sequence, Tuple
from weakref import ReferenceType, ref

from recbole_poem.core.errors import InputError
from recbole_poem.serving.bounds import above_zero
from recbole_poem.serving.history import History
from recbole_poem.serving.query import Answer, Outcome, Query
from recbole_poem.serving.ranking import Needs, Ranking
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.stores.recent import Recent
from recbole_poem.serving.stores.store import HistoryStore, RequestStore
from recbole_poem.serving.web.batching import Batcher
from recbole_poem.serving.web.metrics import Metrics


class Question(NamedTuple):
    """A query of which a part may be left to what the service keeps.

    Attributes
    ----------
    query : Query
    user : str or None
        Whose ranking is read where the query brings none, and history if `keeps_history`.
    keeps_history : bool
        Whether the history is the kept one.
    """

    query: Query
    user: Optional[str]
    keeps_history: bool


class Reply(NamedTuple):
    """An answer, and what it was made from.

    Attributes
    ----------
    answer : Answer
    cache : str
        The ranking was ``given``, found (``hit``) or there was none (``empty``).
    """

    answer: Answer
    cache: str


class Asked(NamedTuple):
    """What a user asked last, until feedback says what came of it.

    Attributes
    ----------
    query : Query
        With what the stores have completed.
    items : list of str
        The answer.
    recommender : reference to a Recommender
        Whose answer it is; of one that was replaced, no more memory is held.
    """

    query: Query
    items: List[str]
    recommender: "ReferenceType[Recommender]"


@dataclass(frozen=True)
class Bounds:
    """How much may be asked at once.

    Attributes
    ----------
    max_batch : int
        Questions that are answered together.
    max_waiting : int
        Questions that wait for the next batch.
    budget : float
        Seconds that a question may wait; then it is refused, as its answer would come too late.
    max_users : int
        Users whose last question is remembered, where a re-ranker learns from feedback.
    seconds_to_live : float
        Until feedback says nothing of a question any more.

    Raises
    ------
    InputError
        If one is not above 0.
    """

    max_batch: int = 64
    max_waiting: int = 1024
    budget: float = 0.2
    max_users: int = 100_000
    seconds_to_live: float = 86_400.0

    def __post_init__(self) -> None:
        above_zero(**vars(self))


class Service:
    """Answers questions with one recommender, which may be replaced while it works.

    Parameters
    ----------
    recommender : Recommender
    rankings : RequestStore
    histories : HistoryStore
    metrics : Metrics
    bounds : Bounds, optional
    """

    def __init__(
        self,
        recommender: Recommender,
        rankings: RequestStore,
        histories: HistoryStore,
        metrics: Metrics,
        bounds: Bounds = Bounds(),
    ) -> None:
        self._recommender = recommender
        self._rankings, self._histories, self._metrics = rankings, histories, metrics
        self._batcher: Batcher[Question, Reply] = Batcher(
            self._answer, bounds.max_batch, bounds.max_waiting, bounds.budget
        )
        self._asked: Recent[Optional[Asked]] = Recent(bounds.max_users, bounds.seconds_to_live)
        self.since = time.time()
        metrics.watch_waiting(lambda: len(self._batcher))

    @property
    def recommender(self) -> Recommender:
        """The one that answers now."""
        return self._recommender

    def swap(self, recommender: Recommender) -> None:
        """Let another recommender answer from the next batch on; no question is lost."""
        self._recommender, self.since = recommender, time.time()

    def require_all(self, ranking: Ranking) -> None:
        """Check that a ranking has what the model reads.

        Raises
        ------
        InputError
            Naming the first objective that is missing, or the stages.
        """
        lacking = self._recommender.needs.lacking(ranking)
        if lacking is not None:
            raise InputError(f"ranking: {lacking}")

    def require_read(self, number: int) -> None:
        """Check that so many rankings of a request are read.

        Raises
        ------
        InputError
            If they are not.
        """
        too_many = self._recommender.needs.too_many(number)
        if too_many is not None:
            raise InputError(f"older: {too_many}")

    def require_times(self, name: str, times: Optional[Sequence[Optional[float]]]) -> None:
        """Check that times are in the unit of the data set's time.

        Raises
        ------
        InputError
            Naming `name`, and the first one that is not.
        """
        self._recommender.log_times.require(name, times)

    async def ask(self, question: Question) -> Reply:
        """Answer a question.

        Raises
        ------
        OverloadedError
            If too many wait, or it has waited too long.
        """
        return await self._batcher.ask(question)

    def keep_ranking(self, user: str, ranking: Ranking) -> bool:
        """Keep what the ranking stage said; tell whether that was possible."""
        return self._metrics.kept("ranking", self._rankings.write(user, ranking))

    def keep_feedback(self, user: str, new: History) -> bool:
        """Add to a user's history, oldest first; tell whether that was possible."""
        return self._metrics.kept("history", self._histories.append(user, new))

    async def observe(self, user: str, outcome: Outcome) -> bool:
        """Tell the re-rankers what came of a user's last question; tell whether that was possible.

        Raises
        ------
        InputError
            If items are said to have been shown, and no re-ranker learns.
        """
        if not self._recommender.observes:
            if outcome.shown:
                raise InputError(
                    "shown: no re-ranker of this checkpoint learns from feedback; leave it out"
                )
            return False
        return await self._batcher.aside(self._observe, user, outcome)

    def close(self) -> None:
        """Answer the batch in progress and stop."""
        self._batcher.close()

    # -- in the thread of the batcher -----------------------------------------------------------

    def _answer(self, questions: List[Question]) -> List[Reply]:
        recommender = self._recommender  # the same for the whole batch
        queries = self._with_histories(questions)
        completed = self._with_rankings(questions, queries, recommender.needs)
        answers = recommender.answer([query for query, _ in completed])
        replies = [Reply(answer, cache) for answer, (_, cache) in zip(answers, completed)]
        self._metrics.answered(answers, [cache for _, cache in completed])
        if recommender.observes:
            for question, (query, _), answer in zip(questions, completed, answers):
                if question.user is not None:
                    self._remember(question.user, Asked(query, answer.items, ref(recommender)))
        return replies

    def _remember(self, user: str, asked: Optional[Asked]) -> None:
        self._asked.change(user, lambda former: asked)

    def _observe(self, user: str, outcome: Outcome) -> bool:
        asked, recommender = self._asked.read(user), self._recommender
        if asked is None or asked.recommender() is not recommender:
            return False
        self._remember(user, None)  # what comes later is not what came of this question
        shown = outcome.shown or asked.items[: recommender.n_shown]
        recommender.observe([asked.query], [outcome._replace(shown=shown)])
        return True

    def _with_histories(self, questions: List[Question]) -> List[Query]:
        """Return the queries, those that bring no history with the kept one."""
        asked = [one.user for one in questions if one.keeps_history and one.user is not None]
        kept = dict(zip(asked, self._histories.read_many(asked)))
        return [
            one.query._replace(history=kept[one.user].items, times=kept[one.user].times)
            if one.keeps_history and one.user is not None
            else one.query
            for one in questions
        ]

    def _with_rankings(
        self, questions: List[Question], queries: List[Query], needs: Needs
    ) -> List[Tuple[Query, str]]:
        """Return the queries with the kept rankings, and where each ranking came from."""
        users = [
            None if _brings_rankings(query) or not needs.objectives else one.user
            for one, query in zip(questions, queries)
        ]
        asked = [user for user in users if user is not None]
        kept = dict(zip(asked, self._rankings.read_many(asked)))
        return [
            _with_kept(query, () if user is None else kept[user], needs)
            for user, query in zip(users, queries)
        ]


def _brings_rankings(query: Query) -> bool:
    return any(ranking is not None for ranking in query.rankings)


def _with_kept(query: Query, kept: Sequence[Ranking], needs: Needs) -> Tuple[Query, str]:
    """Return a query with the rankings that it reads, and where these came from."""
    told = query.rankings if _brings_rankings(query) else kept
    usable = [_usable(ranking, needs) for ranking in told[: needs.n_rankings]]
    if all(ranking is None for ranking in usable):
        return query._replace(ranking=None, older=()), "empty"
    if told is not kept:
        return query._replace(ranking=usable[0], older=usable[1:]), "given"
    # What was consumed since is no candidate any more: so it was in training. It is not told
    # from what was before; a ranking stage that offers that again has to give its rankings.
    youngest, *older = (each and each.without(query.history) for each in usable)
    return query._replace(ranking=youngest, older=older), "hit"


def _usable(ranking: Optional[Ranking], needs: Needs) -> Optional[Ranking]:
    """Return a ranking, or None where it lacks what the model reads."""
    if ranking is None or needs.lacking(ranking) is None:
        return ranking
    # it is from before the model was replaced
    getLogger().warning("a ranking without what the model reads counts as none")
    return None

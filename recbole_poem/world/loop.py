"""The closed loop: retrieval, ranking stage, re-ranker, list, reactions, and what they change.

Users do not meet, so any block of them is a world of its own: blocks run side by side, and come out
the same.
"""

import copy
from dataclasses import dataclass
from typing import Iterator, Optional

import numpy as np
from scipy.special import expit

from recbole_poem.world.cascade import Lists, RankingStage, of_world
from recbole_poem.world.chance import Draw
from recbole_poem.world.clock import first_times, next_times
from recbole_poem.world.history import NONE, History
from recbole_poem.world.lists import WorldLists
from recbole_poem.world.people import next_context
from recbole_poem.world.reactions import labels, other_reactions, watch_seconds
from recbole_poem.world.retrieval import Asked, Mind, Retrieval
from recbole_poem.world.served import Served
from recbole_poem.world.world import World

_SECONDS_BETWEEN = 1.0  # two videos of a list


@dataclass(frozen=True)
class Until:
    """When it is enough: after so many requests or days of each user, at a time, or what is first.

    Attributes
    ----------
    requests : int, optional
    days : float, optional
    time : float, optional
        Seconds since the world began, the same for all users.
    """

    requests: Optional[int] = None
    days: Optional[float] = None
    time: Optional[float] = None


class Lives:
    """What changes of some users: contexts, boredom, what was seen, the last ranking, the clocks.

    They begin with the world's own ranking stage and lists, and `twin` may give them others.

    Parameters
    ----------
    world : World
    users : (B,) int
        Each once, ascending.

    Attributes
    ----------
    clock : (B,) float
        When each user asks next, in whole seconds since the world began.
    """

    def __init__(self, world: World, users: np.ndarray) -> None:
        settings, n = world.settings, len(users)
        self._world, self._users, self._stage = world, users, of_world(world)
        self._lists: Lists = WorldLists(world)
        d, categories = settings.catalogue.dimensions, settings.catalogue.categories
        n_contexts = settings.ranking_stage.staleness + 1
        self._contexts = np.zeros((n_contexts, n, d))  # the latest first
        self._bored = np.zeros((n, categories))
        self._satisfaction = np.zeros(n)
        self._number = np.zeros(n, dtype=np.int64)
        self.clock = np.floor(first_times(world.chance, users))
        self._taken = np.zeros((n, settings.catalogue.items), dtype=bool)
        self._history = History.empty(n, len(world.reactions))
        self._forget_rankings()

    def twin(self, stage: Optional[RankingStage] = None, lists: Optional[Lists] = None) -> "Lives":
        """Return a copy that lives on apart from this one, with the same chances.

        Parameters
        ----------
        stage : RankingStage, optional
            Of the copy; default: the same. What another ranker said before is forgotten, as its
            scores mean something else.
        lists : Lists, optional
            Of the copy; default: the same.
        """
        twin = copy.copy(self)  # the world itself does not change
        for name, value in vars(self).items():
            if isinstance(value, (np.ndarray, History)):
                setattr(twin, name, value.copy())
        if lists is not None:
            twin._lists = lists
        if stage is not None:
            twin._stage = stage
            if stage.ranker != self._stage.ranker:
                twin._forget_rankings()
        return twin

    def _forget_rankings(self) -> None:
        shape = len(self._users), self._world.settings.list.candidates
        self._ranked = np.full(shape, NONE)
        self._scores = np.zeros((*shape, len(self._stage.ranker.objectives)))

    def go(self, retrieval: Retrieval, until: Until) -> Iterator[Served]:
        """Let the users live on, round by round: in each every one who is there asks once.

        Where the lists learn, only those ask in a round whose requests lie in the earliest slot of
        time, so that time goes on. What happens to a user is the same but for what is learned.

        Parameters
        ----------
        retrieval : Retrieval
        until : Until
            Requests and days are counted from now on, for each user from its own clock. At least
            one of its ends.
        """
        end = np.full(len(self._users), np.inf)
        if until.days is not None:
            end = self.clock + until.days * 86_400
        if until.time is not None:
            end = np.minimum(end, until.time)
        n_asked = np.zeros(len(self._users), dtype=np.int64)
        most = np.inf if until.requests is None else until.requests
        while True:
            present = self._present((self.clock < end) & (n_asked < most))
            if len(present) == 0:
                return
            asked = self.ask(present)
            yield self.answer(present, asked, retrieval.candidates(asked))
            n_asked[present] += 1

    def _present(self, there: np.ndarray) -> np.ndarray:
        """Return the places of who asks in the next round, of those who are there (U,)."""
        slot = self._lists.slot
        if slot is not None and there.any():
            first = np.floor(self.clock[there].min() / slot)
            there = there & (np.floor(self.clock / slot) == first)
        return np.flatnonzero(there)

    @property
    def share_seen(self) -> np.ndarray:
        """Share of all videos that each user has seen, (B,)."""
        share: np.ndarray = self._taken.mean(axis=1)
        return share

    def ask(self, present: np.ndarray) -> Asked:
        """Let time go on to the next request of the users at some places, and return what is asked.

        Each `ask` is followed by an `answer` for the same places.

        Parameters
        ----------
        present : (B,) int
            Places among the users, each once.
        """
        user, number = self._users[present], self._number[present]
        former = self._contexts[:, present]
        context = next_context(
            self._world.settings.people, self._world.chance, user, number, former[0]
        )
        self._contexts[:, present] = np.concatenate([context[None], former[:-1]])
        # as old as the stage has it; of the first requests there is nothing older than the first
        age = np.minimum(number, self._world.settings.ranking_stage.staleness)
        mind = Mind(context, self._bored[present], self._contexts[age, present])
        return Asked(
            user, number, self.clock[present], self._history.of(present), self._ranked[present],
            self._scores[present], self._taken[present], mind,
        )  # fmt: skip

    def answer(self, present: np.ndarray, asked: Asked, candidates: np.ndarray) -> Served:
        """Answer the requests: rank the candidates, show lists, and let the users react.

        Parameters
        ----------
        present : (B,) int
        asked : Asked
            From `ask` for the same places.
        candidates : (B, R) int
            Ids of videos, each at most once in its row; `NONE` is none.
        """
        world, settings = self._world, self._world.settings
        fitting = self._fitting(asked, candidates)
        ranked, scores, by = self._ranking(asked, fitting)
        shown = self._lists.shown(asked, ranked, by)
        real = np.where(shown == NONE, 0, shown)
        utility = world.people.utility(
            world.catalogue, asked.user, asked.mind.context, asked.mind.bored, real
        )
        duration = world.catalogue.duration[real]
        keys = (settings.reactions, world.chance, asked.user, asked.request, real, utility)
        seconds = watch_seconds(*keys, duration)
        found = labels(seconds, duration)
        seen, left, satisfaction = self._walk(present, asked, shown, found["long_view"])
        found.update(other_reactions(*keys, found["long_view"]))
        spent = np.where(seen, seconds + _SECONDS_BETWEEN, 0.0)
        end = asked.time + spent.sum(axis=1)
        served = Served(
            asked.user, asked.request, asked.time, asked.mind.context, asked.mind.bored, fitting,
            ranked, scores, shown, seen,
            np.floor(asked.time[:, None] + np.cumsum(spent, axis=1) - spent),
            np.where(seen, seconds, 0.0), utility,
            {name: value & seen for name, value in found.items()}, left,
        )  # fmt: skip
        self._after(present, served, end, satisfaction)
        got_to = np.where(seen, shown, NONE)
        self._lists.observe(asked, got_to, served.reactions["long_view"], end)
        return served

    def _fitting(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """Return the candidates that can be shown: `NONE` in place of what was seen or is gone."""
        real = np.where(items == NONE, 0, items)
        fits = (items != NONE) & ~np.take_along_axis(asked.taken, real, axis=1)
        fits &= self._world.catalogue.there(real, asked.time[:, None])
        return np.where(fits, items, NONE)

    def _ranking(
        self, asked: Asked, items: np.ndarray
    ) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
        """Return the N best candidates, best first, their scores, and what they are ordered by."""
        n, found = self._world.settings.list.candidates, self._stage.ranker.score(asked, items)
        best, fused = self._stage.order.best(asked, items, found, n)
        ranked, by = np.full((len(items), n), NONE), np.zeros((len(items), n))
        scores = np.zeros((len(items), n, found.shape[2]))
        k = best.shape[1]
        ranked[:, :k], by[:, :k] = np.take_along_axis(items, best, 1), fused
        scores[:, :k] = np.take_along_axis(found, best[..., None], 1)
        scores[ranked == NONE] = 0
        return ranked, scores, by

    def _walk(
        self, present: np.ndarray, asked: Asked, shown: np.ndarray, long_view: np.ndarray
    ) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
        """Go through the lists: return what was seen, who left, and how satisfied they are."""
        clock, chance = self._world.settings.clock, self._world.chance
        satisfaction, stays = self._satisfaction[present], np.ones(len(present), dtype=bool)
        seen = np.zeros(shown.shape, dtype=bool)
        for place in range(shown.shape[1]):
            seen[:, place] = stays & (shown[:, place] != NONE)
            mood = clock.memory * satisfaction + (1 - clock.memory) * long_view[:, place]
            satisfaction = np.where(seen[:, place], mood, satisfaction)
            leaves = expit(clock.leaving - clock.leaving_by_satisfaction * satisfaction)
            draw = chance.uniform(Draw.LEAVING, asked.user, asked.request, place)
            stays = stays & ~((draw < leaves) & seen[:, place])
        # who is shown nothing at all has no reason to stay
        return seen, ~stays | ~seen.any(axis=1), satisfaction

    def _after(
        self, present: np.ndarray, served: Served, end: np.ndarray, satisfaction: np.ndarray
    ) -> None:
        """Change what the requests changed."""
        settings, row = self._world.settings, np.nonzero(served.seen)[0]
        item = served.shown[served.seen]
        self._taken[present[row], item] = True
        bored = settings.people.recovery * served.bored
        np.add.at(bored, (row, self._world.catalogue.category[item]), 1.0)
        self._bored[present], self._satisfaction[present] = bored, satisfaction
        self._ranked[present], self._scores[present] = served.ranked, served.scores
        reactions = [served.reactions[name] for name in self._world.reactions]
        lists = History(served.shown, served.began, served.seconds, np.stack(reactions, axis=-1))
        self._history.add(present, lists, served.seen.sum(axis=1))
        self.clock[present] = next_times(
            settings.clock, self._world.chance, served.user, served.request, end, served.left,
            satisfaction,
        )  # fmt: skip
        self._number[present] += 1

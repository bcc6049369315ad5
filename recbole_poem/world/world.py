"""The closed loop: retrieval, ranking stage, re-ranker, list, reactions, and what they change.

Users do not meet, so any block of them is a world of its own: blocks run side by side, and come out
the same.
"""

from dataclasses import dataclass
from typing import Dict, Iterator, List, NamedTuple, Optional

import numpy as np

from recbole_poem.world.catalogue import Catalogue, make_catalogue
from recbole_poem.world.chance import Chance, Draw
from recbole_poem.world.clock import first_times, next_times
from recbole_poem.world.people import People, make_people, next_context
from recbole_poem.world.ranking_stage import fused, score
from recbole_poem.world.reactions import labels, other_reactions, watch_seconds
from recbole_poem.world.retrieval import NONE, Asked, Retrieval
from recbole_poem.world.settings import ListSettings, WorldSettings

_SECONDS_BETWEEN = 1.0  # two videos of a list


class Served(NamedTuple):
    """What became of B requests, one of each user.

    Attributes
    ----------
    user, request : (B,) int
    time : (B,) float
        Whole seconds since the world began.
    context : (B, d) float
        z of the request, which nobody but the world knows.
    bored : (B, C) float
        As the request found it.
    ranked : (B, N) int
        The ranking, best first; `NONE` behind the last.
    scores : (B, N, M) float
    shown : (B, L) int
        The list; `NONE` where there was no further candidate.
    seen : (B, L) bool
        Whether the user got so far.
    began : (B, L) float
        When each video began.
    seconds : (B, L) float
        Watched.
    utility : (B, L) float
    reactions : dict of name to (B, L) bool
        ``click``, ``long_view`` and the others, of what was seen.
    left : (B,) bool
        Whether the user left within the list.
    """

    user: np.ndarray
    request: np.ndarray
    time: np.ndarray
    context: np.ndarray
    bored: np.ndarray
    ranked: np.ndarray
    scores: np.ndarray
    shown: np.ndarray
    seen: np.ndarray
    began: np.ndarray
    seconds: np.ndarray
    utility: np.ndarray
    reactions: Dict[str, np.ndarray]
    left: np.ndarray


class World:
    """What does not change while people watch.

    Parameters
    ----------
    settings : WorldSettings
    """

    def __init__(self, settings: WorldSettings) -> None:
        self.settings = settings
        self.chance = Chance(settings.seed)
        self.catalogue: Catalogue = make_catalogue(settings.catalogue, self.chance)
        self.people: People = make_people(
            settings.people, settings.catalogue.dimensions, self.chance
        )

    @property
    def n_users(self) -> int:
        """U."""
        return self.settings.people.users

    @property
    def objectives(self) -> List[str]:
        """Names of the M scores of a ranking."""
        return list(self.settings.ranking_stage.objectives)


@dataclass(frozen=True)
class Until:
    """When it is enough: after so many requests of each user, after so many days, or what is first.

    Attributes
    ----------
    requests : int, optional
    days : float, optional
    """

    requests: Optional[int] = None
    days: Optional[float] = None


class Lives:
    """What changes of some users: contexts, boredom, what was seen, the last ranking, the clocks.

    A copy (``copy.deepcopy``) lives on apart from the original, with the same chances.

    Parameters
    ----------
    world : World
    users : (B,) int
        Each once.
    """

    def __init__(self, world: World, users: np.ndarray) -> None:
        settings, n = world.settings, len(users)
        self._world, self._users = world, users
        d, categories = settings.catalogue.dimensions, settings.catalogue.categories
        n_former = settings.ranking_stage.staleness + 1
        self._contexts = np.zeros((n_former, n, d))  # the latest first
        self._bored = np.zeros((n, categories))
        self._satisfaction = np.zeros(n)
        self._number = np.zeros(n, dtype=np.int64)
        self.clock = np.floor(first_times(world.chance, users))
        self._taken = np.zeros((n, settings.catalogue.items), dtype=bool)
        self._ranked = np.full((n, settings.list.candidates), NONE)
        self._scores = np.zeros((n, settings.list.candidates, len(world.objectives)))
        self._history = _History(n)

    def go(self, retrieval: Retrieval, until: Until) -> Iterator[Served]:
        """Let the users live on, round by round: in each every one who is there asks once.

        Parameters
        ----------
        retrieval : Retrieval
        until : Until
            Counted from now on, for each user from its own clock. At least one of its two ends.
        """
        end = np.full(len(self._users), np.inf)
        if until.days is not None:
            end = self.clock + until.days * 86_400
        number = 0
        while until.requests is None or number < until.requests:
            present = np.flatnonzero(self.clock < end)
            if len(present) == 0:
                return
            yield self._request(present, retrieval)
            number += 1

    def _request(self, present: np.ndarray, retrieval: Retrieval) -> Served:
        """Answer one request of each of the users at these places."""
        world, settings = self._world, self._world.settings
        user, request, time = self._users[present], self._number[present], self.clock[present]
        context = self._next_contexts(present)
        stale = self._contexts[np.minimum(request, settings.ranking_stage.staleness), present]
        items = self._candidates(present, retrieval)
        ranked, scores = self._ranking(present, stale, items)
        shown = make_list(settings.list, world.catalogue, ranked, fused(scores))
        bored = self._bored[present]
        real = np.where(shown == NONE, 0, shown)
        utility = world.people.utility(world.catalogue, user, context, bored, real)
        duration = world.catalogue.duration[real]
        keys = (settings.reactions, world.chance, user, request, real, utility)
        seconds = watch_seconds(*keys, duration)
        found = labels(seconds, duration)
        seen, left, satisfaction = self._walk(present, shown, found["long_view"])
        found.update(other_reactions(*keys, found["long_view"]))
        spent = np.where(seen, seconds + _SECONDS_BETWEEN, 0.0)
        began = np.floor(time[:, None] + np.cumsum(spent, axis=1) - spent)
        served = Served(
            user, request, time, context, bored, ranked, scores, shown, seen, began,
            np.where(seen, seconds, 0.0), utility,
            {name: value & seen for name, value in found.items()}, left,
        )  # fmt: skip
        self._after(present, served, time + spent.sum(axis=1), satisfaction)
        return served

    def _next_contexts(self, present: np.ndarray) -> np.ndarray:
        """Let the contexts drift, keep the former ones, return those of now."""
        former = self._contexts[:, present]
        context = next_context(
            self._world.settings.people, self._world.chance, self._users[present],
            self._number[present], former[0],
        )  # fmt: skip
        self._contexts[:, present] = np.concatenate([context[None], former[:-1]])
        return context

    def _candidates(self, present: np.ndarray, retrieval: Retrieval) -> np.ndarray:
        """Return what is retrieved and can be shown: `NONE` in place of what was seen or is gone."""
        history, history_time = self._history.of(present)
        items = retrieval.candidates(
            Asked(
                self._users[present], self._number[present], self.clock[present], history,
                history_time, self._ranked[present], self._scores[present], self._taken[present],
            )  # fmt: skip
        )
        real = np.where(items == NONE, 0, items)
        fits = (items != NONE) & ~self._taken[present[:, None], real]
        fits &= self._world.catalogue.there(real, self.clock[present][:, None])
        return np.where(fits, items, NONE)

    def _ranking(
        self, present: np.ndarray, context: np.ndarray, items: np.ndarray
    ) -> "tuple[np.ndarray, np.ndarray]":
        """Return the N best candidates by fused score, best first, and their scores."""
        world, n = self._world, self._world.settings.list.candidates
        real = np.where(items == NONE, 0, items)
        scores = score(
            world.settings.ranking_stage, world.chance, world.people, world.catalogue,
            self._users[present], self._number[present], context, real,
        )  # fmt: skip
        order_by = np.where(items == NONE, -np.inf, fused(scores))
        if items.shape[1] > n:
            best = np.argpartition(-order_by, n - 1, axis=1)[:, :n]
        else:
            best = np.broadcast_to(np.arange(items.shape[1]), items.shape)
        # of equal scores the smaller id is first, wherever the retrieval put it
        by = np.take_along_axis(order_by, best, 1)
        best = np.take_along_axis(
            best, np.lexsort((np.take_along_axis(real, best, 1), -by), axis=1), 1
        )
        ranked = np.full((len(present), n), NONE)
        kept = np.zeros((len(present), n, scores.shape[2]))
        ranked[:, : best.shape[1]] = np.take_along_axis(items, best, 1)
        kept[:, : best.shape[1]] = np.take_along_axis(scores, best[..., None], 1)
        kept[ranked == NONE] = 0
        return ranked, kept

    def _walk(
        self, present: np.ndarray, shown: np.ndarray, long_view: np.ndarray
    ) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
        """Go through the lists: return what was seen, who left, and how satisfied they are."""
        clock, chance = self._world.settings.clock, self._world.chance
        user, request = self._users[present], self._number[present]
        satisfaction, stays = self._satisfaction[present], np.ones(len(present), dtype=bool)
        seen = np.zeros(shown.shape, dtype=bool)
        for place in range(shown.shape[1]):
            seen[:, place] = stays & (shown[:, place] != NONE)
            mood = clock.memory * satisfaction + (1 - clock.memory) * long_view[:, place]
            satisfaction = np.where(seen[:, place], mood, satisfaction)
            odds = clock.leaving - clock.leaving_by_satisfaction * satisfaction
            leaves = chance.uniform(Draw.LEAVING, user, request, place) < 1 / (1 + np.exp(-odds))
            stays = stays & ~(leaves & seen[:, place])
        return seen, ~stays, satisfaction

    def _after(
        self, present: np.ndarray, served: Served, end: np.ndarray, satisfaction: np.ndarray
    ) -> None:
        """Change what the requests changed."""
        settings, row = self._world.settings, np.nonzero(served.seen)[0]
        item = served.shown[served.seen]
        self._taken[present[row], item] = True
        bored = settings.people.recovery * self._bored[present]
        np.add.at(bored, (row, self._world.catalogue.category[item]), 1.0)
        self._bored[present], self._satisfaction[present] = bored, satisfaction
        self._ranked[present], self._scores[present] = served.ranked, served.scores
        self._history.add(
            present, served.shown, served.began, served.reactions["long_view"]
        )
        self.clock[present] = next_times(
            settings.clock, self._world.chance, served.user, served.request, end, served.left,
            satisfaction,
        )  # fmt: skip
        self._number[present] += 1


class _History:
    """What each user watched for long, the latest H of it."""

    LENGTH = 50

    def __init__(self, n_users: int) -> None:
        self._item = np.full((n_users, self.LENGTH), NONE)
        self._time = np.zeros((n_users, self.LENGTH))
        self._n = np.zeros(n_users, dtype=np.int64)

    def of(self, present: np.ndarray) -> "tuple[np.ndarray, np.ndarray]":
        """Return items and times, oldest first; `NONE` behind the last."""
        return self._item[present], self._time[present]

    def add(
        self, present: np.ndarray, items: np.ndarray, time: np.ndarray, watched: np.ndarray
    ) -> None:
        """Append what was watched for long, place by place of the list."""
        for place in range(items.shape[1]):
            who = present[watched[:, place]]
            full = who[self._n[who] == self.LENGTH]
            self._item[full, :-1], self._time[full, :-1] = self._item[full, 1:], self._time[full, 1:]
            self._n[full] -= 1
            self._item[who, self._n[who]] = items[watched[:, place], place]
            self._time[who, self._n[who]] = time[watched[:, place], place]
            self._n[who] += 1


def make_list(
    settings: ListSettings, catalogue: Catalogue, ranked: np.ndarray, by: np.ndarray
) -> np.ndarray:
    """Return the lists: the best by score, less the penalty for categories that are on it.

    Parameters
    ----------
    settings : ListSettings
    catalogue : Catalogue
    ranked : (B, N) int
        Best first; `NONE` behind the last.
    by : (B, N) float

    Returns
    -------
    (B, L) int
    """
    if settings.penalty == 0:
        return ranked[:, : settings.shown]
    rows = np.arange(len(ranked))
    category = catalogue.category[np.where(ranked == NONE, 0, ranked)]
    left = np.where(ranked == NONE, -np.inf, by)
    shown = np.full((len(ranked), settings.shown), NONE)
    for place in range(settings.shown):
        best = left.argmax(axis=1)
        there = np.isfinite(left[rows, best])
        shown[:, place] = np.where(there, ranked[rows, best], NONE)
        left = left - settings.penalty * (category == category[rows, best][:, None])
        left[rows, best] = -np.inf
    return shown

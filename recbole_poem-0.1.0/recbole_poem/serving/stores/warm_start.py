"""What the log says of its users, put into the stores before the first question.

Whoever has a history or a ranking in a store keeps it: a server that begins again adds nothing to
what it wrote before, and neither do several that share a store.
"""

import itertools
from time import perf_counter
from typing import Iterator, List, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from recbole_poem.fusion.cascade_stages import names_of
from recbole_poem.serving.history import History
from recbole_poem.serving.known_users import KnownUsers
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.stores.store import HistoryStore, RequestStore

_AT_ONCE = 256  # users


class Warmed(NamedTuple):
    """What a warm start has done.

    Attributes
    ----------
    users : int
        Whom the log has.
    histories, rankings : int
        Users to whom such were added.
    seconds : float
        That it took.
    """

    users: int
    histories: int
    rankings: int
    seconds: float


def warm_start(
    known: KnownUsers,
    items: np.ndarray,
    histories: HistoryStore,
    rankings: RequestStore,
    longest: int,
    most: Optional[int] = None,
    show_progress: bool = True,
) -> Warmed:
    """Give stores the histories of a log, and the rankings of its request cache.

    Parameters
    ----------
    known : KnownUsers
    items : (n_items,) object
        Token of each item id.
    histories, rankings
        The stores.
    longest : int
        Items that are given of a history, the last ones.
    most : int, optional
        Users who are given, those of the latest rows; None = all.
    show_progress : bool
        Whether a terminal shows a bar.
    """
    begin = perf_counter()
    places = known.latest_first[:most][::-1]  # the latest at the end, which a bound spares
    n_histories = n_rankings = 0
    disable = None if show_progress else True
    with tqdm(total=len(places), desc="Warm start", unit=" users", disable=disable) as bar:
        for first in range(0, len(places), _AT_ONCE):
            part = places[first : first + _AT_ONCE]
            users = known.tokens[part].tolist()
            n_histories += histories.add_many(users, _histories(known, part, items, longest))
            if known.has_rankings:
                found = [
                    (user, several)
                    for user, several in zip(users, _rankings(known, part, items))
                    if any(ranking.items for ranking in several)
                ]
                if found:
                    n_rankings += rankings.add_many(*map(list, zip(*found)))
            bar.update(len(part))
    return Warmed(len(known), n_histories, n_rankings, perf_counter() - begin)


def _histories(
    known: KnownUsers, places: np.ndarray, items: np.ndarray, longest: int
) -> List[History]:
    flat = known.histories(places, longest)
    tokens, times, begin = items[flat.item].tolist(), flat.time.tolist(), flat.begin.tolist()
    return [History(tokens[a:b], times[a:b]) for a, b in zip(begin, begin[1:])]


def _rankings(known: KnownUsers, places: np.ndarray, items: np.ndarray) -> Iterator[List[Ranking]]:
    """Yield the rankings that the next request of each user reads, the youngest first."""
    batch = known.rankings(places)
    told = itertools.repeat(None) if batch.stages is None else batch.stages.numpy()
    for ids, scores, stages in zip(batch.items.numpy(), batch.scores.numpy(), told):
        yield [
            _ranking(known, items, ids[age], scores[age], None if stages is None else stages[age])
            for age in range(len(ids))
        ]


def _ranking(
    known: KnownUsers,
    items: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
    stages: Optional[np.ndarray],
) -> Ranking:
    kept = ids > 0
    names = None if stages is None else names_of(stages[kept])
    return Ranking(tuple(items[ids[kept]]), known.objectives, scores[kept], names)

"""The places of candidates in the rankings of the rank and the re-rank stage: pure functions.

Of either stage RecFlow holds the ten best, with their positions, and ten that were drawn from the
others. Which these are, flags say. Positions only order what has the same flag, as their value on
other rows is not published.

A place counts who is ahead: ``1 + number of candidates that are better``. Candidates of which
nothing tells who is better share one. What a stage passed on is ahead of what it dropped.
"""

from typing import NamedTuple, Tuple

import numpy as np

from recbole_poem.data.convert.recflow.columns import FLAGS
from recbole_poem.fusion.cascade_stages import STAGES

#: --negatives: ``auto`` orders them where their positions differ and are behind the ten best
NEGATIVES = ("auto", "index", "tied")
_LAST = np.iinfo(np.int64).max


class Negatives(NamedTuple):
    """How the positions of the negatives of one stage were found, in numbers of rankings.

    Attributes
    ----------
    ordered : int
        They are behind those of the positives, and differ.
    one_value : int
        They are behind those of the positives, and all the same.
    within : int
        One of them lies among those of the positives, or is none.
    """

    ordered: int
    one_value: int
    within: int


def has(flags: np.ndarray, *names: str) -> np.ndarray:
    """Mark the rows that have one of some flags."""
    return (flags & sum(FLAGS[name] for name in names)) > 0


def stages(flags: np.ndarray) -> np.ndarray:
    """Return the stage of each candidate, (C,) int8, places in `STAGES`: its best flag's."""
    order = ("realshow", "rerank_pos", "rank_pos", "rerank_neg", "rank_neg", "coarse_neg")
    found = [has(flags, name) for name in order]
    return np.select(found, range(len(order)), len(STAGES) - 1).astype(np.int8)


class Position(NamedTuple):
    """How the positions of a day are read.

    Attributes
    ----------
    first : int
        The first position; what is below it is none.
    negatives : str
        One of `NEGATIVES`.
    """

    first: int = 0
    negatives: str = "auto"


def rank_places(
    ranking: np.ndarray, flags: np.ndarray, index: np.ndarray, how: Position
) -> Tuple[np.ndarray, Negatives]:
    """Return the places of candidates in the rankings of the rank stage.

    Its ten best, by position; what the re-rank stage scored and nothing tells of; what was dropped.

    Parameters
    ----------
    ranking : (C,) int64
        Which ranking each candidate is of, from 0, without gaps.
    flags : (C,) uint8
    index : (C,) int64
        ``rank_index``.
    how : Position

    Returns
    -------
    places : (C,) int64
        From 1.
    negatives : Negatives
    """
    positive = has(flags, "rank_pos")
    negative = has(flags, "rank_neg") & ~positive
    ordered, found = _ordered(ranking, positive, negative, index, how)
    is_known = positive & (index >= how.first)
    passed_on = has(flags, "rerank_pos", "rerank_neg")
    rules = [is_known, positive, ordered, passed_on, negative, has(flags, "coarse_neg")]
    tier = np.select(rules, [0, 1, 3, 2, 3, 4], 5)
    return _competition(ranking, tier, np.where(is_known | ordered, index, _LAST)), found


def rerank_places(
    ranking: np.ndarray, flags: np.ndarray, index: np.ndarray, how: Position
) -> Tuple[np.ndarray, Negatives]:
    """Return the places of candidates in the rankings of the re-rank stage; see `rank_places`.

    Its ten best, by position; its others, and the rank stage's ten best, which it scored as well;
    what the rank stage dropped.
    """
    positive = has(flags, "rerank_pos")
    negative = has(flags, "rerank_neg") & ~positive
    ordered, found = _ordered(ranking, positive, negative, index, how)
    is_known = positive & (index >= how.first)
    scored = negative | has(flags, "rank_pos")
    rules = [
        is_known, positive, ordered, scored, has(flags, "rank_neg"), has(flags, "coarse_neg"),
    ]  # fmt: skip
    tier = np.select(rules, [0, 1, 2, 3, 4, 5], 6)
    return _competition(ranking, tier, np.where(is_known | ordered, index, _LAST)), found


def _ordered(
    ranking: np.ndarray,
    positive: np.ndarray,
    negative: np.ndarray,
    index: np.ndarray,
    how: Position,
) -> Tuple[np.ndarray, Negatives]:
    """Mark the negatives that their positions order, (C,) bool, and count what these are like."""
    n_rankings = int(ranking.max(initial=-1)) + 1
    is_known = index >= how.first
    last = np.full(n_rankings, -1, dtype=np.int64)
    np.maximum.at(last, ranking[positive & is_known], index[positive & is_known])
    is_within = np.zeros(n_rankings, dtype=bool)
    is_within[ranking[negative & (~is_known | (index <= last[ranking]))]] = True
    low, high, n_negatives = _spread(ranking[negative], index[negative], n_rankings)
    is_one = (n_negatives > 1) & (low == high) & ~is_within
    differs = (n_negatives > 1) & (low < high) & ~is_within
    found = Negatives(int(differs.sum()), int(is_one.sum()), int(is_within.sum()))
    if how.negatives == "auto":
        return negative & ~(is_within | is_one)[ranking], found
    return negative & is_known & (how.negatives == "index"), found


def _spread(of: np.ndarray, index: np.ndarray, n_rankings: int) -> Tuple[np.ndarray, ...]:
    """Return the lowest and highest position and the number of the candidates `of` each ranking."""
    low = np.full(n_rankings, _LAST)
    high = np.full(n_rankings, -1, dtype=np.int64)
    np.minimum.at(low, of, index)
    np.maximum.at(high, of, index)
    return low, high, np.bincount(of, minlength=n_rankings)


def _competition(ranking: np.ndarray, tier: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Return 1 + how many of the same ranking are before each one by tier and key, (C,) int64."""
    order = np.lexsort((key, tier, ranking))
    sorted_ = [column[order] for column in (ranking, tier, key)]
    is_new = np.ones(len(order), dtype=bool)
    is_first = np.ones(len(order), dtype=bool)
    if len(order):
        is_first[1:] = sorted_[0][1:] != sorted_[0][:-1]
        is_new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in sorted_])
    slot = np.arange(len(order))
    start = np.maximum.accumulate(np.where(is_first, slot, 0))
    tied = np.maximum.accumulate(np.where(is_new, slot, 0))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = tied - start + 1
    return place

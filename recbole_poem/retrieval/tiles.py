"""How a catalogue is cut for counting, and what counting takes, before a pair is formed.

A *tile* is a range of items. It is counted in all folds of users and weighed without each of them,
and only the `top_k` largest similarities of its items stay: what is in memory at a time are the
pairs of one tile. Tiles do not depend on each other, and their edges change no bit of the result.
"""

from logging import getLogger
from typing import List, NamedTuple, Sequence

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.memory import gib

#: entries of pairs that a tile has, about: 450 MB while they are counted and weighed
TILE_PAIRS = 2**22
#: tiles of about equal work, where there is enough of it, so that many workers find some
_EVEN = 64
#: bytes of an entry of a tile: of a fold's counts, and of what is made of all folds' together; at
#: its peak, as benchmarks/request_cache.py measures it
_PER_COUNT, _PER_SUM = 22, 86
#: bytes of an entry of the dense matrices of a similarity that weighs all items at once
_PER_CELL = 16
#: pairs of rows from which counting takes long: a quarter of an hour and more
_MANY = 10**11
#: bytes of a similarity that is kept: the item, and a float32
_PER_KEPT = 8


class Plan(NamedTuple):
    """How one similarity is counted, and what that takes.

    Attributes
    ----------
    tiles : list of range
    n_pairs : int
        Pairs of rows that are formed.
    tile_bytes : int
        Of the largest tile while it is counted and weighed, at most.
    n_kept : (n_items,) int64
        Similarities that each item has at most, were all of them kept.
    """

    tiles: List[range]
    n_pairs: int
    tile_bytes: int
    n_kept: np.ndarray


def plan(work: np.ndarray, at_once: bool) -> Plan:
    """Cut the items of a similarity into tiles.

    Parameters
    ----------
    work : (F, n_items) int64
        Pairs of rows that begin with each item, by fold.
    at_once : bool
        Whether all items have to be in one tile.
    """
    n_items = work.shape[1]
    entries = np.minimum(work, n_items).sum(axis=0)  # a pair of items is one, of how many rows ever
    of_all = work.sum(axis=0)
    n_kept, n_pairs = np.minimum(of_all, n_items), int(of_all.sum())
    if at_once:
        return Plan([range(n_items)], n_pairs, _PER_CELL * n_items**2, n_kept)
    edges = _edges(entries, of_all)
    n_bytes = np.add.reduceat(_PER_COUNT * entries + _PER_SUM * n_kept, edges[:-1])
    tiles = [range(begin, end) for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist())]
    return Plan(tiles, n_pairs, int(n_bytes.max()), n_kept)


def _edges(entries: np.ndarray, work: np.ndarray) -> np.ndarray:
    """Return where tiles begin and end, (T + 1,) int64: of bounded size, and of about even work."""
    n_items = len(entries)
    size = max(TILE_PAIRS, 4 * n_items)  # a product of sparse matrices looks at every column
    n_even = int(np.clip(work.sum() // TILE_PAIRS, 1, _EVEN))
    of_size = np.arange(1, entries.sum() // size + 1) * size
    of_work = work.sum() * np.arange(1, n_even) / n_even
    small = np.searchsorted(np.cumsum(entries), of_size, side="right")
    even = np.searchsorted(np.cumsum(work), of_work, side="right")
    return np.unique(np.r_[0, small, even, n_items])


def kept_bytes(plans: Sequence[Plan], n_folds: int, top_k: int) -> int:
    """Return what all similarities take at most, if `top_k` are kept of an item and fold.

    One fold stands there twice, while its tiles are put together.
    """
    n_kept = sum(int(np.minimum(each.n_kept, top_k).sum()) for each in plans)
    return _PER_KEPT * n_kept * (n_folds + 1)


def warn_of_many(plans: Sequence[Plan], names: Sequence[str]) -> None:
    """Say where the pairs are so many that counting them takes long."""
    for each, name in zip(plans, names):
        if each.n_pairs > _MANY:
            getLogger().warning(
                f"objectives.{name}: {each.n_pairs:,} pairs of rows will be counted, which takes "
                "hours; ranking_source.max_items_per_user and ranking_source.max_users_per_item "
                "bound them"
            )


def check_room(
    plans: Sequence[Plan], names: Sequence[str], n_folds: int, top_k: int, free: int
) -> None:
    """Refuse similarities that memory has no room for.

    Parameters
    ----------
    plans : sequence of Plan
    names : sequence of str
        Of an objective for each, for the words of the error.
    n_folds, top_k : int
    free : int
        Bytes of memory.

    Raises
    ------
    InputError
        Naming the pairs, the memory that they take, and the key that takes less of it.
    """
    for each, name in zip(plans, names):
        if each.tile_bytes > free:
            raise InputError(
                f"objectives.{name}: of its {each.n_pairs:,} pairs of rows the items counted "
                f"together take {gib(each.tile_bytes)} of memory, and {gib(free)} are free; set "
                "ranking_source.max_items_per_user or ranking_source.max_users_per_item"
            )
    kept = kept_bytes(plans, n_folds, top_k)
    room = free - max(each.tile_bytes for each in plans)
    if kept > room:
        n_pairs = sum(each.n_pairs for each in plans)
        raise InputError(
            f"ranking_source.neighbours: of {n_pairs:,} pairs of rows the {top_k} most similar "
            f"items of each take {gib(kept)} of memory, and {gib(room)} are free; "
            f"{_remedy(plans, n_folds, top_k, room)}"
        )


def _remedy(plans: Sequence[Plan], n_folds: int, top_k: int, room: int) -> str:
    """Say how many neighbours there is room for."""
    none, fits = top_k, 0  # the smallest number known not to fit, the largest known to
    while none - fits > 1:
        middle = (none + fits) // 2
        none, fits = (
            (none, middle) if kept_bytes(plans, n_folds, middle) <= room else (middle, fits)
        )
    if not fits:
        return "take fewer items with item_inter_num_interval"
    return f"set at most {fits}"

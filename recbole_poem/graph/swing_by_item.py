"""Swing as one sparse row per item: for sparse logs and large catalogues.

The row of item i needs the users U_i and their other items only. An item j that two or more of
them consumed makes a *group* (i, j) with the users U_i ∩ U_j, and every pair of users of a group
is a swing: its overlap is one (item i) plus the number of groups of i that hold the same pair.
All groups and pairs of a batch of items are enumerated at once. Rows do not depend on each other,
so nothing but a batch and the `top_k` results is in memory.
"""

from functools import partial
from typing import Iterator, NamedTuple, Optional, Tuple

import numpy as np
import scipy.sparse as sp

from recbole_poem.graph.swing_terms import Map, Terms
from recbole_poem.graph.top_k import keep_largest

BATCH_ENTRIES = 2**18  # interactions or pairs of users at a time: their arrays stay in the cache
PARTS = 64


class Groups(NamedTuple):
    """The groups (i, j) of a batch of items i, with two users or more each.

    A *row* r is one interaction (user, i) of the batch; rows of one item i are contiguous.

    Attributes
    ----------
    row : (E,) int
        Row of each member, ascending inside a group; the groups are contiguous.
    group : (E,) int64
        Group of each member, ascending.
    item, other : (n_groups,) int64
        i, counted from the first item of the batch, and j.
    """

    row: np.ndarray
    group: np.ndarray
    item: np.ndarray
    other: np.ndarray


def swing_by_item(terms: Terms, top_k: Optional[int], tile_entries: int, run: Map) -> sp.csr_matrix:
    """Compute the rows of all items, one batch of items at a time.

    Parameters
    ----------
    terms : Terms
    top_k : int, optional
        Entries kept per row.
    tile_entries : int
        Interactions of a batch and pairs of users at a time; one item's, if they are more.
    run : Map
        Computes the parts.

    Returns
    -------
    (n_items, n_items) csr of float32
        Zero diagonal, only entries > 0, column indices ascending.
    """
    by_item = terms.consumed.T.tocsr()
    by_item.sort_indices()
    work = np.cumsum(_work(terms, by_item))
    n_items = len(work)
    even = np.searchsorted(work, work[-1] * np.arange(1, PARTS) / PARTS)
    small = range(0, n_items, max(1, tile_entries // (top_k or n_items)))
    edges = np.unique([0, *even, *small, n_items]).tolist()
    parts = list(zip(edges[:-1], edges[1:]))
    rows = partial(rows_of, terms, by_item, top_k, tile_entries)
    return sp.vstack(list(run(rows, parts)), format="csr")


def cost_by_item(terms: Terms) -> float:
    """Estimate the nanoseconds of one core that `swing_by_item` takes.

    A pair of users that share k items is listed k(k - 1) times. The mean of k² was about three
    times the square of the mean of k wherever it was counted, and listing a pair took 40 ns.
    """
    n_users, n_items = terms.consumed.shape
    sizes = np.diff(terms.consumed.indptr).astype(np.float64)
    users = np.bincount(terms.consumed.indices, minlength=n_items).astype(np.float64)
    mean_overlap = float(users @ users) / n_users**2 if n_users else 0.0
    listed = 3 * mean_overlap**2 * n_users**2 / 2
    return 20 * float(sizes @ sizes) + 2 * float(users @ users) + 40 * listed


def rows_of(
    terms: Terms,
    by_item: sp.csr_matrix,
    top_k: Optional[int],
    tile_entries: int,
    items: Tuple[int, int],
) -> sp.csr_matrix:
    """Compute the rows of the items `items[0]` to `items[1]`, exclusive.

    Parameters
    ----------
    by_item : (n_items, n_users) csr
        The transposed interactions, column indices ascending.

    Returns
    -------
    (items[1] - items[0], n_items) csr of float32
        As in `swing_by_item`.
    """
    entries = np.cumsum(by_item[slice(*items)] @ np.diff(terms.consumed.indptr))
    limit = min(tile_entries, max(BATCH_ENTRIES, terms.consumed.shape[1]))
    batches = []
    for start, end in _spans_within(entries, limit):
        users = by_item[items[0] + start : items[0] + end]
        groups = _groups(terms.consumed, users, items[0] + start)
        data = (_group_sums(terms, users, groups, limit) * terms.unit).astype(np.float32)
        kept = data > 0
        places = (groups.item[kept], groups.other[kept])
        rows = sp.csr_matrix((data[kept], places), (end - start, by_item.shape[0]))
        batches.append(rows if top_k is None else keep_largest(rows, top_k))
    return sp.vstack(batches, format="csr")


def _work(terms: Terms, by_item: sp.csr_matrix) -> np.ndarray:
    """Estimate the cost of each item's row: its interactions, and its pairs of users."""
    return by_item @ np.diff(terms.consumed.indptr) + np.diff(by_item.indptr).astype(np.int64) ** 2


def _spans_within(cumulative: np.ndarray, limit: int) -> Iterator[Tuple[int, int]]:
    """Yield consecutive ranges whose sums are at most `limit`, or that hold one element."""
    start = 0
    while start < len(cumulative):
        before = cumulative[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(cumulative, before + limit, side="right")))
        yield start, end
        start = end


def _groups(consumed: sp.csr_matrix, users: sp.csr_matrix, first_item: int) -> Groups:
    """Group the interactions of each item's users (rows of `users`) by the other item."""
    by_other = consumed[users.indices].tocsc()  # sorts by other item, then by row
    row = by_other.indices
    other = np.repeat(np.arange(consumed.shape[1]), np.diff(by_other.indptr))
    item = np.repeat(np.arange(users.shape[0]), np.diff(users.indptr))[row]
    differs = np.flatnonzero((other[1:] != other[:-1]) | (item[1:] != item[:-1]))
    starts = np.concatenate([[0], differs + 1])
    sizes = np.diff(np.append(starts, len(row)))
    kept = (sizes >= 2) & (other[starts] != first_item + item[starts])
    group = np.repeat(np.arange(np.count_nonzero(kept)), sizes[kept])
    return Groups(row[np.repeat(kept, sizes)], group, item[starts[kept]], other[starts[kept]])


def _group_sums(terms: Terms, users: sp.csr_matrix, groups: Groups, limit: int) -> np.ndarray:
    """Sum the swings of each group, in units: (n_groups,) int64."""
    n_groups = len(groups.item)
    sums = np.zeros(n_groups, dtype=np.int64)
    weight = terms.weight[users.indices]
    n_users = np.diff(users.indptr).astype(np.int64)
    width = np.repeat(n_users, n_users)  # of row r: the rows of its item
    origin = np.repeat(users.indptr[:-1], n_users)  # the first of them
    end = np.cumsum(np.bincount(groups.group, minlength=n_groups))[groups.group]
    pairs = end - np.arange(len(end)) - 1  # of each member with the later ones of its group
    work = np.cumsum(np.bincount(groups.row, pairs, minlength=len(width)).astype(np.int64) + width)
    for first, last in _spans_within(work, limit):
        one = np.flatnonzero((groups.row >= first) & (groups.row < last) & (pairs > 0))
        row, number = groups.row[one], pairs[one]
        start = np.cumsum(number) - number
        other = groups.row[np.repeat(one + 1 - start, number) + np.arange(number.sum())]
        # Each pair of rows of one item has a cell of its own; the pairs in it are common items.
        offset = np.cumsum(width[first:last]) - width[first:last]
        cell = np.repeat(offset[row - first] - origin[row], number) + other
        overlap = 1.0 + np.bincount(cell)[cell]
        swings = terms.weigh(np.repeat(weight[row], number), weight[other], overlap)
        touched, begin = np.unique(groups.group[one], return_index=True)
        sums[touched] += np.add.reduceat(swings.astype(np.int64), start[begin])
    return sums

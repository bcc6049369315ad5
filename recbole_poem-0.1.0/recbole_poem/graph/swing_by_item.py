"""Swing as one sparse row per item: for catalogues whose dense matrix does not fit.

The row of item i needs the users U_i and their other items only. Each item j has *members*, the
users of i who consumed it too; two users of i share item i and every j that both are members of.
Rows do not depend on each other, so nothing but the members of one item and the `top_k` results
is in memory.
"""

from functools import partial
from typing import Tuple

import numpy as np
import scipy.sparse as sp

from recbole_poem.graph.compiled import ONE, compiled
from recbole_poem.graph.swing_terms import Map, Terms, sum_lists, weigh
from recbole_poem.graph.top_k import keep_largest, rows_from_keys

PARTS = 64


def swing_by_item(
    terms: Terms, order: np.ndarray, top_k: int, tile_entries: int, run: Map
) -> sp.csr_matrix:
    """Compute the rows of all items.

    Parameters
    ----------
    terms : Terms
    order : (n_items,) int64
        The order in which the items make rows and columns of the result.
    top_k : int
        Entries kept per row.
    tile_entries : int
        Entries that a part returns, at most; one row's, if they are more.
    run : Map
        Computes the parts.

    Returns
    -------
    (n_items, n_items) csr of float32
        Zero diagonal, only entries > 0, column indices ascending.
    """
    n_items = len(order)
    n_users = np.diff(terms.user_starts).astype(np.float64)
    sizes = np.diff(terms.item_starts).astype(np.float64)
    # The cost of a row, about: the items of its users, and its pairs of users.
    cost = sum_lists(sizes[terms.users], terms.user_starts) + n_users**2
    work = np.cumsum(cost[order])
    even = np.searchsorted(work, work[-1] * np.arange(1, PARTS) / PARTS)
    small = range(0, n_items, max(1, tile_entries // min(top_k, n_items)))
    edges = np.unique([0, *even, *small, n_items]).tolist()
    parts = list(zip(edges[:-1], edges[1:]))
    return sp.vstack(list(run(partial(rows_of, terms, order, top_k), parts)), format="csr")


def rows_of(terms: Terms, order: np.ndarray, top_k: int, rows: Tuple[int, int]) -> sp.csr_matrix:
    """Compute the rows from `rows[0]` to `rows[1]`, exclusive.

    Returns
    -------
    (rows[1] - rows[0], n_items) csr of float32
        As in `swing_by_item`.
    """
    n_items = len(order)
    items = order[slice(*rows)].astype(np.uint64)
    sizes = np.empty(len(items), np.int64)
    keys = np.empty(len(items) * min(top_k, n_items), np.uint64)
    filled = _fill_rows(terms, items, np.argsort(order).astype(np.uint32), sizes, keys)
    return rows_from_keys(keys[:filled], sizes, n_items)


@compiled
def _fill_rows(
    terms: Terms, items: np.ndarray, position: np.ndarray, sizes: np.ndarray, keys: np.ndarray
) -> int:
    """Compute the rows of some items, one after the other.

    Parameters
    ----------
    items : (n_rows,) uint64
    position : (n_items,) uint32
        The column of each item.
    sizes : (n_rows,) int64
        Filled with the entries of each row.
    keys : (n_rows * top_k,) uint64
        Filled with the keys of one row after the other.

    Returns
    -------
    int
        The number of keys.
    """
    top_k = len(keys) // len(items)
    n_items = len(position)
    begin = np.zeros(n_items, np.uint64)
    end = np.zeros(n_items, np.uint64)
    total = np.zeros(n_items, np.int64)
    touched = np.empty(n_items + 1, np.uint32)  # and room for a write that does not count
    columns = np.empty(n_items, np.uint32)
    values = np.empty(n_items, np.float32)
    members = np.empty(0, np.uint32)
    filled = 0
    for row in range(len(items)):
        item = items[row]
        users = terms.users[terms.user_starts[item] : terms.user_starts[item + ONE]]
        n_touched, size = np.uint64(0), np.uint64(0)
        for user in users:
            for entry in range(terms.item_starts[user], terms.item_starts[user + ONE]):
                other = terms.items[entry]
                touched[n_touched] = other
                n_touched += np.uint64(end[other] == 0)
                end[other] += ONE
                size += ONE
        if size > len(members):
            members = np.empty(np.uint64(2) * size, np.uint32)
        start = np.uint64(0)
        for number in range(n_touched):
            other = touched[number]
            begin[other] = start
            start += end[other]
            end[other] = begin[other]
        for number in range(np.uint64(len(users))):
            user = users[number]
            for entry in range(terms.item_starts[user], terms.item_starts[user + ONE]):
                other = terms.items[entry]
                members[end[other]] = number
                end[other] += ONE
        end[item] = begin[item]  # all of them share it, and it makes no pair with itself
        _add_swings(terms, users, members, begin, end, total)
        for number in range(n_touched):
            other = touched[number]
            columns[number] = position[other]
            values[number] = total[other] * terms.unit
            end[other], total[other] = 0, 0
        sizes[row] = keep_largest(values, columns, n_touched, keys[filled : filled + top_k])
        filled += sizes[row]
    return filled


@compiled
def _add_swings(
    terms: Terms,
    users: np.ndarray,
    members: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    total: np.ndarray,
) -> None:
    """Add, for each pair of users of an item, its units to each other item that they share.

    Parameters
    ----------
    users : (n_users_of_item,) uint32
    members : (n_members,) uint32
        Places in `users`; those of item j are ``members[begin[j]:end[j]]``, ascending.
    begin, end : (n_items,) uint64
        `begin` ends at `end`.
    total : (n_items,) int64
        Added to.
    """
    n_users = np.uint64(len(users))
    shared = np.ones(n_users, np.uint32)  # the item itself
    units = np.zeros(n_users, np.float64)
    for number in range(n_users):
        user = users[number]
        first, last = terms.item_starts[user], terms.item_starts[user + ONE]
        for entry in range(first, last):
            other = terms.items[entry]
            if begin[other] < end[other]:
                begin[other] += ONE  # the user
                for member in range(begin[other], end[other]):
                    shared[members[member]] += ONE
        for later in range(number + ONE, n_users):
            if shared[later] > 1:
                units[later] = weigh(terms, user, users[later], shared[later])
                shared[later] = 1
        for entry in range(first, last):
            other = terms.items[entry]
            swings = 0.0
            for member in range(begin[other], end[other]):
                swings += units[members[member]]
            total[other] += np.int64(swings)

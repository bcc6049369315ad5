"""Swing as a sum over pairs of users into one dense matrix: for catalogues whose matrix fits.

User u and the partners v > u add to the pairs of u's own items only, so that what they add to is
a small block, which stays in the processor's cache:

    S[I_u, I_u] += Σ_{v > u} w_u w_v / (α + |I_u ∩ I_v|) · 1[I_u ∩ I_v] 1[I_u ∩ I_v]ᵀ
"""

from functools import partial
from typing import List, Tuple

import numpy as np
import scipy.sparse as sp

from recbole_poem.graph.compiled import ONE, compiled
from recbole_poem.graph.swing_terms import Map, Terms, sum_lists, weigh
from recbole_poem.graph.top_k import keep_largest, rows_from_keys

FEWEST_PARTS, MOST_PARTS = 2, 64
# What a part should add up, at least, per entry of the matrix that it returns.
AMPLE_WORK = 64


def swing_by_user(
    terms: Terms, order: np.ndarray, top_k: int, tile_entries: int, run: Map
) -> sp.csr_matrix:
    """Sum the blocks of all users in a dense matrix.

    Parameters
    ----------
    terms : Terms
        With users of few items first.
    order : (n_items,) int64
        The order in which the items make rows and columns of the result.
    top_k : int
        Entries kept per row.
    tile_entries : int
        At least n_items².
    run : Map
        Computes the parts.

    Returns
    -------
    (n_items, n_items) csr of float32
        Zero diagonal, only entries > 0, column indices ascending.
    """
    n_items = len(order)
    total = np.zeros((n_items, n_items), dtype=np.int64)
    for part in run(partial(upper_sum, terms), parts_of(terms)):
        total += part
    upper = np.multiply(total, terms.unit, dtype=np.float32, casting="same_kind")
    del total
    similarity = upper + upper.T
    step = max(1, tile_entries // (8 * n_items))
    tiles = [
        _largest(similarity, order, range(row, min(row + step, n_items)), top_k)
        for row in range(0, n_items, step)
    ]
    return sp.vstack(tiles, format="csr")


def parts_of(terms: Terms) -> List[Tuple[int, int]]:
    """Cut the users into half-open ranges of about equal cost.

    The parts depend on the data only, and their number is bounded, for each of them returns a
    dense matrix.
    """
    n_users, n_items = len(terms.weight), len(terms.user_starts) - 1
    popularity = np.diff(terms.user_starts).astype(np.float64)
    shared = sum_lists(popularity[terms.items], terms.item_starts)
    # Summed over all partners, about half of whom come later: items shared, and pairs of them.
    cost = (shared + shared**2 / n_users) * np.arange(n_users, 0, -1) / n_users
    number = np.clip(cost.sum() / (AMPLE_WORK * n_items**2), FEWEST_PARTS, MOST_PARTS)
    total = np.cumsum(cost)
    bounds = np.searchsorted(total, total[-1] * np.arange(1, int(number)) / int(number))
    edges = np.unique([0, *(bounds + 1), n_users]).tolist()
    return list(zip(edges[:-1], edges[1:]))


def upper_sum(terms: Terms, users: Tuple[int, int]) -> np.ndarray:
    """Sum the blocks of the users from `users[0]` to `users[1]`, exclusive.

    Returns
    -------
    (n_items, n_items) int64
        Units above the diagonal, zeros on and below it.
    """
    n_items = len(terms.user_starts) - 1
    total = np.zeros((n_items, n_items), dtype=np.int64)
    _add_users(terms, *users, total)
    return total


@compiled
def _add_users(terms: Terms, first: int, last: int, total: np.ndarray) -> None:
    """Add the blocks of a range of users to `total`."""
    overlap = np.zeros(len(terms.weight), np.uint32)
    end = np.zeros(len(terms.weight), np.uint64)
    partners = np.empty(len(terms.weight), np.uint32)
    later = np.empty(len(terms.user_starts), np.uint64)
    common = np.empty(0, np.uint32)  # positions of the common items, for one partner after another
    for user in range(first, last):
        items = terms.items[terms.item_starts[user] : terms.item_starts[user + 1]]
        n_items = np.uint64(len(items))
        n_partners, size = np.uint64(0), 0
        for place in range(n_items):
            item = items[place]
            stop = terms.user_starts[item + ONE]
            later[place] = _first_after(terms.users, terms.user_starts[item], stop, user)
            for entry in range(later[place], stop):
                partner = terms.users[entry]
                partners[n_partners] = partner
                n_partners += np.uint64(overlap[partner] == 0)
                overlap[partner] += ONE
                size += 1
        if size > len(common):
            common = np.empty(2 * size, np.uint32)
        start = np.uint64(0)
        for number in range(n_partners):
            end[partners[number]] = start
            start += overlap[partners[number]]
        for place in range(n_items):
            for entry in range(later[place], terms.user_starts[items[place] + ONE]):
                partner = terms.users[entry]
                common[end[partner]] = place
                end[partner] += ONE
        block = np.zeros((n_items, n_items), np.float64)
        for number in range(n_partners):
            partner = partners[number]
            if overlap[partner] > 1:
                units = weigh(terms, user, partner, overlap[partner])
                _add_pairs(block, common, end[partner] - overlap[partner], end[partner], units)
            overlap[partner] = 0
        for place in range(n_items):
            row = total[items[place]]
            for other in range(place + ONE, n_items):
                row[items[other]] += np.int64(block[place, other])


@compiled
def _add_pairs(
    block: np.ndarray, common: np.ndarray, start: np.uint64, end: np.uint64, units: float
) -> None:
    """Add `units` to the block at all pairs of positions in a range of `common`, ascending."""
    for first in range(start, end):
        row = block[common[first]]
        for second in range(first + ONE, end):
            row[common[second]] += units


@compiled
def _first_after(users: np.ndarray, start: np.uint64, stop: np.uint64, user: int) -> np.uint64:
    """Return the place of the first of some users, ascending, that is larger than `user`."""
    while start < stop:
        middle = (start + stop) // np.uint64(2)
        if users[middle] <= user:
            start = middle + ONE
        else:
            stop = middle
    return start


def _largest(similarity: np.ndarray, order: np.ndarray, rows: range, top_k: int) -> sp.csr_matrix:
    """Return the entries > 0 of dense rows, put into `order`, at most `top_k` of each row."""
    sizes = np.empty(len(rows), np.int64)
    keys = np.empty(len(rows) * min(top_k, len(order)), np.uint64)
    filled = _fill_rows(similarity, order.astype(np.uint64), rows.start, sizes, keys)
    return rows_from_keys(keys[:filled], sizes, len(order))


@compiled
def _fill_rows(
    similarity: np.ndarray, order: np.ndarray, first: int, sizes: np.ndarray, keys: np.ndarray
) -> int:
    """Fill the keys of as many rows as there are sizes, `first` the first."""
    top_k = len(keys) // len(sizes)
    columns = np.arange(len(order)).astype(np.uint32)
    values = np.empty(len(order), np.float32)
    filled = 0
    for number in range(len(sizes)):
        row = similarity[order[first + number]]
        for column in columns:
            values[column] = row[order[column]]
        room = keys[filled : filled + top_k]
        sizes[number] = keep_largest(values, columns, np.uint64(len(columns)), room)
        filled += sizes[number]
    return filled

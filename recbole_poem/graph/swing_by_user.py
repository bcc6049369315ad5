"""Swing as one dense block of item pairs per user: for dense logs of few items.

User u and the partners v > u add to the pairs of u's own items only:

    S[I_u, I_u] += A diag(g) Aᵀ,    A = consumed[v > u, I_u]ᵀ,    g_v = w_u w_v / (α + |I_u ∩ I_v|)

which is a matrix product, the fastest primitive there is: although it multiplies many zeros, it
leaves loops over pairs of users behind wherever users share a few percent of their items.
"""

from functools import partial
from typing import Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import scipy.sparse as sp
import torch

from recbole_poem.graph.swing_terms import Map, Terms
from recbole_poem.graph.top_k import keep_largest

CHUNK_USERS = 512  # partners at a time: A and A diag(g) of a usual user stay in the L2 cache
BLOCK_ROWS = 96  # rows of a block at a time: what lies left of them need not be computed
FEWEST_PARTS, MOST_PARTS = 4, 64
# What a part computes per entry of its result, in multiply-adds, at least and where there is more
# than enough: adding up an entry costs as much as about a hundred of them.
LEAST_WORK, AMPLE_WORK = 256, 2048
OVERHEAD_ITEMS = 32  # what one row of A costs beside its products, in multiply-adds


class Part(NamedTuple):
    """A share of the work: `users` with those of their partners that are in `partners`.

    Both are half-open ranges; a user's partners are the later users.
    """

    users: Tuple[int, int]
    partners: Tuple[int, int]


def swing_by_user(terms: Terms, top_k: Optional[int], tile_entries: int, run: Map) -> sp.csr_matrix:
    """Sum the blocks of all users in a dense matrix.

    Parameters
    ----------
    terms : Terms
        With n_items² <= `tile_entries`.
    top_k : int, optional
        Entries kept per row.
    tile_entries : int
        Entries of a tile of the interactions as a dense matrix.
    run : Map
        Computes the parts.

    Returns
    -------
    (n_items, n_items) csr of float32
        Zero diagonal, only entries > 0, column indices ascending.
    """
    n_items = terms.consumed.shape[1]
    ordered, position = _in_order(terms)
    parts = parts_of(np.diff(ordered.consumed.indptr), n_items, tile_entries)
    total = np.zeros((n_items, n_items), dtype=np.int64)
    for part in run(partial(upper_sum, ordered), parts):
        total += part
    upper = np.multiply(total, terms.unit, dtype=np.float32, casting="same_kind")
    del total
    similarity = upper + upper.T
    step = max(1, tile_entries // (8 * n_items))
    tiles = [
        _sparse_rows(similarity[position[row : row + step]][:, position], top_k)
        for row in range(0, n_items, step)
    ]
    return sp.vstack(tiles, format="csr")


def cost_by_user(terms: Terms) -> float:
    """Estimate the nanoseconds of one core that `swing_by_user` takes."""
    sizes = np.sort(np.diff(terms.consumed.indptr)).astype(np.float64)
    pairs = np.arange(len(sizes) - 1, -1, -1)  # of each user with the larger ones
    return float(pairs @ (sizes**2 / 25 + sizes + 60)) + 10.0 * terms.consumed.shape[1] ** 2


def parts_of(sizes: np.ndarray, n_items: int, tile_entries: int) -> List[Part]:
    """Cut the pairs of users into parts of about equal cost.

    The parts depend on the data only, and their number is bounded, for each of them returns a
    dense matrix.

    Parameters
    ----------
    sizes : (n_users,) int
        Items of each user, ascending.
    """
    n_users = len(sizes)
    cost_per_pair = sizes.astype(np.float64) * (sizes + OVERHEAD_ITEMS)
    total = float(cost_per_pair @ np.arange(n_users - 1, -1, -1))
    target = max(total / FEWEST_PARTS, LEAST_WORK * n_items**2)
    target = max(total / MOST_PARTS, min(target, AMPLE_WORK * n_items**2))
    width = max(1, tile_entries // n_items)
    parts = []
    for first in range(0, n_users, width):
        last = min(first + width, n_users)
        users = np.arange(last)
        cost = np.cumsum(cost_per_pair[:last] * (last - np.maximum(first, users + 1)))
        number = int(np.ceil(cost[-1] / target))
        bounds = np.searchsorted(cost, cost[-1] * np.arange(1, number) / number)
        edges = np.unique([0, *(bounds + 1), last])
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist()):
            parts.append(Part((start, end), (max(first, start), last)))
    return parts


def upper_sum(terms: Terms, part: Part) -> np.ndarray:
    """Sum the blocks of the part's users.

    Parameters
    ----------
    terms : Terms
        Ordered such that a user's partners are the later ones.
    part : Part

    Returns
    -------
    (n_items, n_items) int64
        Units above the diagonal, zeros on and below it.
    """
    consumed = terms.consumed
    n_items = consumed.shape[1]
    total = torch.zeros(n_items * n_items, dtype=torch.int64)
    chunks = _dense_chunks(consumed, part.partners)
    for user in range(*part.users):
        items = consumed.indices[consumed.indptr[user] : consumed.indptr[user + 1]]
        starts = range(0, len(items), BLOCK_ROWS)
        blocks = [
            torch.zeros(
                min(BLOCK_ROWS, len(items) - start), len(items) - start, dtype=torch.float64
            )
            for start in starts
        ]
        for scaled, common in _factors(terms, user, items, chunks, part.partners):
            for start, block in zip(starts, blocks):
                block.addmm_(scaled[start : start + BLOCK_ROWS], common[start:].T)
        columns = items.astype(np.int64)
        for start, block in zip(starts, blocks):
            place = columns[start : start + BLOCK_ROWS, None] * n_items + columns[start:]
            units = block.triu_(1).to(torch.int64)
            total.scatter_add_(0, torch.from_numpy(place).view(-1), units.view(-1))
    return total.view(n_items, n_items).numpy()


def _in_order(terms: Terms) -> Tuple[Terms, np.ndarray]:
    """Put the users with the fewest items first, and the items with the most users.

    Each pair of users is then computed by its smaller one, so that the blocks stay small; and the
    entries of the sum that are touched most lie close together. Also return the new position of
    each item.
    """
    consumed = terms.consumed
    users = np.argsort(np.diff(consumed.indptr), kind="stable")
    popularity = np.bincount(consumed.indices, minlength=consumed.shape[1])
    items = np.argsort(-popularity, kind="stable")
    ordered = consumed[users][:, items]
    ordered.sort_indices()
    return terms._replace(consumed=ordered, weight=terms.weight[users]), np.argsort(items)


def _dense_chunks(consumed: sp.csr_matrix, users: Tuple[int, int]) -> np.ndarray:
    """Return the users' rows as (n_chunks, n_items, CHUNK_USERS) uint8, zeros at the end."""
    rows = consumed[slice(*users)]
    user = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    n_chunks = -(-rows.shape[0] // CHUNK_USERS)
    dense = np.zeros((n_chunks, rows.shape[1], CHUNK_USERS), dtype=np.uint8)
    dense[user // CHUNK_USERS, rows.indices, user % CHUNK_USERS] = 1
    return dense


def _factors(
    terms: Terms, user: int, items: np.ndarray, chunks: np.ndarray, partners: Tuple[int, int]
) -> Iterator[Tuple[torch.Tensor, torch.Tensor]]:
    """Yield A diag(g) and A of the equation above, (len(items), partners of a chunk) float64."""
    first, last = partners
    start = max(first, user + 1)
    for number in range((start - first) // CHUNK_USERS, len(chunks)):
        origin = first + number * CHUNK_USERS
        end = min(origin + CHUNK_USERS, last)
        rows = chunks[number].take(items, axis=0, mode="clip")
        common = rows[:, max(0, start - origin) : end - origin].astype(np.float64)
        overlap = np.maximum(common.sum(axis=0), 1)
        swings = terms.weigh(terms.weight[user], terms.weight[max(start, origin) : end], overlap)
        yield torch.from_numpy(common * swings), torch.from_numpy(common)


def _sparse_rows(rows: np.ndarray, top_k: Optional[int]) -> sp.csr_matrix:
    """Return the entries > 0 of dense rows, at most `top_k` of each row."""
    n_columns = rows.shape[1]
    known = rows > 0
    if top_k is not None and top_k < n_columns:
        last_kept = np.partition(rows, n_columns - top_k, axis=1)[:, n_columns - top_k]
        known &= rows >= last_kept[:, None]
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(known, axis=1))])
    indices = np.broadcast_to(np.arange(n_columns, dtype=np.int32), rows.shape)[known]
    sparse = sp.csr_matrix((rows[known], indices, indptr), shape=rows.shape)
    return sparse if top_k is None else keep_largest(sparse, top_k)

"""Exact Swing similarity of items, and the item graph made of it.

Two users who share item i and item j form a *swing* over the pair. Swings of users with little
else in common weigh more, because their agreement on i and j is less of a coincidence of taste
[1]_; the user weights w_u = 1/√|I_u| keep very active users from dominating:

    s(i, j) = Σ_{u<v ∈ U_i ∩ U_j} w_u w_v / (α + |I_u ∩ I_v|)

.. [1] Yang et al., "Large Scale Product Graph Construction for Recommendation in E-commerce",
   arXiv:2010.05525.
"""

import math
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np
import scipy.sparse as sp
import torch
from tqdm import tqdm

try:
    import dgl
except (ImportError, OSError) as error:  # OSError: dgl 2 lacks a binary for today's torch
    raise ImportError(
        "the item graph needs DGL, which cannot be imported here: "
        "run `pip install dgl==1.1.3 packaging`"
    ) from error

TILE_ENTRIES = 2**24


def swing(
    interactions: sp.csr_matrix,
    alpha: float = 1.0,
    max_users_per_item: Optional[int] = None,
    max_items_per_user: Optional[int] = None,
    seed: int = 0,
    show_progress: bool = False,
    tile_entries: int = TILE_ENTRIES,
) -> sp.csr_matrix:
    """Swing similarity of every pair of items, exact unless a cap is given.

    Parameters
    ----------
    interactions : scipy.sparse.csr_matrix
        Shape (n_users, n_items). Any stored non-zero means "consumed"; its value does not count,
        nor does a repetition.
    alpha : float
        α >= 0 of the equation above.
    max_users_per_item, max_items_per_user : int, optional
        Caps >= 1. Rows (users first, then items) above their cap keep a uniform sample of that
        size, and the result is the exact Swing of the *sampled* matrix: an approximation of the
        similarity of all interactions. None, the default, samples nothing.
    seed : int
        Seeds the two samples; unused without caps.
    show_progress : bool
        Show a bar over the users.
    tile_entries : int
        Memory budget, in matrix entries, for each of the working sets: the overlaps of a tile of
        users, the block of similarities that one user adds to, and the dense sum (used where
        n_items² fits the budget, else a sparse one). It changes speed and memory, never the
        result. What cannot be tiled stays below a small multiple of the number of interactions.

    Returns
    -------
    scipy.sparse.csr_matrix
        Shape (n_items, n_items), float32, exactly symmetric, zero diagonal, only entries > 0.

    Raises
    ------
    ValueError
        On a negative or infinite alpha, a cap or budget below 1, or a matrix without interactions.
    """
    if not 0 <= alpha < math.inf:
        raise ValueError(f"alpha must be a finite number >= 0, not {alpha}")
    for name, bound in (
        ("max_users_per_item", max_users_per_item),
        ("max_items_per_user", max_items_per_user),
        ("tile_entries", tile_entries),
    ):
        if bound is not None and bound < 1:
            raise ValueError(f"{name} must be at least 1, not {bound}")
    consumed = _binary(interactions)
    if consumed.nnz == 0:
        raise ValueError(
            f"interactions of shape {consumed.shape} holds no interaction, so no two items "
            "can be compared: give the training rows"
        )
    if max_items_per_user is not None:
        consumed = _sample_rows(consumed, max_items_per_user, np.random.default_rng([seed, 0]))
    if max_users_per_item is not None:
        by_item = consumed.T.tocsr()
        by_item = _sample_rows(by_item, max_users_per_item, np.random.default_rng([seed, 1]))
        consumed = by_item.T.tocsr()
    return _swing_of_binary(consumed, alpha, tile_entries, show_progress)


def item_graph(similarity: sp.csr_matrix, top_k: int) -> "dgl.DGLGraph":
    """Directed graph with an edge j -> i for each of the `top_k` items j most similar to i.

    Parameters
    ----------
    similarity : scipy.sparse.csr_matrix
        Shape (n_items, n_items), finite and >= 0; row i holds the similarities of item i. Its
        diagonal is ignored. Row and column 0 are RecBole's padding and must be empty.
    top_k : int
        In-edges kept per item, at least 1. Among equal similarities DGL decides.

    Returns
    -------
    dgl.DGLGraph
        n_items nodes, int64 ids, ``edata["similarity"]`` float32 > 0; no self-loops, node 0
        without edges. CSR and CSC are built already, so that forked workers share them.

    Raises
    ------
    ValueError
        If the matrix is not square, touches the padding item 0, or holds a negative or
        non-finite value; if `top_k` is below 1.
    """
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    entries = sp.coo_matrix(similarity)
    n_items = entries.shape[0]
    if entries.shape[1] != n_items:
        raise ValueError(f"similarity must be square (n_items, n_items), not {entries.shape}")
    entries.sum_duplicates()
    weight = entries.data.astype(np.float32)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError("similarity must be finite and not negative in every entry")
    kept = (weight > 0) & (entries.row != entries.col)
    row, col = entries.row[kept].astype(np.int64), entries.col[kept].astype(np.int64)
    if ((row == 0) | (col == 0)).any():
        raise ValueError(
            "similarity has entries in row or column 0, which is RecBole's padding item: "
            "leave padding out of the interactions"
        )
    full = dgl.graph((torch.from_numpy(col), torch.from_numpy(row)), num_nodes=n_items)
    full.edata["similarity"] = torch.from_numpy(weight[kept])
    pruned = dgl.sampling.select_topk(full, top_k, "similarity")
    # A fresh graph, because `pruned` carries the edge ids of `full` along.
    graph = dgl.graph(pruned.edges(), num_nodes=n_items)
    graph.edata["similarity"] = pruned.edata["similarity"]
    graph.create_formats_()
    return graph


def _binary(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Copy with a one for every position that holds any non-zero, column indices sorted."""
    copy = sp.csr_matrix(matrix, copy=True)
    # Before the duplicates are summed: +1 and -1 at one position are two events, not none.
    copy.data = (copy.data != 0).astype(np.float32)
    copy.sum_duplicates()
    copy.eliminate_zeros()
    copy.data[:] = 1
    return copy


def _sample_rows(matrix: sp.csr_matrix, cap: int, rng: np.random.Generator) -> sp.csr_matrix:
    """Keep a uniform sample of `cap` entries in every row that holds more."""
    sizes = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    shuffled = np.lexsort((rng.random(matrix.nnz), rows))  # at random inside each row
    rank = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], sizes)
    kept = np.sort(shuffled[rank < cap])
    entries = (matrix.data[kept], (rows[kept], matrix.indices[kept]))
    return sp.csr_matrix(entries, shape=matrix.shape)


def _swing_of_binary(
    consumed: sp.csr_matrix, alpha: float, tile_entries: int, show_progress: bool
) -> sp.csr_matrix:
    """One GEMM per user u: Σ_v of outer products of the common items, over the partners v > u."""
    sizes = np.diff(consumed.indptr)
    # Smallest users first. Each pair is handled by its smaller user, so all the blocks stay
    # small, and partners × items of u never exceeds the number of interactions.
    order = np.argsort(sizes, kind="stable")
    consumed = consumed[order[sizes[order] >= 2]]  # one item makes no pair of items
    consumed.sort_indices()
    by_item = consumed.T.tocsr()
    by_item.sort_indices()

    n_users, n_items = consumed.shape
    user_weight = 1 / np.sqrt(np.diff(consumed.indptr))  # (n_users,)
    total = _SymmetricSum(n_items, tile_entries)
    place = np.full(n_users, -1, dtype=np.int64)  # partner -> row of its block, else -1
    tail, end = by_item.indptr[:-1].copy(), by_item.indptr[1:]

    pairs = _partners(consumed, by_item, tile_entries)
    for user, partners, n_common in tqdm(
        pairs, desc="swing", total=n_users, unit="user", disable=not show_progress
    ):
        items = consumed.indices[consumed.indptr[user] : consumed.indptr[user + 1]]
        tail[items] += 1  # users come in order: what is left of these columns is v > u
        if len(partners) == 0:
            continue
        swings = user_weight[user] * user_weight[partners] / (alpha + n_common)
        root = np.sqrt(swings).astype(np.float32)

        positions, columns = _spans(tail[items], end[items])
        place[partners] = np.arange(len(partners))
        rows = place[by_item.indices[positions]]
        place[partners] = -1
        known = np.flatnonzero(rows >= 0)

        # √W on both sides: numpy sees Aᵀ A and calls SYRK, half the work of GEMM.
        common = np.zeros((len(partners), len(items)), dtype=np.float32)
        common[rows[known], columns[known]] = root[rows[known]]
        total.add(items, common)
    return total.result()


def _partners(
    consumed: sp.csr_matrix, by_item: sp.csr_matrix, tile_entries: int
) -> Iterator[Tuple[int, np.ndarray, np.ndarray]]:
    """Yield, for each user, the later users with two or more common items, and how many."""
    n_users = consumed.shape[0]
    overlaps = np.cumsum(consumed @ np.diff(by_item.indptr).astype(np.int64))
    start = 0
    while start < n_users:
        before = overlaps[start - 1] if start else 0
        stop = int(np.searchsorted(overlaps, before + tile_entries, side="right"))
        stop = max(stop, start + 1)
        tile = consumed[start:stop] @ by_item  # (users of the tile, n_users)
        for user in range(start, stop):
            span = slice(tile.indptr[user - start], tile.indptr[user - start + 1])
            partners, n_common = tile.indices[span], tile.data[span]
            kept = np.flatnonzero((partners > user) & (n_common > 1))
            yield user, partners[kept], n_common[kept]
        start = stop


def _spans(start: np.ndarray, end: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Concatenate range(start[k], end[k]) over k, and say which k each number came from."""
    lengths = end - start
    offsets = start - np.cumsum(lengths) + lengths
    which = np.repeat(np.arange(len(start)), lengths)
    return offsets[which] + np.arange(len(which)), which


class _SymmetricSum:
    """Running sum of AᵀA blocks, in float64; dense where that fits the budget, else sparse."""

    def __init__(self, n_items: int, budget: int) -> None:
        self.n_items, self.budget = n_items, budget
        is_dense = n_items**2 <= budget
        self.dense: Any = np.zeros((n_items, n_items)) if is_dense else None
        self.sparse = sp.csr_matrix((n_items, n_items), dtype=np.float64)
        self.waiting: List[Tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.n_waiting = 0

    def add(self, items: np.ndarray, factor: np.ndarray) -> None:
        """Add factorᵀ factor, factor being (any, len(items)), to the rows and columns `items`."""
        step = max(1, self.budget // len(items))
        for start in range(0, len(items), step):
            block = factor[:, start : start + step].T @ factor
            rows = items[start : start + step]
            if self.dense is not None:
                self.dense[rows[:, None], items] += block
                continue
            # `items` ascend, so the upper triangle of the block is that of the sum.
            above = np.triu(block, k=start + 1)
            i, j = np.nonzero(above)
            self.waiting.append((rows[i], items[j], above[i, j]))
            self.n_waiting += len(i)
            # A sum costs its whole length, so it waits until there is as much to add.
            if self.n_waiting > max(self.budget, self.sparse.nnz):
                self._fold()

    def result(self) -> sp.csr_matrix:
        """Both triangles, float32, without the diagonal."""
        self._fold()
        above = self.sparse if self.dense is None else sp.csr_matrix(np.triu(self.dense, k=1))
        above = above.astype(np.float32)
        return (above + above.T).tocsr()

    def _fold(self) -> None:
        if self.waiting:
            rows, columns, values = (np.concatenate(part) for part in zip(*self.waiting))
            entries = (values.astype(np.float64), (rows, columns))
            self.sparse = self.sparse + sp.csr_matrix(entries, shape=self.sparse.shape)
        self.waiting, self.n_waiting = [], 0

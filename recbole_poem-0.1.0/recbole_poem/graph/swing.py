"""Exact Swing similarity of items, and the item graph made of it.

Two users who share item i and item j form a *swing* over the pair. Swings of users with little
else in common weigh more, because their agreement on i and j is less of a coincidence of taste
[1]_; the user weights w_u = 1/√|I_u| keep very active users from dominating:

    s(i, j) = Σ_{u<v ∈ U_i ∩ U_j} w_u w_v / (α + |I_u ∩ I_v|)

.. [1] Yang et al., "Large Scale Product Graph Construction for Recommendation in E-commerce",
   arXiv:2010.05525.
"""

import math
from typing import Any, Callable, Iterable, Optional, Sequence

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

from recbole_poem.graph.swing_by_item import swing_by_item
from recbole_poem.graph.swing_by_user import swing_by_user
from recbole_poem.graph.swing_terms import Map, terms_of

TILE_ENTRIES = 2**26


def swing(
    interactions: sp.csr_matrix,
    alpha: float = 1.0,
    max_users_per_item: Optional[int] = None,
    max_items_per_user: Optional[int] = None,
    seed: int = 0,
    top_k: Optional[int] = None,
    show_progress: bool = False,
    tile_entries: int = TILE_ENTRIES,
    parallel_map: Map = map,
) -> sp.csr_matrix:
    """Swing similarity of every pair of items, exact unless a cap is given.

    Every sum is exact (see `recbole_poem.graph.swing_terms`), so that neither `tile_entries` nor
    `parallel_map` can change a bit of the result. Catalogues whose dense matrix fits the budget
    are summed user by user, larger ones item by item. The code is compiled when it is first
    called, which takes seconds, and kept for later processes.

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
    top_k : int, optional
        Keep the `top_k` >= 1 largest similarities of each item, among equal ones those of lower
        item ids. None, the default, keeps all where n_items² fits the budget.
    show_progress : bool
        Show a bar over the parts of the work.
    tile_entries : int
        Memory budget, in matrix entries, of the dense sum (used where n_items² fits) and of the
        rows that a part returns. It changes speed and memory, never the result. What cannot be
        tiled stays below a small multiple of the number of interactions plus n_items · `top_k`.
    parallel_map : Map
        Computes the parts of the work, like the builtin `map`: over threads, processes or
        machines. A part returns at most max(`tile_entries`, `top_k`) entries.

    Returns
    -------
    scipy.sparse.csr_matrix
        Shape (n_items, n_items), float32, zero diagonal, only entries > 0, column indices
        ascending; without `top_k` exactly symmetric.

    Raises
    ------
    ValueError
        On a negative or infinite alpha, a cap, `top_k` or budget below 1, a matrix without
        interactions, or a catalogue that needs `top_k`.
    """
    if not 0 <= alpha < math.inf:
        raise ValueError(f"alpha must be a finite number >= 0, not {alpha}")
    for name, bound in (
        ("max_users_per_item", max_users_per_item),
        ("max_items_per_user", max_items_per_user),
        ("top_k", top_k),
        ("tile_entries", tile_entries),
    ):
        if bound is not None and bound < 1:
            raise ValueError(f"{name} must be at least 1, not {bound}")
    consumed = _binary(interactions)
    n_items = consumed.shape[1]
    if consumed.nnz == 0:
        raise ValueError(
            f"interactions of shape {consumed.shape} holds no interaction, so no two items "
            "can be compared: give the training rows"
        )
    if top_k is None and n_items**2 > tile_entries:
        raise ValueError(
            f"the similarities of all pairs of {n_items} items exceed tile_entries "
            f"({tile_entries}): give top_k, the similar items to keep of each item"
        )
    if max_items_per_user is not None:
        consumed = _sample_rows(consumed, max_items_per_user, np.random.default_rng([seed, 0]))
    if max_users_per_item is not None:
        by_item = consumed.T.tocsr()
        by_item = _sample_rows(by_item, max_users_per_item, np.random.default_rng([seed, 1]))
        consumed = by_item.T.tocsr()

    def run(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
        results = parallel_map(function, tasks)
        hidden = not show_progress
        return tqdm(results, "swing", len(tasks), leave=False, unit="part", disable=hidden)

    terms, items = terms_of(consumed, alpha)
    if len(items) == 0:
        return sp.csr_matrix((n_items, n_items), dtype=np.float32)
    order = np.argsort(items)
    largest = n_items if top_k is None else top_k
    way = swing_by_user if len(items) ** 2 <= tile_entries else swing_by_item
    return _widened(way(terms, order, largest, tile_entries, run), items[order], n_items)


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


def _widened(similarity: sp.csr_matrix, items: np.ndarray, n_items: int) -> sp.csr_matrix:
    """Give rows and columns of the `items`, ascending, their places among all `n_items`."""
    sizes = np.zeros(n_items, dtype=np.int64)
    sizes[items] = np.diff(similarity.indptr)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    indices = items[similarity.indices]
    return sp.csr_matrix((similarity.data, indices, indptr), shape=(n_items, n_items))

"""The largest similarities of an item, by one number for each that orders them.

The bits of a positive float32, read as a number, have its order. A *key* holds them above the
column's, turned round: the larger of two keys is the larger similarity, and among equal ones that
of the lower column. No two columns of a row have the same key.
"""

import numpy as np
import scipy.sparse as sp

from recbole_poem.graph.compiled import ONE, compiled

LOW = np.uint64(32)
LAST = np.uint64(2**32 - 1)


@compiled
def keep_largest(
    values: np.ndarray, columns: np.ndarray, n_entries: np.uint64, kept: np.ndarray
) -> np.uint64:
    """Write the keys of the largest values > 0 of a row, as many as there is room for.

    Parameters
    ----------
    values : (n,) float32
        At least 0; only the first `n_entries` count.
    columns : (n,) uint32
        Their columns, in any order.
    kept : (top_k,) uint64
        Filled from its start, in no order.

    Returns
    -------
    uint64
        How many were written.
    """
    bits = values.view(np.uint32)
    top_k = np.uint64(len(kept))
    n_kept = np.uint64(0)
    for entry in range(n_entries):
        if bits[entry] > 0:
            key = (np.uint64(bits[entry]) << LOW) | (LAST - columns[entry])
            if n_kept < top_k:
                kept[n_kept] = key
                n_kept += ONE
                if n_kept == top_k:
                    for parent in range(top_k):
                        _sift_down(kept, top_k - ONE - parent)
            elif key > kept[0]:
                kept[0] = key
                _sift_down(kept, np.uint64(0))
    return n_kept


@compiled
def _sift_down(heap: np.ndarray, parent: np.uint64) -> None:
    """Restore the order of a binary heap, smallest first, whose `parent` may be too large."""
    key = heap[parent]
    child = parent + parent + ONE
    while child < len(heap):
        if child + ONE < len(heap) and heap[child + ONE] < heap[child]:
            child += ONE
        if key <= heap[child]:
            break
        heap[parent] = heap[child]
        parent, child = child, child + child + ONE
    heap[parent] = key


def rows_from_keys(keys: np.ndarray, sizes: np.ndarray, n_columns: int) -> sp.csr_matrix:
    """Return the rows that were kept as a matrix.

    Parameters
    ----------
    keys : (n_entries,) uint64
        One row after the other.
    sizes : (n_rows,) int64

    Returns
    -------
    (n_rows, n_columns) csr of float32
        Column indices ascending.
    """
    values = (keys >> LOW).astype(np.uint32).view(np.float32)
    columns = (LAST - (keys & LAST)).astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    rows = sp.csr_matrix((values, columns, indptr), shape=(len(sizes), n_columns))
    rows.sort_indices()
    return rows

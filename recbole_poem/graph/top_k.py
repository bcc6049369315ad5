"""The largest entries of each row of a sparse matrix."""

import numpy as np
import scipy.sparse as sp


def keep_largest(matrix: sp.csr_matrix, top_k: int) -> sp.csr_matrix:
    """Keep the `top_k` largest entries of each row; among equal ones the lower columns win.

    Parameters
    ----------
    matrix : csr of float32
        Entries > 0, column indices ascending.
    top_k : int
        At least 1.

    Returns
    -------
    csr of float32
        Column indices ascending.
    """
    sizes = np.diff(matrix.indptr)
    if sizes.max(initial=0) <= top_k:
        return matrix
    row = np.repeat(np.arange(matrix.shape[0]), sizes)
    # The bits of a positive float32, read as a number, have its order: one key sorts rows, then
    # values, largest first; the stable sort leaves equal ones in the order of their columns.
    order = np.argsort(((row + 1) << 32) - matrix.data.view(np.int32), kind="stable")
    rank = np.arange(len(order)) - matrix.indptr[row]  # sorting kept the rows where they were
    kept = np.sort(order[rank < top_k])
    indptr = np.concatenate([[0], np.cumsum(np.minimum(sizes, top_k))])
    return sp.csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)

"""From counts of pairs to similarities of items: a normalisation, or a regression.

The cosine of implicit feedback is Sarwar et al. (WWW 2001); the shrinkage is Koren's (KDD 2008);
the regression is EASE (Steck, WWW 2019).
"""

import numpy as np
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

from recbole_poem.core.errors import InputError
from recbole_poem.retrieval.counts import Counts

#: the largest catalogue whose dense inverse is made: two matrices of 3.2 GB at a time
_DENSE_ITEMS = 20_000


def normalise(counts: Counts, top_k: int, shrinkage: float) -> sparse.csr_matrix:
    """Turn counts into similarities and keep the `top_k` largest of each row.

    Returns
    -------
    (t, n_items) float32, 0 for an item and itself.
    """
    pairs = counts.pairs.tocoo()
    # a difference of counts leaves entries of 0, or of a rounding error above it
    kept = (pairs.row + counts.begin != pairs.col) & (pairs.data > 1e-9)
    row, column = pairs.row[kept], pairs.col[kept]
    scale = np.sqrt(counts.source[row] * counts.target[column]) + shrinkage
    values = (pairs.data[kept] / scale).astype(np.float32)
    begin = np.r_[0, np.cumsum(np.bincount(row, minlength=len(counts.source)))]
    return keep_largest(sparse.csr_matrix((values, column, begin), pairs.shape), top_k)


def regression(counts: Counts, top_k: int, ridge: float) -> sparse.csr_matrix:
    """Weigh the items by how each predicts the others, all at once: EASE.

    With ``P = (X'X + ridge I)^-1`` for the users' items X, ``s(j, c) = -P(j, c) / P(c, c)`` is the
    weight of item j in the ridge regression of item c on all other items. Negative weights are left
    out, and the `top_k` largest of each row are kept.

    Parameters
    ----------
    counts : Counts
        Of co-consumption, of all items: ``pairs`` is X'X.
    top_k : int
    ridge : float
        In users; the more, the closer to plain counts.

    Returns
    -------
    (n_items, n_items) float32, zero diagonal.

    Raises
    ------
    InputError
        If the ridge is too small.
    """
    n_items = counts.pairs.shape[0]
    gram = counts.pairs.toarray(order="F")
    gram[np.diag_indices(n_items)] += ridge
    # one thread: its rounding must not depend on how many a machine has
    with threadpool_limits(1):
        factor, failed = linalg.lapack.dpotrf(gram, lower=True, overwrite_a=True)
        weights, _ = linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise InputError(f"objectives: ridge: {ridge} is too small for the rounding of an inverse")
    weights += np.tril(weights, -1).T
    weights /= -weights.diagonal().copy()
    np.fill_diagonal(weights, 0)
    # an inverse is dense: what is left of items that never met is a rounding error
    weights[weights < 1e-6] = 0
    return keep_largest(sparse.csr_matrix(weights.astype(np.float32)), top_k)


def check_dense(n_items: int) -> None:
    """Refuse a catalogue that is too large for a dense inverse.

    Raises
    ------
    InputError
    """
    if n_items > _DENSE_ITEMS:
        raise InputError(
            f"objectives: the similarity 'ease' inverts a matrix of items x items and takes "
            f"{_DENSE_ITEMS:,} items at most, not {n_items:,}; use 'cosine'"
        )


def keep_largest(matrix: sparse.csr_matrix, top_k: int) -> sparse.csr_matrix:
    """Keep the `top_k` largest entries of each row; ties go to the lower column.

    Parameters
    ----------
    matrix : float32
        Its entries are not negative.
    """
    matrix.sort_indices()
    is_long = np.diff(matrix.indptr) > top_k
    length = np.diff(matrix.indptr)[is_long]
    in_long = np.repeat(is_long, np.diff(matrix.indptr))
    # one sort for all rows: row by row, and there by the bits, which order as the values do
    bits = matrix.data[in_long].astype(np.float32, copy=False).view(np.int32)
    keys = (np.repeat(np.arange(len(length)), length) << 32) - bits
    ordered, begin = np.sort(keys), np.cumsum(length) - length
    last = ordered[begin + top_k - 1]  # of those kept in each row, if there are no ties
    room = begin + top_k - np.searchsorted(ordered, last)  # for entries as large as the last
    is_tied = keys == np.repeat(last, length)
    n_tied = np.cumsum(is_tied)
    number = n_tied - np.repeat(n_tied[begin] - is_tied[begin], length)  # from 1, in each row
    kept = np.ones(matrix.nnz, dtype=bool)
    kept[in_long] = np.where(
        is_tied, number <= np.repeat(room, length), keys < np.repeat(last, length)
    )
    n_kept = np.r_[0, np.cumsum(kept)][matrix.indptr]
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], n_kept), matrix.shape)

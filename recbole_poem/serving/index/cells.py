"""Items in cells of similar embeddings, and the search of a few cells by codes, with Faiss.

A code has one byte a number: each place of the embeddings is cut into 256 equal steps between its
lowest and highest value. It is a quarter of what a search of float32 rows would read, and an order
by codes is nearly the order by rows: who asks for somewhat more items than wanted, and scores them
by their rows, gets the best.

The cell that holds the highest products is not the one with the highest mean. Where a state u meets
n embeddings of mean c that vary by s in each direction, the products are spread about ``u . c`` by
``||u|| s``, and the highest of them is expected near ``u . c + ||u|| s √(2 ln n)`` (the maximum of
n normal variables). Cells are visited in this order.
"""

from typing import Any, Tuple

import numpy as np
import scipy.sparse as sp
from tqdm import tqdm

from recbole_poem.core.errors import InputError

_ROUNDS = 10  # of k-means
_SAMPLE = 64  # items per cell that k-means sees
_BLOCK = 1 << 14  # items


def library() -> Any:
    """Return ``faiss``.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise InputError(
            "approximate: the index needs the package 'faiss-cpu'; install the extra [index]"
        ) from error
    return faiss


def cut(items: np.ndarray, show_progress: bool) -> np.ndarray:
    """Put items into 2 √n cells by k-means on a sample of them.

    Parameters
    ----------
    items : (n, d) float32
        May be mapped from a file.
    show_progress : bool

    Returns
    -------
    (n,) int32
        The cell of each item; every cell up to the largest number has an item.
    """
    faiss = library()
    n, d = items.shape
    n_cells = min(n, round(2 * n**0.5))
    order = np.random.default_rng(0).permutation(n)
    sample = items[np.sort(order[: _SAMPLE * n_cells])]
    centroids = items[order[:n_cells]]
    one_round = faiss.Kmeans(d, n_cells, niter=1, min_points_per_centroid=1)
    one_round.cp.max_points_per_centroid = _SAMPLE
    hidden = not show_progress
    for _ in tqdm(range(_ROUNDS), desc="Index: cells", unit=" rounds", disable=hidden):
        one_round.train(sample, init_centroids=centroids)
        centroids = one_round.centroids
    nearest = faiss.IndexFlatL2(d)
    nearest.add(centroids)
    cell = np.empty(n, dtype=np.int64)
    with tqdm(total=n, desc="Index: items", unit=" items", disable=hidden) as bar:
        for begin in range(0, n, _BLOCK):
            block = items[begin : begin + _BLOCK]
            cell[begin : begin + _BLOCK] = nearest.search(block, 1)[1][:, 0]
            bar.update(len(block))
    return np.unique(cell, return_inverse=True)[1].astype(np.int32)


class Cells:
    """Finds the highest products among the items of a few cells, by their codes.

    Parameters
    ----------
    bounds : (n_cells, d + 1) float32
        Of each cell the mean c, and ``s √(2 ln n)``.
    lists : faiss.IndexIVFScalarQuantizer
        The codes and numbers of the items, cell by cell; in memory or mapped from a file.
    """

    def __init__(self, bounds: np.ndarray, lists: Any) -> None:
        self.bounds, self.lists = bounds, lists
        self._order = library().IndexFlatIP(bounds.shape[1])
        self._order.add(bounds)

    @classmethod
    def of(cls, items: np.ndarray, cell: np.ndarray) -> "Cells":
        """Code items (n, d) float32 into their cells (n,) int32, as `cut` returns them.

        A search visits one cell until `n_visited` is set.
        """
        faiss = library()
        n, d = items.shape
        bounds = _bounds(items, cell)
        eight_bits, inner = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        # the cells are known, nothing is asked of its quantizer; codes are of items, not of rests
        lists = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(d), d, len(bounds), eight_bits, inner, False
        )
        lists.sq.train(np.stack([items.min(axis=0), items.max(axis=0)]))
        lists.is_trained = True
        places = np.ascontiguousarray(cell, dtype=np.int64)
        lists.add_core(n, faiss.swig_ptr(items), None, faiss.swig_ptr(places))
        return cls(bounds, lists)

    def __len__(self) -> int:
        return len(self.bounds)

    @property
    def n_visited(self) -> int:
        """Number of cells that a search visits, from 1 to all."""
        number: int = self.lists.nprobe
        return number

    @n_visited.setter
    def n_visited(self, number: int) -> None:
        self.lists.nprobe = number

    def search(self, states: np.ndarray, m: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the m highest products of codes with each state (B, d) and their items.

        Returns
        -------
        products : (B, m) float32
            Highest first; within the error of a code.
        items : (B, m) int64
            -1 where the visited cells have fewer items.
        """
        length = np.linalg.norm(states, axis=1, keepdims=True)
        bound, cells = self._order.search(np.c_[states, length], self.n_visited)
        return self.lists.search_preassigned(states, m, cells, bound)


def _bounds(items: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return what says how high a product is expected in each cell; see `Cells`."""
    n, d = items.shape
    count = np.bincount(cell)
    members = sp.csr_matrix((np.ones(n, np.float32), (cell, np.arange(n))), (len(count), n))
    mean = (members @ items) / count[:, np.newaxis]
    squares = members @ np.einsum("nd,nd->n", items, items) / count
    variance = np.maximum(squares - np.einsum("cd,cd->c", mean, mean), 0) / d
    reach = np.sqrt(variance * 2 * np.log(count))
    return np.ascontiguousarray(np.c_[mean, reach], dtype=np.float32)

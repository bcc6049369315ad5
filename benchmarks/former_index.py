"""The index that one of codes replaced: float32 rows in Faiss' lists, built anew at each start.

Its file held the cell of each item, 4 bytes. The lists stood in memory beside the embeddings.
"""

from typing import Tuple

import numpy as np
import scipy.sparse as sp

from recbole_poem.serving.ascending import is_in
from recbole_poem.serving.index.cells import library
from recbole_poem.serving.index.item_index import RECALL


class FlatCells:
    """Finds the highest products among the items of a few cells, by their rows.

    Parameters
    ----------
    items : (n, d) float32
    cell : (n,) int32
    n_visited : int
        Cells that a search visits; may be set.
    """

    def __init__(self, items: np.ndarray, cell: np.ndarray, n_visited: int) -> None:
        faiss = library()
        n, d = items.shape
        count = np.bincount(cell)
        members = sp.csr_matrix((np.ones(n, np.float32), (cell, np.arange(n))), (len(count), n))
        mean = (members @ items) / count[:, np.newaxis]
        squares = members @ np.einsum("nd,nd->n", items, items) / count
        variance = np.maximum(squares - np.einsum("cd,cd->c", mean, mean), 0) / d
        reach = np.sqrt(variance * 2 * np.log(count))
        self._order = faiss.IndexFlatIP(d + 1)
        self._order.add(np.c_[mean, reach].astype(np.float32))
        self._lists = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(d), d, len(count), faiss.METRIC_INNER_PRODUCT
        )
        self._lists.is_trained = True
        places = np.ascontiguousarray(cell, dtype=np.int64)
        self._lists.add_core(n, faiss.swig_ptr(items), None, faiss.swig_ptr(places))
        self.n_visited = n_visited

    def __len__(self) -> int:
        return self._order.ntotal

    @property
    def n_visited(self) -> int:
        """Number of cells that a search visits, from 1 to all."""
        return self._lists.nprobe

    @n_visited.setter
    def n_visited(self, number: int) -> None:
        self._lists.nprobe = number

    def search(self, states: np.ndarray, m: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the m highest products with each state (B, d) and their items, best first."""
        length = np.linalg.norm(states, axis=1, keepdims=True)
        bound, cells = self._order.search(np.c_[states, length], self.n_visited)
        return self._lists.search_preassigned(states, m, cells, bound)

    def visit_enough(self, expected: np.ndarray, states: np.ndarray) -> None:
        """Visit as few cells as find the wanted share of the items `expected` (S, k)."""
        self.n_visited = 1
        while self._recall(expected, states) < RECALL and self.n_visited < len(self):
            self.n_visited = min(len(self), int(self.n_visited * 1.5) + 1)

    def _recall(self, expected: np.ndarray, states: np.ndarray) -> float:
        found = self.search(states, expected.shape[1])[1]
        return sum(len(np.intersect1d(*pair)) for pair in zip(expected, found)) / expected.size


class FlatIndex:
    """A `Shortlist` of the highest products in some of the cells."""

    def __init__(self, cells: FlatCells) -> None:
        self._cells = cells

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return m items, best first, and no limit of the others; the cells have to have them."""
        found = self._cells.search(state[np.newaxis], m + len(without))[1][0]
        return found[~is_in(found, without)][:m], -np.inf

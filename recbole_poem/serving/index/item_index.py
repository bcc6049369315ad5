"""An index over the catalogue: a shortlist from a few cells of items.

How many cells a search visits is measured, not set: as many as the wanted recall takes on states of
histories that the model was trained on. A catalogue without clusters needs many, which costs time
and not recall.
"""

import hashlib
from logging import getLogger
from math import ceil
from pathlib import Path
from typing import Callable, Tuple

import numpy as np
import torch

from recbole_poem.serving.ascending import is_in
from recbole_poem.serving.index import index_file
from recbole_poem.serving.index.cells import Cells, cut
from recbole_poem.serving.top_k import top_k

RECALL = 0.99  # of the best items, on the sample of states
BEST = 50  # items
MORE = 1.5  # times the wanted items are looked for by their codes
_AT_ONCE = 1 << 17  # items whose products with all states are held at once
_FACTOR = 1.5  # between two numbers of cells that are tried


class ItemIndex:
    """An approximate `Shortlist`: the items of the highest products in some of the cells.

    It finds by codes, and more items than are wanted: who asks scores them by their rows.

    Parameters
    ----------
    items : (n_items, d) float32
        May be mapped from a file.
    cells : Cells
        Of these items.
    """

    def __init__(self, items: np.ndarray, cells: Cells) -> None:
        self._items, self._cells = items, cells

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return m items or more; see `Shortlist.find`. There is no limit for the others: -inf.

        Where the visited cells have not so many items, the whole catalogue is searched.
        """
        found = self._cells.search(state[np.newaxis], looked_for(m + len(without)))[1][0]
        kept = found[(found >= 0) & ~is_in(found, without)]
        return kept if len(kept) >= m else self._of_all(state, m, without), -np.inf

    def _of_all(self, state: np.ndarray, m: int, without: np.ndarray) -> np.ndarray:
        """Return the m best items, or as many as there are, by a look at every row."""
        products = torch.from_numpy(self._items @ state)
        products[torch.from_numpy(without)] = -torch.inf
        m = min(m, len(products) - len(np.unique(without)))
        return products.topk(m).indices.numpy()


def open_index(
    path: Path, items: np.ndarray, states: Callable[[], np.ndarray], show_progress: bool
) -> ItemIndex:
    """Open the index of some items, or build it and keep it.

    A file that is damaged, or of other items, is never used but replaced.

    Parameters
    ----------
    path : Path
        The file; see `index_file`. It stays mapped.
    items : (n_items, d) float32
        May be mapped from a file.
    states : function
        Returns states as requests have them, (S, d) float32, for a build to measure the recall.
    show_progress : bool
        Of a build.
    """
    logger, key = getLogger(), _key(items)
    cells, why = index_file.read(path, key)
    if cells is not None:
        logger.info(f"index: read from [{path}]")
        return ItemIndex(items, cells)
    logger.info(f"index: building it for {len(items)} items ({why})")
    cells = Cells.of(items, cut(items, show_progress))
    recall = visit_enough(cells, items, states())
    logger.info(
        f"index: searches visit {cells.n_visited} of {len(cells)} cells; recall@{BEST} {recall:.4f}"
    )
    if recall < RECALL:
        logger.warning(
            f"index: codes of one byte are too coarse for these embeddings: {recall:.0%} of the "
            f"{BEST} best items are found, not {RECALL:.0%}; leave out --approximate"
        )
    try:
        index_file.write(path, key, cells)
    except OSError as error:
        logger.warning(f"index: it cannot be kept in {path}, the next start builds it: {error}")
        return ItemIndex(items, cells)
    return ItemIndex(items, index_file.read(path, key)[0] or cells)  # mapped, and not in memory


def looked_for(m: int) -> int:
    """Return the number of items to look for by codes, of which the m best by rows are wanted."""
    return ceil(MORE * m)


def visit_enough(cells: Cells, items: np.ndarray, states: np.ndarray) -> float:
    """Let `cells` visit as few cells as reach the wanted recall, and return the recall.

    Without states it is all of them.
    """
    if not len(states):
        cells.n_visited = len(cells)
        return 1.0
    expected = exact(items, states, min(BEST, len(items)))
    cells.n_visited = 1
    while (found := recall(cells, expected, states)) < RECALL and cells.n_visited < len(cells):
        cells.n_visited = min(len(cells), int(cells.n_visited * _FACTOR) + 1)
    return found


def exact(items: np.ndarray, states: np.ndarray, k: int) -> np.ndarray:
    """Return the items of the k highest products with each state, (S, k) int64.

    One pass over the items, of which some are read at once.
    """
    best = torch.zeros(len(states), 0)
    found = torch.zeros(len(states), 0, dtype=torch.long)
    for begin in range(0, len(items), _AT_ONCE):
        products, place = top_k(torch.from_numpy(states @ items[begin : begin + _AT_ONCE].T), k)
        best, found = torch.cat([best, products], 1), torch.cat([found, begin + place], 1)
        best, chosen = best.topk(min(k, best.shape[1]), dim=1)
        found = found.gather(1, chosen)
    return found.numpy()


def recall(cells: Cells, expected: np.ndarray, states: np.ndarray) -> float:
    """Return the share of the items `expected` (S, k) that a search finds.

    They are the best by their rows: what is found of them is on top once it is scored by its rows.
    """
    found = cells.search(states, looked_for(expected.shape[1]))[1]
    hits = [len(np.intersect1d(*pair)) for pair in zip(expected, found)]
    return sum(hits) / expected.size


def _key(items: np.ndarray) -> bytes:
    """Hash embeddings, and what the index makes of them."""
    digest = hashlib.blake2b(np.ascontiguousarray(items).data, digest_size=index_file.DIGEST)
    digest.update(str((items.shape, RECALL, BEST, MORE)).encode())
    return digest.digest()

"""An index over the catalogue: a shortlist from a few cells of items, and the file that keeps it.

How many cells a search visits is measured, not set: as many as the wanted recall takes on states of
histories that the model was trained on. A catalogue without clusters needs many, which costs time
and not recall.
"""

import hashlib
from logging import getLogger
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Tuple

import numpy as np
import torch

from recbole_poem.core.files import whole_file
from recbole_poem.serving.ascending import is_in
from recbole_poem.serving.index.cells import Cells, cut
from recbole_poem.serving.top_k import top_k

RECALL = 0.99  # of the best items, on the sample of states
BEST = 50  # items
_MAGIC = b"POEM index 1\n"
_DIGEST = 16  # bytes
_AT_ONCE = 16  # states whose products with the whole catalogue are held at once
_FACTOR = 1.5  # between two numbers of cells that are tried


class ItemIndex:
    """An approximate `Shortlist`: the items of the highest products in some of the cells.

    Parameters
    ----------
    items : (n_items, d) float32
    cells : Cells
        Of these items.
    """

    def __init__(self, items: np.ndarray, cells: Cells) -> None:
        self._items, self._cells = items, cells

    def find(self, state: np.ndarray, m: int, without: np.ndarray) -> Tuple[np.ndarray, float]:
        """Return m items; see `Shortlist.find`. There is no limit for the others: -inf.

        Where the visited cells have not so many items, the whole catalogue is searched.
        """
        found = self._cells.search(state[np.newaxis], m + len(without))[1][0]
        kept = found[(found >= 0) & ~is_in(found, without)]
        if len(kept) < m:
            kept = np.setdiff1d(np.arange(len(self._items)), without)
            kept = kept[np.argsort(-(self._items[kept] @ state), kind="stable")]
        return kept[:m], -np.inf


class _Content(NamedTuple):
    """What is kept of an index: the cell of each item, and how many cells are visited."""

    cell: np.ndarray
    n_visited: int


def open_index(
    path: Path, items: np.ndarray, states: Callable[[], np.ndarray], show_progress: bool
) -> ItemIndex:
    """Open the index of some items, or build it and keep it.

    A file that is damaged, or of other items, is never used but replaced.

    Parameters
    ----------
    path : Path
        The file, of 4 bytes an item.
    items : (n_items, d) float32
    states : function
        Returns states as requests have them, (S, d) float32, for a build to measure the recall.
    show_progress : bool
        Of a build.
    """
    logger, key = getLogger(), _key(items)
    content, why = _read(path, key, len(items))
    if content is not None:
        logger.info(f"index: read from [{path}]")
        return ItemIndex(items, Cells(items, *content))
    logger.info(f"index: building it for {len(items)} items ({why})")
    cell = cut(items, show_progress)
    cells = Cells(items, cell, 1)
    recall = visit_enough(cells, items, states())
    logger.info(
        f"index: searches visit {cells.n_visited} of {len(cells)} cells; recall@{BEST} {recall:.4f}"
    )
    try:
        _write(path, key, _Content(cell, cells.n_visited))
    except OSError as error:
        logger.warning(f"index: it cannot be kept in {path}, the next start builds it: {error}")
    return ItemIndex(items, cells)


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
    """Return the items of the k highest products with each state, (S, k) int64."""
    catalogue = torch.from_numpy(items)
    blocks = torch.from_numpy(states).split(_AT_ONCE)
    return torch.cat([top_k(block @ catalogue.T, k)[1] for block in blocks]).numpy()


def recall(cells: Cells, expected: np.ndarray, states: np.ndarray) -> float:
    """Return the share of the items `expected` (S, k) that a search finds."""
    found = cells.search(states, expected.shape[1])[1]
    hits = [len(np.intersect1d(*pair)) for pair in zip(expected, found)]
    return sum(hits) / expected.size


def _key(items: np.ndarray) -> bytes:
    """Hash embeddings."""
    digest = hashlib.blake2b(np.ascontiguousarray(items).data, digest_size=_DIGEST)
    digest.update(str((items.shape, RECALL, BEST)).encode())
    return digest.digest()


def _read(path: Path, key: bytes, n: int) -> Tuple[Optional[_Content], str]:
    """Return what a file keeps, or None and the reason why it will not do."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None, f"there is none in {path}"
    except OSError as error:
        return None, f"{path} cannot be read: {error.strerror or error}"
    begin = len(_MAGIC) + _DIGEST
    if content[: len(_MAGIC)] != _MAGIC or content[-_DIGEST:] != _checksum(content[:-_DIGEST]):
        return None, f"{path} is damaged or no index"
    if content[len(_MAGIC) : begin] != key:
        return None, f"{path} is the index of other items"
    numbers = np.frombuffer(content[begin:-_DIGEST], dtype="<i4")
    return _Content(numbers[1:], int(numbers[0])), ""


def _write(path: Path, key: bytes, index: _Content) -> None:
    numbers = np.append(index.n_visited, index.cell).astype("<i4")
    content = _MAGIC + key + numbers.tobytes()
    with whole_file(path) as file:
        file.write(content + _checksum(content))


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()

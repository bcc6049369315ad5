"""Large catalogues by the index: codes mapped from a file, the rows it replaced, and all items.

(a) The index alone, at several sizes, on the catalogues of `catalogues.py`: one like what POEM has
trained, where a checkpoint is named, a mixture of clusters, and normal numbers. The embeddings lie
in a file and are mapped, on all sides. The cells are cut once for both indices. ``codes`` is the
index of today: codes of one byte in a mapped file, what they find is scored by its rows. ``rows``
is the one before: float32 rows in lists. Each is built, and opened again, in a process of its own,
which watches its memory: bytes an item that no file holds. Each measures on half of the states how
many cells it has to visit; recall is that of the other half. A search is one state, its 50 best
items and their products, all sides in turn in one process.

(b) Requests to `Recommender`, by `index_requests.py`.

One thread.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Dict, List

import index_requests
import measure
import numpy as np
import torch
from catalogues import Catalogue, LikeTrained, Mixture, Normal, Trained, trained, write
from former_index import FlatCells, FlatIndex
from index_requests import Seconds, make_world, requests, taken  # noqa: F401 (called by their names)
from watch import Watch

from recbole_poem.serving.index import index_file
from recbole_poem.serving.index.cells import Cells, cut, library
from recbole_poem.serving.index.item_index import BEST, ItemIndex, exact, recall, visit_enough
from recbole_poem.serving.top_k import top_k

SIZES, QUICK_SIZES = (100_000, 1_000_000, 5_000_000), (20_000,)
MOST = 1_000_000  # items of the catalogues that are not like trained ones, and of the requests
STATES = 400
NOTHING = np.zeros(0, np.int64)
KEY = bytes(index_file.DIGEST)


def prepare(catalogue: str, n_items: int, folder: str) -> Dict[str, Any]:
    """Write a catalogue, the states that ask, and the cells that both indices take."""
    torch.set_num_threads(1)
    there = Path(folder)
    if catalogue == "like_trained":
        given = np.load(there.parent / "table.npz")
        drawn: Catalogue = LikeTrained(Trained(given["items"], given["states"]))
    else:
        drawn = Mixture() if catalogue == "mixture" else Normal()
    write(drawn, str(there / "rows.npy"), n_items)
    asked = drawn.states(np.random.default_rng(1), STATES)
    rows = np.load(there / "rows.npy", mmap_mode="r")
    with Watch() as watch:
        cell = cut(rows, show_progress=True)
    found = {"asked": asked, "cell": cell, "best": exact(rows, asked, BEST)}
    for name, array in found.items():
        np.save(there / f"{name}.npy", array)
    width = {"width": drawn.width} if isinstance(drawn, LikeTrained) else {}
    return {"cutting": per_item(watch, n_items), "cells": int(cell.max()) + 1, **width}


def codes(folder: str) -> Dict[str, Any]:
    """Build the index of today, but for the cells, and write it."""
    given = _Given(folder)
    with Watch() as watch:
        cells = Cells.of(given.rows, given.cell)
    with Watch() as measuring:
        visit_enough(cells, given.rows, given.asked[::2])
    with Watch() as writing:
        index_file.write(Path(folder, "index"), KEY, cells)
    steps = {"filling": watch, "measuring": measuring, "writing": writing}
    found = {name: per_item(step, len(given.rows)) for name, step in steps.items()}
    size = Path(folder, "index").stat().st_size
    return {**found, "cells_visited": cells.n_visited, "file_bytes_an_item": size / len(given.rows)}


def rows(folder: str) -> Dict[str, Any]:
    """Build the index before, but for the cells, which are all that it writes."""
    given = _Given(folder)
    with Watch() as watch:
        cells = FlatCells(given.rows, given.cell, 1)
    with Watch() as measuring:
        cells.visit_enough(given.best[::2], given.asked[::2])
    steps = {"filling": watch, "measuring": measuring}
    found = {name: per_item(step, len(given.rows)) for name, step in steps.items()}
    return {**found, "cells_visited": cells.n_visited, "file_bytes_an_item": 4.0}


def opened(side: str, folder: str, n_visited: int) -> Dict[str, Any]:
    """Open an index that was built, as a service does when it starts."""
    given = _Given(folder)
    with Watch() as watch:
        index = given.opened(side, n_visited)
    index.find(given.asked[0], BEST, NOTHING)
    return per_item(watch, len(given.rows))


def _of_all(items: torch.Tensor, state: torch.Tensor) -> Any:
    return top_k(state @ items.T, BEST)


def searches(folder: str, n_visited: Dict[str, int], rounds: int) -> Dict[str, Any]:
    """Search for each state of the other half, by all sides in turn."""
    given = _Given(folder)
    asked, best = given.asked[1::2], given.best[1::2]
    indices = {side: given.opened(side, number) for side, number in n_visited.items()}
    found: Dict[str, Any] = {}
    for side, index in indices.items():
        answers = [given.answer(index, state) for state in asked]
        recalls = [len(np.intersect1d(*pair)) / BEST for pair in zip(best, answers)]
        found[side] = {"recall@50": float(np.mean(recalls)), "worst_recall@50": min(recalls)}
    seconds: Dict[str, List[Seconds]] = {side: [] for side in ("all_items", *indices)}
    embedding = torch.from_numpy(given.rows)
    for turn in range(rounds):
        for side, index in indices.items():
            seconds[side] += [
                index_requests.both(partial(given.answer, index, state)) for state in asked
            ]
        few = torch.from_numpy(asked[20 * turn : 20 * turn + 20]).split(1)
        seconds["all_items"] += [
            index_requests.both(partial(_of_all, embedding, state)) for state in few
        ]
    for side, each in seconds.items():
        found[side] = {**found.get(side, {}), **index_requests.quantiles(each)}
    return found


class _Given:
    """What `prepare` left in a folder."""

    def __init__(self, folder: str) -> None:
        torch.set_num_threads(1)
        library()  # which is no part of an index
        self._folder = Path(folder)
        self.rows = np.load(self._folder / "rows.npy", mmap_mode="r+")
        self.asked, self.cell, self.best = (
            np.load(self._folder / f"{name}.npy") for name in ("asked", "cell", "best")
        )

    def opened(self, side: str, n_visited: int) -> Any:
        """Return an index that was built."""
        if side == "rows":
            return FlatIndex(FlatCells(self.rows, self.cell, n_visited))
        cells, why = index_file.read(self._folder / "index", KEY)
        if cells is None:
            raise RuntimeError(why)
        return ItemIndex(self.rows, cells)

    def answer(self, index: Any, state: np.ndarray) -> np.ndarray:
        """Return the best items of those that an index finds, by their rows."""
        found = index.find(state, BEST, NOTHING)[0]
        return found[np.argsort(-(self.rows[found] @ state), kind="stable")[:BEST]]


def per_item(watch: Watch, n_items: int) -> Dict[str, float]:
    """Return the seconds of a step, and its memory that no file holds, in bytes an item."""
    memory = {name: watch.found[name] / n_items for name in ("anonymous", "kept")}
    return {"seconds": watch.found["seconds"], "cpu_s": watch.found["cpu_s"], **memory}


def alone(catalogue: str, n_items: int, table: Path, rounds: int) -> Dict[str, Any]:
    """Measure both indices of one catalogue."""
    print(f"{catalogue}, {n_items:,} items:", flush=True)
    with tempfile.TemporaryDirectory(dir=table.parent) as folder:
        result: Dict[str, Any] = measure.call(
            "prepare", catalogue=catalogue, n_items=n_items, folder=folder
        )
        sides = {side: measure.call(side, folder=folder) for side in ("rows", "codes")}
        n_visited = {side: found["cells_visited"] for side, found in sides.items()}
        for side, found in sides.items():
            found["opening"] = measure.call(
                "opened", side=side, folder=folder, n_visited=n_visited[side]
            )
        found = measure.call("searches", folder=folder, n_visited=n_visited, rounds=rounds)
    return {**result, **{side: {**sides.get(side, {}), **found[side]} for side in found}}


def read_table(path: str, table: str) -> Dict[str, Any]:
    """Keep what a trained model has, and measure the index of its own items."""
    torch.set_num_threads(1)
    found = trained(path, STATES)
    np.savez(table, **found._asdict())
    cells = Cells.of(found.items, cut(found.items, show_progress=False))
    visit_enough(cells, found.items, found.states[::2])
    best = exact(found.items, found.states[1::2], BEST)
    return {
        "items": len(found.items),
        "cells": len(cells),
        "cells_visited": cells.n_visited,
        "recall@50": recall(cells, best, found.states[1::2]),
    }


def main() -> None:
    """Measure the catalogues, and requests."""
    arguments = measure.parser(__doc__)
    arguments.add_argument("checkpoint", nargs="?", help="of a POEM that was trained")
    options = arguments.parse_args()
    sizes, rounds = (QUICK_SIZES, 1) if options.quick else (SIZES, 3)
    result: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table.npz")
        names = ["mixture", "normal"]
        if options.checkpoint:
            result["trained"] = measure.call(
                "read_table", path=options.checkpoint, table=str(table)
            )
            names.insert(0, "like_trained")
        for name in names:
            for size in sizes if name == "like_trained" else [n for n in sizes if n <= MOST]:
                result[f"{name}, {size} items"] = alone(name, size, table, rounds)
    for size in (size for size in sizes if size <= MOST):
        few = 1 if size == MOST else rounds  # a start of the largest takes most of the time
        result[f"requests, {size} items"] = index_requests.measured(size, few)
    measure.record("serving_index", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())

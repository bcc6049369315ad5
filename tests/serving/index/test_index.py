"""The index of the items: what it finds, what it keeps, and what it never believes."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.index import index_file, item_index
from recbole_poem.serving.index.cells import Cells, cut, library
from recbole_poem.serving.index.item_index import (
    RECALL,
    ItemIndex,
    exact,
    looked_for,
    open_index,
    recall,
    visit_enough,
)

pytest.importorskip("faiss", reason="faiss-cpu is not installed (extra [index])")

NOTHING = np.zeros(0, np.int64)


def clustered(seed: int, n: int = 3000, d: int = 16, n_clusters: int = 30) -> np.ndarray:
    """Draw items about some centres, with norms as unequal as those of trained ones."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(n_clusters, d))
    items = centre[rng.integers(0, n_clusters, n)] + rng.normal(size=(n, d)) * 0.5
    return (items * rng.lognormal(0, 0.4, (n, 1))).astype(np.float32)


def near_items(items: np.ndarray, seed: int, number: int = 100) -> np.ndarray:
    """Draw states that are near the mean of an item and its likes."""
    rng = np.random.default_rng(seed)
    mean = items[rng.integers(0, len(items), number)]
    return (mean + 0.3 * rng.normal(size=mean.shape)).astype(np.float32)


def best(items: np.ndarray, state: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-(items @ state), kind="stable")[:k]


def test_every_item_is_in_a_cell_and_likes_are_together() -> None:
    centre = 10 * np.eye(4, dtype=np.float32)
    label = np.random.default_rng(0).integers(0, 4, 400)
    noise = np.random.default_rng(1).normal(size=(400, 4), scale=0.01).astype(np.float32)
    cell = cut(centre[label] + noise, show_progress=False)
    assert cell.shape == (400,)
    assert sorted(set(cell)) == list(range(cell.max() + 1))
    assert all(len(set(label[cell == number])) == 1 for number in set(cell))


def rescored(items: np.ndarray, found: np.ndarray, state: np.ndarray, k: int) -> np.ndarray:
    return found[best(items[found], state, k)]


def test_a_search_of_all_cells_misses_nothing_and_products_are_off_by_a_code_at_most() -> None:
    items = clustered(0)
    cells = Cells.of(items, cut(items, show_progress=False))
    cells.n_visited = len(cells)
    step = (items.max(axis=0) - items.min(axis=0)) / 255
    for state in near_items(items, 1, 10):
        products, found = cells.search(state[np.newaxis], looked_for(20))
        assert rescored(items, found[0], state, 20).tolist() == best(items, state, 20).tolist()
        off = np.abs(products[0] - items[found[0]] @ state)
        assert 0 < off.max() <= np.abs(state) @ step * 0.51


def test_as_many_items_as_are_wanted_would_be_too_few_by_codes() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(5000, 32)).astype(np.float32)
    items[0] *= 20  # one that makes the steps of the codes wide
    states = rng.normal(size=(50, 32)).astype(np.float32)
    cells = Cells.of(items, cut(items, show_progress=False))
    cells.n_visited = len(cells)
    expected = exact(items, states, 50)
    as_wanted = cells.search(states, 50)[1]
    hits = sum(len(np.intersect1d(*pair)) for pair in zip(expected, as_wanted))
    assert hits / expected.size < 0.98 < recall(cells, expected, states)


def test_the_exact_answer_is_that_of_one_product_in_however_many_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items = clustered(0)
    states = near_items(items, 1, 5)
    monkeypatch.setattr(item_index, "_AT_ONCE", 700)
    found = exact(items, states, 900)
    assert found.tolist() == [best(items, state, 900).tolist() for state in states]


def test_the_cells_are_visited_by_the_highest_product_that_is_expected_in_them() -> None:
    rng = np.random.default_rng(0)
    narrow = np.array([1.0, 0.0]) + rng.normal(size=(50, 2), scale=0.01)
    wide = np.array([0.8, 0.0]) + rng.normal(size=(50, 2), scale=1.0)
    items = np.concatenate([narrow, wide]).astype(np.float32)
    cells = Cells.of(items, np.repeat([0, 1], 50).astype(np.int32))
    state = np.array([[1.0, 0.0]], dtype=np.float32)
    assert cells.search(state, 1)[1][0, 0] == best(items, state[0], 1)[0] >= 50
    only = cells.search(state, 60)[1][0]
    assert (only[50:] == -1).all()  # the other cell is not looked at


def test_as_few_cells_are_visited_as_reach_the_recall_and_it_holds_for_other_states() -> None:
    items = clustered(0)
    cells = Cells.of(items, cut(items, show_progress=False))
    measured = visit_enough(cells, items, near_items(items, 1))
    assert measured >= RECALL
    assert 1 < cells.n_visited < len(cells) / 2
    others = near_items(items, 2)
    assert recall(cells, exact(items, others, 50), others) >= 0.98
    cells.n_visited //= 2
    assert recall(cells, exact(items, others, 50), others) < measured


def test_without_clusters_or_without_states_recall_is_not_what_is_given_up() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(2000, 32)).astype(np.float32)
    cells = Cells.of(items, cut(items, show_progress=False))
    states = rng.normal(size=(50, 32)).astype(np.float32)
    assert visit_enough(cells, items, states) >= RECALL
    cells.n_visited = 1
    assert visit_enough(cells, items, np.zeros((0, 32), np.float32)) == 1
    assert cells.n_visited == len(cells)


def test_what_is_left_out_is_not_found_and_the_list_is_as_long() -> None:
    items = clustered(0)
    cells = Cells.of(items, cut(items, show_progress=False))
    cells.n_visited = 20
    state = near_items(items, 1, 1)[0]
    plain, limit = ItemIndex(items, cells).find(state, 30, NOTHING)
    assert limit == -np.inf
    plain = rescored(items, plain, state, 30)
    found, _ = ItemIndex(items, cells).find(state, 20, np.sort(plain[:10]))
    assert rescored(items, found, state, 20).tolist() == plain[10:].tolist()


@pytest.mark.parametrize("m", [2900, 5000])
def test_a_list_that_the_cells_cannot_fill_comes_from_all_items(m: int) -> None:
    items = clustered(0)
    index = ItemIndex(items, Cells.of(items, cut(items, show_progress=False)))
    state, without = near_items(items, 1, 1)[0], np.repeat(np.arange(0, 60), 2)
    found, _ = index.find(state, m, without)
    order = best(items, state, 3000)
    assert found.tolist() == order[order >= 60][:m].tolist()


def test_rows_may_lie_in_a_file(tmp_path: Path) -> None:
    items = clustered(0)
    np.save(tmp_path / "rows.npy", items)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    one, other = (
        open_index(tmp_path / f"{name}.index", rows, lambda: near_items(items, 1), False)
        for name, rows in (("memory", items), ("file", mapped))
    )
    assert (tmp_path / "memory.index").read_bytes() == (tmp_path / "file.index").read_bytes()
    state = near_items(items, 2, 1)[0]
    for m in (10, 2500):
        ours, theirs = (index.find(state, m, NOTHING)[0] for index in (one, other))
        assert ours.tolist() == theirs.tolist()


def test_embeddings_that_one_byte_cannot_tell_apart_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    items = clustered(0, n=1000)
    items[0] *= 1000
    open_index(tmp_path / "an.index", items, lambda: near_items(items[1:], 1), False)
    assert "codes of one byte are too coarse for these embeddings" in caplog.text


class TestFile:
    """The file beside the checkpoint."""

    @pytest.fixture
    def items(self) -> np.ndarray:
        return clustered(0, n=400, d=8)

    def opened(self, path: Path, items: np.ndarray, may_build: bool = True) -> ItemIndex:
        def states() -> np.ndarray:
            assert may_build, "the index is built"
            return near_items(items, 1, 20)

        return open_index(path, items, states, show_progress=False)

    def test_an_index_is_built_once_and_found_again(
        self, items: np.ndarray, tmp_path: Path
    ) -> None:
        path = tmp_path / "a" / "model.pth.index"
        built, read = self.opened(path, items), self.opened(path, items, may_build=False)
        n_cells = len(built._cells)
        # codes and numbers; what is kept of a cell: a size, mean and reach; what is kept of all
        assert path.stat().st_size < (8 + 8) * 400 + (8 + 4 * 9) * n_cells + 500
        for state in near_items(items, 2, 20):
            ours, theirs = (index.find(state, 10, NOTHING)[0] for index in (built, read))
            assert ours.tolist() == theirs.tolist()

    def test_what_is_read_is_mapped_and_not_in_memory(
        self, items: np.ndarray, tmp_path: Path
    ) -> None:
        faiss = library()
        built = self.opened(tmp_path / "model.index", items)
        lists = faiss.downcast_InvertedLists(built._cells.lists.invlists)
        assert isinstance(lists, faiss.OnDiskInvertedLists)
        assert lists.read_only

    @pytest.mark.parametrize(
        "change",
        [
            lambda content: b"",
            lambda content: content[:-1],
            lambda content: content[-60:],
            lambda content: content[:200] + b"?" + content[201:],
            lambda content: content[:-40] + b"?" + content[-39:],
            lambda content: content[:-20] + b"?" + content[-19:],
            lambda content: b"PK" + content,
            lambda content: content + b"\n",
            lambda content: b"POEM index 1\n" + bytes(1000),
        ],
    )
    def test_a_damaged_file_is_replaced(
        self, items: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Any
    ) -> None:
        path = tmp_path / "model.index"
        self.opened(path, items)
        whole = path.read_bytes()
        path.write_bytes(change(whole))
        with caplog.at_level(logging.INFO):
            self.opened(path, items)
        assert "is damaged or no index" in caplog.text
        assert path.read_bytes() == whole

    def test_a_whole_file_that_this_library_cannot_read_is_replaced(
        self, items: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "model.index"
        self.opened(path, items)
        content = b"????" + path.read_bytes()[4:-16]
        path.write_bytes(content + hashlib.blake2b(content, digest_size=16).digest())
        with caplog.at_level(logging.INFO):
            self.opened(path, items)
            self.opened(path, items, may_build=False)
        assert "is of another version of Faiss" in caplog.text

    def test_who_has_mapped_a_file_goes_on_with_it(self, items: np.ndarray, tmp_path: Path) -> None:
        path, state = tmp_path / "model.index", near_items(items, 2, 1)[0]
        index = self.opened(path, items)
        before = index.find(state, 10, NOTHING)[0]
        self.opened(path, items[::-1].copy())
        assert index.find(state, 10, NOTHING)[0].tolist() == before.tolist()

    def test_a_disk_that_is_full_leaves_what_was_there(
        self,
        items: np.ndarray,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = tmp_path / "model.index"
        self.opened(path, items)
        whole = path.read_bytes()

        def full(self: Any, content: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(index_file._Summed, "write", full)
        index = self.opened(path, 2 * items)
        assert "it cannot be kept" in caplog.text
        assert len(index.find(items[5], 10, NOTHING)[0]) >= 10
        assert [file.name for file in tmp_path.iterdir()] == ["model.index"]
        assert path.read_bytes() == whole

    def test_the_index_of_other_items_is_replaced(
        self, items: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "model.index"
        self.opened(path, items)
        trained = items.copy()
        trained[7, 3] += 1
        with caplog.at_level(logging.INFO):
            self.opened(path, trained)
            self.opened(path, trained[:-1])
        assert caplog.text.count("is the index of other items") == 2

    def test_a_file_that_cannot_be_written_is_no_reason_to_fail(
        self, items: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "folder").write_text("a file")
        index = self.opened(tmp_path / "folder" / "model.index", items)
        assert "it cannot be kept" in caplog.text
        assert len(index.find(items[5], 10, NOTHING)[0]) >= 10


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(InputError, match=r"needs the package 'faiss-cpu'; install the extra \["):
        cut(clustered(0), show_progress=False)

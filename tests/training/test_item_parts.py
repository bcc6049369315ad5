"""Rows on disk: written by some processes, read by others."""

from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from toy_processes import on_processes

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import ITEM_TABLES
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.encoders.tables.sharded import Sharded
from recbole_poem.training import item_parts
from recbole_poem.training.item_parts import Parts

N_ITEMS = 23
TOKEN = "of this save"


def table(n_processes: int, n_items: int = N_ITEMS) -> Sharded:
    sizes = Sizes(4, 6, 1, 1, 8, 0.0, 0.0, seed=7)
    made: Sharded = ITEM_TABLES.choose("sharded", "item_table").make(n_items, sizes, n_processes)
    made.ready(0.9)
    return made


def written(rank: int, n_processes: int, path: str, kind: str) -> None:
    """Write rows that tell whose they are."""
    made = table(n_processes)
    numbers = made.ids.float().unsqueeze(1)
    made.rows += numbers
    assert made.adam is not None
    assert made.average is not None
    made.adam.mean += 2 * numbers
    made.adam.square += 3 * numbers
    made.average.average = 4 * numbers.expand(-1, 4).contiguous()
    made.average.since += made.ids.int()
    made.adam.n_steps, made.average.n_steps = 31, 29
    item_parts.write(path, Parts(kind, 5, n_processes, TOKEN), made)


def read(rank: int, n_processes: int, path: str, parts: Parts) -> Dict[str, Any]:
    made = table(n_processes)
    item_parts.take(path, parts, made)
    assert made.adam is not None
    assert made.average is not None
    return {
        "ids": made.ids, "rows": made.rows, "mean": made.adam.mean, "square": made.adam.square,
        "average": made.average.average, "since": made.average.since,
        "steps": (made.adam.n_steps, made.average.n_steps),
    }  # fmt: skip


@pytest.mark.parametrize("readers", [1, 2, 3])
def test_parts_of_four_processes_are_read_by_others(tmp_path: Path, readers: int) -> None:
    path = str(tmp_path / "a.pth")
    on_processes(4, written, path, "last")
    files = sorted(file.name for file in item_parts.folder_of(path).iterdir())
    assert files == [f"last-5-{rank}-of-4.pth" for rank in range(4)]
    parts = Parts("last", 5, 4, TOKEN)
    alone = readers == 1
    found = [read(0, 1, path, parts)] if alone else on_processes(readers, read, path, parts)
    for each in found:
        numbers = each["ids"].float().unsqueeze(1)
        for times, name in enumerate(("rows", "mean", "square", "average"), start=1):
            assert torch.equal(each[name], times * numbers.expand(-1, 4)), name
        assert torch.equal(each["since"], each["ids"].int())
        assert each["steps"] == (31, 29)
    assert sum(len(each["ids"]) for each in found) == N_ITEMS


def test_all_rows_are_gathered_in_the_order_of_ids(tmp_path: Path) -> None:
    path = str(tmp_path / "a.pth")
    on_processes(2, written, path, "best")
    rows = item_parts.gathered(path, Parts("best", 5, 2, TOKEN))
    assert torch.equal(rows, torch.arange(N_ITEMS).float().unsqueeze(1).expand(-1, 4))


def test_the_best_rows_bring_no_moments(tmp_path: Path) -> None:
    path, made = tmp_path / "a.pth", table(1)
    written(0, 1, str(path), "best")
    assert set(torch.load(Parts("best", 5, 1, TOKEN).file(path, 0))) == {"token", "rows"}
    item_parts.take(path, Parts("best", 5, 1, TOKEN), made)
    assert made.rows[7].tolist() == [7] * 4
    assert made.adam is not None
    assert not made.adam.mean.any()


def test_what_is_not_named_any_more_is_removed(tmp_path: Path) -> None:
    path, made = tmp_path / "a.pth", table(1)
    kept = [Parts("best", 3, 1, TOKEN), Parts("last", 5, 1, TOKEN)]
    for parts in (
        *kept,
        Parts("best", 1, 1, TOKEN),
        Parts("last", 4, 1, TOKEN),
        Parts("last", 5, 2, TOKEN),
    ):
        item_parts.write(path, parts, made)
    item_parts.tidy(path, kept)
    left = sorted(file.name for file in item_parts.folder_of(path).iterdir())
    assert left == ["best-3-0-of-1.pth", "last-5-0-of-1.pth"]
    state = {"item_table": item_parts.told(kept)}
    assert [item_parts.named(state, kind) for kind in ("best", "last")] == kept


def test_a_missing_part_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    written(0, 1, str(path), "best")
    with pytest.raises(InputError, match=r"its item rows are missing .*best-5-0-of-2.pth.; copy"):
        item_parts.take(path, Parts("best", 5, 2, TOKEN), table(1))


def test_a_part_of_other_items_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    written(0, 1, str(path), "best")
    with pytest.raises(InputError, match=r"has 23 rows, and of 20 items it should have 20; it is"):
        item_parts.take(path, Parts("best", 5, 1, TOKEN), table(1, n_items=20))


def test_a_part_of_another_save_is_refused(tmp_path: Path) -> None:
    """By whoever reads: one process of some, and who gathers."""
    path = tmp_path / "a.pth"
    written(0, 1, str(path), "last")
    parts = Parts("last", 5, 1, "of another save")
    words = rf"^{parts.file(path, 0)}: its item rows were not written with {path}, but by another"
    with pytest.raises(InputError, match=words):
        item_parts.take(path, parts, table(1))
    with pytest.raises(InputError, match=words):
        item_parts.gathered(path, parts)


def test_a_checkpoint_from_before_there_were_tokens_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    written(0, 1, str(path), "best")
    parts = item_parts.named({"item_table": {"best": [5, 1]}}, "best")
    with pytest.raises(InputError, match=f"^{path}: was written by another version of recbole_poe"):
        item_parts.take(path, parts, table(1))


def token_of(rank: int, n_processes: int) -> str:
    return item_parts.begun("best", 3, n_processes).token


def test_the_processes_of_a_save_have_one_token_and_no_two_saves_have() -> None:
    first, second = (set(on_processes(2, token_of)) for _ in range(2))
    assert len(first) == len(second) == 1
    assert first != second
    assert token_of(0, 1) != token_of(0, 1)


def test_a_changed_part_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    written(0, 1, str(path), "best")
    file = Parts("best", 5, 1, TOKEN).file(path, 0)
    content = bytearray(file.read_bytes())
    place = bytes(content).index(torch.arange(5.0, 6.0).expand(4).contiguous().numpy().tobytes())
    content[place] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(InputError, match="the checkpoint is cut short or damaged"):
        item_parts.take(path, Parts("best", 5, 1, TOKEN), table(1))

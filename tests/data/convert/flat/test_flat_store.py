"""A flat store, from the lines of a file to its arrays, and what is refused."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import random_log

from recbole_poem.cli.verbs import main
from recbole_poem.core.atomic import AtomicFile, Format
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.flat import write_flat
from recbole_poem.data.convert.flat.narrow_types import NarrowType
from recbole_poem.log.flat import FlatStore

FIELDS = ("user", "item", "time")
LINES = """user:token\titem:token\tplace:token\ttags:token_seq\trating:float\ttime:float
b\tx\thome\tp q\t4\t30
a\ty\t\t\t\t20

b\tx 1\thome\tp\t5\t20.5
b\ty\tfeed\tp\t3\t30
a\tx\tfeed\tp\t1\t10
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "shop" / "shop.inter"
    file.parent.mkdir()
    file.write_text(LINES)
    return file


def stored(path: Path) -> FlatStore:
    return FlatStore(path.parent / "shop.flat")


def test_rows_stand_by_user_and_time_and_ties_as_in_the_file(path: Path) -> None:
    summary = write_flat(path, Format(), FIELDS)
    store = stored(path)
    store.verify()
    assert store.tokens("user").tolist() == ["[PAD]", "b", "a"]  # as they come up
    assert store.tokens("item").tolist() == ["[PAD]", "x", "y", "x 1"]
    assert store.values("user").tolist() == [1, 1, 1, 2, 2]
    assert store.values("item").tolist() == [3, 1, 2, 1, 2]
    assert store.values("time").tolist() == [20.5, 30, 30, 10, 20]
    assert store.values("place").tolist() == [1, 1, 2, 2, 0]
    assert np.array_equal(store.values("rating"), [5, 4, 3, 1, np.nan], equal_nan=True)
    assert store.row.tolist() == [2, 0, 3, 4, 1]
    assert (store.first.tolist(), store.offsets.tolist()) == ([0, 0, 0, 3, 3], [0, 3, 5])
    kinds = [store.values(name).dtype for name in ("user", "item", "time", "place", "rating")]
    assert kinds == [np.int64, np.int64, np.float64, np.uint8, np.float32]
    assert [column.missing for column in store.header.columns] == [0, 0, 0, 1, 0]
    assert store.header.left_out == ["tags"] and "left out, as they hold sequences: tags" in summary
    assert "5 rows of 2 users and 3 items, 5 columns" in summary


def test_what_is_written_to_an_array_does_not_reach_the_disk(path: Path) -> None:
    write_flat(path, Format(), FIELDS)
    stored(path).values("item")[:] = 0
    stored(path).verify()


def test_the_bytes_do_not_depend_on_how_much_is_read_at_once(
    write_dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(write_dataset(random_log(0, n_users=50))["data_path"]) / "toy" / "toy.inter"
    fields = ("user_id", "item_id", "timestamp")
    found = []
    for characters, rows in ((1 << 25, 4_000_000), (300, 40), (5000, 1)):
        monkeypatch.setattr("recbole_poem.core.atomic.lines.BLOCK_CHARACTERS", characters)
        write_flat(path, Format(), fields, rows)
        files = sorted((path.parent / "toy.flat").iterdir())
        found.append({file.name: file.read_bytes() for file in files})
    assert found[0] == found[1] == found[2] and len(found[0]) == 12


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("a\ty\t", "\ty\t", "line 3: column 'user' has no token"),
        ("b\tx 1", "b\t", "line 5: column 'item' has no token"),
        ("\t20.5", "\t", "line 5: column 'time' has no number"),
        ("\t20.5", "\t-1", "column 'time' has times before 1970 .line 5."),
        ("\t20.5", "\tnoon", "line 5: column 'time': 'noon' is no number"),
        ("time:float", "date:float", "there is no column 'time' .it has user, item, place, tags"),
    ],
)
def test_a_row_that_a_log_cannot_have_is_refused_and_nothing_changes(
    path: Path, old: str, new: str, words: str
) -> None:
    write_flat(path, Format(), FIELDS)
    path.write_text(LINES.replace(old, new))
    with pytest.raises(InputError, match=words):
        write_flat(path, Format(), FIELDS)
    assert sorted(each.name for each in path.parent.iterdir()) == ["shop.flat", "shop.inter"]
    stored(path).verify()


def test_a_file_without_rows_is_refused(path: Path) -> None:
    path.write_text(LINES.splitlines()[0])
    with pytest.raises(InputError, match="the file has no interactions"):
        write_flat(path, Format(), FIELDS)


def test_a_damaged_head_is_found(path: Path) -> None:
    write_flat(path, Format(), FIELDS)
    folder = path.parent / "shop.flat"
    file = folder / "row.npy"
    file.write_bytes(bytes(8) + file.read_bytes()[8:])
    with pytest.raises(
        InputError, match=r"row\.npy is damaged: it is no array; make the store again"
    ):
        FlatStore(folder).verify()


def test_damage_is_found(path: Path) -> None:
    write_flat(path, Format(), FIELDS)
    folder = path.parent / "shop.flat"
    file = folder / "values_1.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match=r"values_1\.npy is damaged: its checksum differs"):
        stored(path).verify()
    file.write_bytes(whole[:-1])
    with pytest.raises(InputError, match=r"values_1\.npy has 167 bytes, and the header says 168"):
        stored(path)
    file.unlink()
    with pytest.raises(InputError, match=r"values_1\.npy is missing"):
        stored(path)
    head = json.loads((folder / "header.json").read_text())
    (folder / "header.json").write_text(json.dumps({**head, "version": 7}))
    with pytest.raises(InputError, match="version 7 of a flat store, and this program reads 1"):
        stored(path)
    (folder / "header.json").write_text("{}")
    with pytest.raises(InputError, match="no header of a flat store; make it again"):
        stored(path)


def test_larger_files_may_be_left_unread(path: Path) -> None:
    write_flat(path, Format(), FIELDS)
    file = path.parent / "shop.flat" / "values_1.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    stored(path).verify(len(whole) - 1)
    with pytest.raises(InputError, match=r"values_1\.npy is damaged"):
        stored(path).verify(len(whole))


@pytest.mark.parametrize(
    "old, new",
    [
        ('"rows": 5', '"rows": "x"'),
        ('"rows": 5', '"rows": 4'),
        ('"values": "values_0.npy"', '"values": "other.npy"'),
        ('"order": "order_1.npy"', '"order": "other.npy"'),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(path: Path, old: str, new: str) -> None:
    write_flat(path, Format(), FIELDS)
    header = path.parent / "shop.flat" / "header.json"
    text = header.read_text()
    assert text.count(old) == 1
    header.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=r"header\.json: it is no header of a flat store"):
        stored(path)


@pytest.mark.parametrize("kind", ["inter", "user", "item"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.with_suffix(".user").write_text("user:token\tage:float\na\t30\n")
    path.with_suffix(".item").write_text("item:token\tprice:float\nx\t9\n")
    changed = path.with_suffix(f".{kind}")
    parts_of = AtomicFile.parts

    def parts(file: AtomicFile, *given: Any, **more: Any) -> Any:
        yield from parts_of(file, *given, **more)
        if file.path == changed:
            os.utime(changed, ns=(1, 1))

    monkeypatch.setattr(AtomicFile, "parts", parts)
    with pytest.raises(InputError, match=rf"shop\.{kind}: the file was changed while it was read"):
        write_flat(path, Format(), FIELDS)
    assert not (path.parent / "shop.flat").exists()


def test_a_missing_store_is_told(path: Path) -> None:
    with pytest.raises(InputError, match=r"header\.json: there is none; recbole-poem convert flat"):
        stored(path)


def test_what_is_no_part_of_a_store_is_not_lost(path: Path) -> None:
    write_flat(path, Format(), FIELDS)
    write_flat(path, Format(), FIELDS)
    mine = path.parent / "shop.flat" / "notes.txt"
    mine.write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt: it is no part of a flat store"):
        write_flat(path, Format(), FIELDS)
    assert mine.read_text() == "mine"


def test_a_file_in_the_place_of_the_store_is_named_before_any_work(path: Path) -> None:
    path.with_suffix(".flat").write_text("notes")
    with pytest.raises(InputError, match=r"\.flat: a file is where the flat store belongs, a fold"):
        write_flat(path, Format(), FIELDS)
    assert path.with_suffix(".flat").read_text() == "notes"


def test_a_store_behind_a_link_is_written_where_it_lies(path: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    path.with_suffix(".flat").symlink_to(tmp_path / "disk")
    for _ in range(2):
        write_flat(path, Format(), FIELDS)
    assert path.with_suffix(".flat").is_symlink()
    stored(path).verify()
    assert FlatStore(tmp_path / "disk").header.rows == stored(path).header.rows == 5


def test_a_column_cannot_be_two_things(path: Path) -> None:
    with pytest.raises(InputError, match="they name three columns, not user, user, time"):
        write_flat(path, Format(), ("user", "user", "time"))
    assert [file.name for file in path.parent.iterdir()] == ["shop.inter"]


def test_alike_tokens_are_told_by_the_store(path: Path) -> None:
    path.write_text(LINES + "5\tx \t\t\t\t1\n5.0\tx\t\t\t\t1\n")
    write_flat(path, Format(), FIELDS)
    assert stored(path).header.alike == {"user": [("5", "5.0", 1)], "item": [("x", "x ", 1)]}


@pytest.mark.parametrize(
    "values, kind",
    [
        ([0, 255], np.uint8),
        ([-1, 255], np.int16),
        ([0, 40_000], np.int32),
        ([0.5, np.nan], np.float32),
        ([2**24 + 1.0], np.int32),
        ([2**24 + 1.0, np.nan], np.float64),
        ([-0.0, 1], np.float32),
        ([0.1], np.float64),
    ],
)
def test_a_column_gets_the_narrowest_type_that_holds_it(values: Any, kind: Any) -> None:
    narrow, column = NarrowType(), np.array(values, float)
    parts = [narrow.narrowed(column[:1]), narrow.narrowed(column[1:])]
    back = np.concatenate([part.astype(float) for part in parts])
    assert narrow.dtype == kind
    assert np.array_equal(back.view(np.int64), column.view(np.int64))


def test_the_command_makes_and_checks_a_store(
    write_dataset: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_dataset(random_log(0))["data_path"]
    asked = ["convert", "flat", "--dataset", "toy", "--data_path", folder]
    assert main(asked) == 0
    assert "toy.flat: " in capsys.readouterr().out
    assert main([*asked, "--check"]) == 0
    assert "11 arrays are as they were written" in capsys.readouterr().out
    assert main([*asked, "--user", "nobody"]) != 0
    assert "there is no column 'nobody'" in capsys.readouterr().err


def test_the_command_reads_files_of_another_form(tmp_path: Path) -> None:
    file = tmp_path / "shop" / "shop.inter"
    file.parent.mkdir()
    text = "user_id:token;item_id:token;timestamp:float\nü;x;1\nü;y;2\n"
    file.write_text(text, encoding="latin-1")
    command = ["convert", "flat", "--dataset", "shop", "--data_path", str(tmp_path)]
    assert main([*command, "--field_separator=;", "--encoding=latin-1"]) == 0
    assert stored(file).tokens("user_id").tolist() == ["[PAD]", "ü"]


def test_a_table_is_converted_with_its_store(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("user,item,time\n1,a,2024-01-01\n1,b,2024-01-02\n2,a,2024-01-03\n")
    output = tmp_path / "data" / "shop"
    asked = ["convert", "table", "--input", str(events), "--output", str(output), "--flat"]
    assert main(asked) == 0
    assert FlatStore(output / "shop.flat").tokens("item_id").tolist() == ["[PAD]", "a", "b"]

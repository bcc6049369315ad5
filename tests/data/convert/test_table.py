"""Tables of events to atomic files: values exact, every row accounted for, every guess told."""

import datetime
import gzip
import json
import shlex
from pathlib import Path
from typing import Any, List

import numpy as np
import pandas as pd
import pytest
import worlds
import yaml

from recbole_poem.cli.train import parse as parse_train
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.table import convert

CSV = "customer,sku,ts\nanna,007,1700000000\nben,7,1700000060\nanna,7.0,1700000120\n"


def written(source: Any, **options: Any) -> pd.DataFrame:
    convert(source, "data/shop", **options)
    return worlds.read(Path("data/shop"), "inter")


def summary(source: Any, **options: Any) -> str:
    return convert(source, "data/shop", **options).summary


def keys(source: Any, **options: Any) -> Any:
    convert(source, "data/shop", **options)
    return yaml.safe_load(Path("data/shop/shop.yaml").read_text())


def file(text: str, name: str = "events.csv") -> str:
    Path(name).write_text(text, encoding="utf-8", newline="")
    return name


def refusal(source: Any, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        convert(source, "data/shop", **options)
    assert not Path("data/shop/shop.inter").exists()
    return str(error.value)


def test_ids_stay_the_text_that_they_are_and_rows_their_order() -> None:
    rows = written(file(CSV))
    assert list(rows["user_id"]) == ["anna", "ben", "anna"]
    assert list(rows["item_id"]) == ["007", "7", "7.0"]
    assert list(rows["timestamp"]) == ["1700000000", "1700000060", "1700000120"]
    kinds = worlds.types(Path("data/shop"), "inter")
    assert kinds == {"user_id": "token", "item_id": "token", "timestamp": "float"}


@pytest.mark.parametrize("separator", ["\t", ";", "|", "::", " "])
def test_the_separator_is_guessed_and_said(separator: str) -> None:
    said = summary(file(CSV.replace(",", separator)))
    assert "(guessed; --separator names another)" in said
    assert list(worlds.read(Path("data/shop"), "inter")["item_id"]) == ["007", "7", "7.0"]


def test_a_separator_that_cannot_be_told_is_asked_for() -> None:
    both = file("user,a;item,b;time\n1,2;3,4;5\n")
    assert "line 1: ',' and ';' may separate the columns; name one with --sep" in refusal(both)
    assert "line 1: 'user' is one column" in refusal(file("user\n1\n"))


def test_fields_between_quotes_may_hold_anything() -> None:
    text = 'user,note,item,time\n"a, ""b""","two\nlines, here",x,1700000000\r\n\r\nc,,y,1700000001'
    rows = written(file(text))
    assert list(rows["user_id"]) == ['a, "b"', "c"]
    assert list(rows["item_id"]) == ["x", "y"]
    broken = file(text + "\nc,,y,noon\n")
    assert refusal_in_new(broken).startswith("events.csv, line 6: column 'time': 'noon' is no time")


def refusal_in_new(source: str) -> str:
    with pytest.raises(InputError) as error:
        convert(source, "data/new")
    return str(error.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,b", "line 3: 2 fields, and the header has 3"),
        ("a,b,1700000000,d", "line 3: 4 fields, and the header has 3"),
        ('"a" b,c,1700000000', "line 3: a quote opens or closes where it cannot"),
        ('a,"b,1700000000', "line 3: a quote opens or closes where it cannot"),
        (",b,1700000000", "line 3: column 'user' has no user; mend the row, or leave all such"),
        ("a,,1700000000", "line 3: column 'item' has no item"),
        ("a,b,", "line 3: column 'time' has no time"),
        ("a\tc,b,1700000000", "line 3: column 'user': the user 'a\\tc' holds a tab"),
        ("a,b\0,1700000000", "line 3: column 'item': the item 'b\\x00' holds a tab"),
        ("a,b,soon", "line 3: column 'time': 'soon' is no time"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_line(row: str, words: str) -> None:
    source = file(f"user,item,time\nx,y,1700000000\n{row}\n")
    assert refusal(source).startswith(f"events.csv, {words}")


def test_rows_that_lack_something_are_counted_where_they_may_go() -> None:
    source = file("user,item,time\nx,y,1700000000\n,y,1700000000\nx,,1700000000\nx,y,\n,,\n")
    said = summary(source, drop_incomplete=True)
    for words in ("dropped 2 rows without a user", "1 rows without a item", "5 read", "1 written"):
        assert words in said
    assert len(worlds.read(Path("data/shop"), "inter")) == 1


def test_rows_that_say_the_same_are_dropped_or_kept_and_counted() -> None:
    row = "x,y,1700000000,"
    source = file("user,item,time,stars\n" + "\n".join([row + "5", row + "5", row + "4"]))
    said = summary(source, feedback=["stars"])
    assert "dropped 1 rows that say the same as an earlier one" in said
    assert "kept 1 rows of the same user, item and time with other numbers" in said
    assert list(worlds.read(Path("data/shop"), "inter")["stars"]) == ["5", "4"]
    assert "kept 1 rows that say" in summary(source, feedback=["stars"], keep_duplicates=True)
    assert len(worlds.read(Path("data/shop"), "inter")) == 3


def test_bytes_of_another_encoding_are_refused_or_named() -> None:
    Path("events.csv").write_bytes("user,item,time\nx,caf\xe9,1700000000\n".encode("latin-1"))
    words = "events.csv, line 2: byte 0xe9 is no utf-8; name the encoding of the file, such as "
    assert refusal("events.csv") == words + "--encoding=latin-1"
    assert list(written("events.csv", encoding="latin-1")["item_id"]) == ["caf\xe9"]


def test_the_index_that_a_frame_wrote_is_left_out() -> None:
    table = pd.read_csv(file(CSV), dtype=str)
    table.to_csv("events.csv")
    assert "left out  unnamed column 1" in summary("events.csv")
    assert list(worlds.read(Path("data/shop"), "inter")["item_id"]) == ["007", "7", "7.0"]


def test_packed_files_and_a_mark_of_byte_order_are_read() -> None:
    Path("events.csv.gz").write_bytes(gzip.compress(("\ufeff" + CSV).encode()))
    assert len(written("events.csv.gz")) == 3
    Path("events.csv.gz").write_bytes(gzip.compress(CSV.encode())[:-9])
    with pytest.raises(InputError, match="damaged or was cut short"):
        convert("events.csv.gz", "data/shop")


def test_a_packed_file_of_a_plain_name_is_told() -> None:
    Path("events.csv").write_bytes(gzip.compress(CSV.encode()))
    assert refusal("events.csv") == "events.csv: it is packed by gzip; name it events.csv.gz"


def test_a_file_without_a_header_needs_the_names() -> None:
    source = file("196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "u.txt")
    assert "line 1 names no columns: '196\t242" in refusal(source)
    rows = written(source, columns=["user", "item", "stars", "time"])
    assert list(rows["item_id"]) == ["242", "302"]
    with pytest.raises(InputError, match="line 1 has 4 fields, and 2 columns are named"):
        convert(source, "data/new", columns=["user", "item"])


# -- columns --------------------------------------------------------------------------------------


def test_a_wrong_column_names_the_nearest_and_those_there_are() -> None:
    words = "--user: events.csv has no column 'custommer'; the nearest is 'customer'; it has "
    assert refusal(file(CSV), user="custommer") == words + "customer, sku, ts"


def test_usual_names_are_taken_and_said_and_doubt_is_refused() -> None:
    said = summary(file("Customer ID,Product,Event Time,x\na,b,1700000000,1\n"))
    assert "(column Customer ID, by its name)" in said and "left out  x" in said
    two = file("user,customer,item,time\na,b,c,1700000000\n")
    Path("data/shop/shop.inter").unlink()
    assert "the user may be 'user' or 'customer'; name one with --user" in refusal(two)
    assert list(written(two, user="user")["user_id"]) == ["a"]
    Path("data/shop/shop.inter").unlink()
    none = file("who,item,time\na,c,1700000000\n")
    assert "no column has a usual name of the user; name it with --user, one of who" in (
        refusal(none)
    )


@pytest.mark.parametrize("name", ["user_id", "a_list", "a:b", "it's"])
def test_a_column_that_cannot_keep_its_name_is_refused(name: str) -> None:
    source = file(f"who,item,time,{name}\na,c,1700000000,1\n")
    assert f"--feedback: a column '{name}' cannot keep its name" in (
        refusal(source, user="who", feedback=[name])
    )


def test_a_column_has_one_part() -> None:
    assert "--item: column 'sku' is named by --user already" in (
        refusal(file(CSV), user="sku", item="sku")
    )


# -- numbers --------------------------------------------------------------------------------------


def test_numbers_are_exact_and_gaps_stay_gaps() -> None:
    rows = "".join(
        f"u{n},i,1700000000,{value},{flag}\n"
        for n, (value, flag) in enumerate(
            [("0.1", "true"), ("", "False"), ("NA", ""), ("1e2", "TRUE")]
        )
    )
    found = written(
        file("user,item,time,price,liked\n" + rows), weight=["price"], feedback=["liked"]
    )
    assert list(found["price"]) == ["0.1", "", "", "100.0"]
    assert list(found["liked"]) == ["1", "0", "", "1"]


@pytest.mark.parametrize("value", ["1,5", "1_000", "0x1", "inf", "five", "1 2"])
def test_what_is_no_number_is_refused_with_its_line(value: str) -> None:
    source = file(f'user,item,time,stars\na,b,1700000000,5\na,b,1700000001,"{value}"\n')
    assert refusal(source, feedback=["stars"]).startswith(
        f"events.csv, line 3: column 'stars': '{value}' is no number"
    )


# -- other tables ---------------------------------------------------------------------------------


def test_json_lines_keep_numbers_as_they_are_written() -> None:
    rows = [
        '{"user": "anna", "item": 7.0, "time": 1700000000, "liked": true}',
        "",
        '{"user": 12345678901234567890, "item": "007", "time": 1700000060, "note": ["x"]}',
    ]
    found = written(file("\n".join(rows), "events.jsonl"), feedback=["liked"])
    assert list(found["user_id"]) == ["anna", "12345678901234567890"]
    assert list(found["item_id"]) == ["7.0", "007"]
    assert list(found["liked"]) == ["1", ""]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: it is no JSON"),
        ("[1]", "line 2: expected an object"),
        ('{"user": 1, "user": 2}', "line 2: it is no JSON (a key is there twice)"),
        ('{"user": ["a"], "item": "b", "time": 1}', "line 2: 'user' is a list or an object"),
        ('{"user": true, "item": "b", "time": 1700000000}', "line 2: column 'user': expected a te"),
        ('{"item": "b", "time": 1700000000}', "line 2: column 'user' has no user"),
    ],
)
def test_json_that_is_none_is_refused_with_its_line(line: str, words: str) -> None:
    first = json.dumps({"user": "a", "item": "b", "time": 1700000000})
    assert refusal(file(f"{first}\n{line}\n", "events.jsonl")).startswith(f"events.jsonl, {words}")


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user": ["anna", 7, "7"],
            "item": [1.0, 2.0, 3.0],
            "time": pd.to_datetime([1700000000, 1700006400, 1700092800], unit="s"),
            "liked": [True, False, True],
        }
    )


def test_a_frame_is_read_by_its_types() -> None:
    found = written(frame(), feedback=["liked"])
    assert list(found["user_id"]) == ["anna", "7", "7"]
    assert list(found["item_id"]) == ["1", "2", "3"]
    assert list(found["timestamp"]) == ["1700000000", "1700006400", "1700092800"]
    assert list(found["liked"]) == ["1", "0", "1"]
    assert "column item holds fractions such as 3.0, read as 3" in summary(frame())


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("user", None, "row 1 of the frame, counted from 0: column 'user' has no user"),
        ("user", True, "row 1 of the frame, counted from 0: column 'user': expected a text or a"),
        ("item", 1.5, "row 1 of the frame, counted from 0: column 'item': expected a text or a"),
        ("time", pd.NaT, "row 1 of the frame, counted from 0: column 'time' has no time"),
    ],
)
def test_a_wrong_cell_of_a_frame_is_refused(column: str, value: Any, words: str) -> None:
    table = frame()
    table.loc[1, column] = value
    assert refusal(table).startswith(words)


def test_parquet_says_what_its_frame_says() -> None:
    table = frame().assign(user=pd.array([2**60 + 1, None, 7], dtype="Int64"), day=_days())
    table.to_parquet("events.parquet")
    assert "events.parquet, row 2: column 'user' has no user" in (
        refusal("events.parquet", time="time")
    )
    table[::2].to_parquet("events.parquet")
    found = written("events.parquet", time="day")
    assert list(found["user_id"]) == [str(2**60 + 1), "7"]
    assert list(found["timestamp"]) == ["1700006400", "1700179200"]
    Path("events.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"events.parquet: cannot be read as Parquet"):
        convert("events.parquet", "data/shop")


def _days() -> List[datetime.date]:
    return [datetime.date(2023, 11, day) for day in (15, 16, 17)]


# -- the keys -------------------------------------------------------------------------------------


def shop(repeat: bool = False) -> pd.DataFrame:
    user, step = np.divmod(np.arange(600), 20)
    item = step % 10 if repeat else step
    return pd.DataFrame(
        {"user": user, "item": item, "time": 1.7e9 + step, "stars": step % 5 + 1, "next": step % 2}
    )


def test_the_keys_follow_from_the_rows() -> None:
    found = keys(shop(), feedback=["stars", "next"])
    assert (found["time_unit"], found["MAX_ITEM_LIST_LENGTH"], found["mask_seen"]) == (
        "s",
        20,
        True,
    )
    stars = {"similarity": "cosine", "feedback": {"stars": "[3,inf)"}}
    assert found["objectives.stars"] == stars
    assert found["objectives.next_feedback"]["feedback"] == {"next": "[1,inf)"}
    assert found["targets"]["stars"] == {"feedback": {"stars": "[3,inf)"}}
    assert keys(shop(repeat=True))["mask_seen"] is False
    text = Path("data/shop/shop.yaml").read_text()
    assert "50.0% of the rows repeat an item of their user, so that seen items are ranked" in text
    assert "of the user; recommend --keep_seen offers them" in summary(shop(repeat=True))
    assert "0.0% of the rows repeat an earlier item of the user\n" in summary(shop())


def test_numbers_that_never_differ_make_no_objective() -> None:
    table = shop().assign(stars=5)
    assert "stars: says the same in all rows, and makes no objective" in (
        summary(table, feedback=["stars"])
    )
    assert "objectives.stars" not in keys(table, feedback=["stars"])


def test_an_edited_file_of_keys_stays() -> None:
    first = keys(shop())
    assert keys(shop(repeat=True)) != first  # nobody touched it
    path = Path("data/shop/shop.yaml")
    path.write_text(path.read_text().replace("mask_seen: false", "mask_seen: true"))
    assert "shop.yaml was edited and stays as it is" in summary(shop(repeat=True))
    assert yaml.safe_load(path.read_text())["mask_seen"] is True
    with pytest.raises(InputError, match="it says time_unit: s, and the times are now in ms"):
        convert(shop().assign(time=1.7e12), "data/shop")


# -- the command ----------------------------------------------------------------------------------


def test_the_command_ends_with_what_to_do_next(capsys: Any) -> None:
    arguments = ["--input", file(CSV), "--output", "dataset/shop", "--user", "customer"]
    assert main(["convert", "table", *arguments]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == (
        "next: recbole-poem train --model=POEM --dataset=shop --data_path=dataset"
    )
    assert "3 read from events.csv, 3 written" in said.out and said.err == ""
    assert main(["convert", "table", "--input", "none.csv", "--output", "x"]) == 2
    assert "there is no file none.csv" in capsys.readouterr().err
    assert not Path("x").exists()


def test_the_next_command_is_quoted_for_a_shell(capsys: Any) -> None:
    arguments = ["--input", file(CSV), "--output", "my sets/my shop"]
    assert main(["convert", "table", *arguments]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    program, verb, *words = shlex.split(line.removeprefix("next: "))
    options, keys = parse_train(words)
    assert (program, verb, options.dataset, keys) == (
        "recbole-poem", "train", "my shop", {"data_path": "my sets"},
    )  # fmt: skip


@pytest.mark.parametrize("output", ["afile", "afile/shop"])
def test_a_file_in_the_way_is_named(output: str, capsys: Any) -> None:
    Path("afile").write_text("mine")
    assert main(["convert", "table", f"--input={file(CSV)}", f"--output={output}"]) == 2
    assert capsys.readouterr().err == (
        f"recbole_poem: --output: {output} cannot be written: afile is a file; mend that, or name "
        "another folder\n"
    )
    assert Path("afile").read_text() == "mine"


def test_a_folder_that_takes_no_file_is_named(monkeypatch: Any) -> None:
    def full(descriptor: int) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.fsync", full)
    assert refusal(file(CSV)) == (
        "--output: data/shop cannot be written: Read-only file system; mend that, or name another "
        "folder"
    )

"""Files of requests and of recommendations: formats, bad lines, and nothing half-written."""

import json
from pathlib import Path
from typing import Any, List

import pandas as pd
import pytest

from recbole_poem.errors import InputError
from recbole_poem.serving.files.request_files import (
    BadLine,
    Request,
    parse_request,
    read_requests,
    readable,
)
from recbole_poem.serving.files.result_files import writer

FOUND = pd.DataFrame(
    {"request": ["u,1", "ü"], "rank": [1, 2], "item": ["a b", "c"], "score": [0.5, -2.0]}
)


def written(tmp_path: Path, name: str, content: str) -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def parquet_of(tmp_path: Path, rows: List[Any]) -> Path:
    path = tmp_path / "requests.parquet"
    names = ["request", "history", "times"]
    pd.DataFrame(rows, columns=names[: len(rows[0])]).to_parquet(path)
    return path


def test_every_format_tells_the_same_requests(tmp_path: Path) -> None:
    csv = written(tmp_path, "a.csv", "request,history\nu1,i1 i2\nü,\n")
    lines = written(
        tmp_path,
        "a.jsonl",
        '{"request": "u1", "history": ["i1", "i2"]}\n\n{"request": "ü", "history": []}\n',
    )
    table = parquet_of(tmp_path, [("u1", ["i1", "i2"]), ("ü", [])])
    for path, numbers in ((csv, [2, 3]), (lines, [1, 3]), (table, [1, 2])):
        names, histories = ["u1", "ü"], [["i1", "i2"], []]
        expected = [Request(*one, None) for one in zip(numbers, names, histories)]
        assert list(read_requests(path)) == expected


def test_every_format_may_bring_times(tmp_path: Path) -> None:
    csv = written(tmp_path, "a.csv", "request,history,times\nu,i1 i2,3 4.5\nv,i1,\n")
    lines = written(
        tmp_path,
        "a.jsonl",
        '{"request": "u", "history": ["i1", "i2"], "times": [3, 4.5]}\n'
        '{"request": "v", "history": ["i1"]}\n',
    )
    table = parquet_of(tmp_path, [("u", ["i1", "i2"], [3, 4.5]), ("v", ["i1"], None)])
    for path in (csv, lines, table):
        found = [(line.history, line.times) for line in requests_of(path)]
        assert found == [(["i1", "i2"], [3.0, 4.5]), (["i1"], None)]


def requests_of(path: Path) -> List[Request]:
    return [line for line in read_requests(path) if isinstance(line, Request)]


def test_a_line_may_bring_an_entry() -> None:
    entry = {"items": ["i1", "i2"], "objectives": ["click"], "scores": [[0.5], [0.25]]}
    request = parse_request(5, {"request": 7, "history": [1, 2], "entry": entry})
    assert (request.name, request.history) == ("7", ["1", "2"])
    assert request.number == 5
    assert request.entry is not None
    assert request.entry.scores.tolist() == [[0.5], [0.25]]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "it is no JSON"),
        ("[1, 2]", "it is no mapping"),
        ('{"history": []}', "'request' is missing or no name"),
        ('{"request": "u"}', "'history' is missing or no list"),
        ('{"request": "u", "history": [["i1"]]}', "'history' holds something that is no token"),
        ('{"request": "u", "history": ["i1"], "times": 3}', "'times' is no list of numbers"),
        ('{"request": "u", "history": ["i1"], "times": []}', "'times': 0 times for a history of 1"),
        ('{"request": "u", "history": ["i1"], "times": ["x"]}', "'times': expected numbers"),
        ('{"request": "u", "history": [], "entry": 3}', "'entry' has to be a mapping"),
        (
            '{"request": "u", "history": [], "entry": '
            '{"items": ["a"], "objectives": ["c"], "scores": [["x"]]}}',
            "rows of numbers",
        ),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_a_bad_line_is_told_by_its_number_and_the_rest_is_read(
    tmp_path: Path, line: str, words: str
) -> None:
    good = json.dumps({"request": "u", "history": ["i1"]})
    path = written(tmp_path, "a.jsonl", f"{good}\n{line}\n{good}\n")
    first, bad, last = read_requests(path)
    assert (first, last) == (Request(1, "u", ["i1"], None), Request(3, "u", ["i1"], None))
    assert isinstance(bad, BadLine)
    assert bad.number == 2
    assert words in bad.reason


def test_a_line_whose_entry_the_model_cannot_read_is_bad() -> None:
    entry = {"items": ["i1"], "objectives": ["click"], "scores": [[0.5]]}
    with_entry = parse_request(4, {"request": "u", "history": [], "entry": entry})
    without = parse_request(5, {"request": "u", "history": []})
    assert readable(with_entry, ["click"]) == with_entry
    assert readable(without, ["like"]) == without
    bad = readable(with_entry, ["click", "like"])
    assert bad == BadLine(4, "the objective 'like' is missing; the model reads click, like")
    assert readable(bad, ["click"]) == bad


def test_a_line_of_csv_with_too_many_fields_is_bad(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "request,history\nu1,i1,i2\nu2,i3\n")
    assert list(read_requests(path)) == [
        BadLine(2, "it has more fields than the header"),
        Request(3, "u2", ["i3"], None),
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "", r"expected a name that ends with .csv, .jsonl, .parquet"),
        ("a.csv", "user,history\n", r"has no column 'request' \(it has user, history\)"),
        ("a.parquet", "PAR1 but no more", "is no Parquet file"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        list(read_requests(written(tmp_path, name, content)))


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.csv: cannot be read: No such file"):
        list(read_requests(tmp_path / "none.csv"))
    path = tmp_path / "a.csv"
    path.write_bytes(b"request,history\n\xff\xfe,i1\n")
    with pytest.raises(InputError, match="is no text in UTF-8"):
        list(read_requests(path))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_every_format_keeps_the_recommendations(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with writer(path) as write:
        write(FOUND.iloc[:1])
        write(FOUND.iloc[:0])
        write(FOUND.iloc[1:])
    reading = {
        ".csv": pd.read_csv,
        ".jsonl": lambda file: pd.read_json(file, lines=True),
        ".parquet": pd.read_parquet,
    }
    found = reading[path.suffix](path)
    pd.testing.assert_frame_equal(found, FOUND, check_dtype=False)


def test_an_interrupted_file_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(KeyboardInterrupt), writer(path) as write:
        write(FOUND)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), writer(tmp_path / "file" / "a.csv"):
        pass

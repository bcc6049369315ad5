"""Files of requests and of recommendations: formats, bad lines, and nothing half-written."""

import json
from pathlib import Path
from typing import Any, List

import numpy as np
import pandas as pd
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.files.lines import BadLine
from recbole_poem.serving.files.request_fields import Request, parse_request
from recbole_poem.serving.files.request_files import answerable, read_requests
from recbole_poem.serving.files.result_files import rows_of, writer
from recbole_poem.serving.log_times import LogTimes
from recbole_poem.serving.query import Answer
from recbole_poem.serving.ranking import Needs

LOG = LogTimes(1.6e9, 1.7e9, "s")
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


LIMITED = Request(1, "u", ["i1"], None, None, 3, ["i4", "i5"], ["i6"], False)
PLAIN = Request(2, "v", ["i1"], None)


def test_every_format_may_bring_what_holds_for_one_request(tmp_path: Path) -> None:
    csv = written(
        tmp_path,
        "a.csv",
        "request,history,k,allow,deny,filter_seen\nu,i1,3,i4 i5,i6,False\nv,i1,,,,\n",
    )
    lines = written(
        tmp_path,
        "a.jsonl",
        '{"request": "u", "history": ["i1"], "k": 3, "allow": ["i4", "i5"], "deny": ["i6"], '
        '"filter_seen": false}\n{"request": "v", "history": ["i1"]}\n',
    )
    table = tmp_path / "a.parquet"
    frame = pd.DataFrame({"request": ["u", "v"], "history": ["i1", "i1"]}, index=[5, 9])
    frame["k"] = pd.array([3, None], dtype="Int64")
    frame["allow"], frame["deny"] = [["i4", "i5"], None], ["i6", ""]
    frame["filter_seen"] = [False, None]
    frame.to_parquet(table)  # with its index, which is no wish
    beside_gaps = tmp_path / "b.parquet"
    frame.assign(k=[3.0, float("nan")]).to_parquet(beside_gaps)
    for path in (csv, lines, table, beside_gaps):
        found = [line._replace(number=n) for n, line in enumerate(requests_of(path), 1)]
        assert found == [LIMITED, PLAIN]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_ends_of_lines_change_nothing(tmp_path: Path, end: str, mark: str) -> None:
    csv, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    csv.write_bytes(f"{mark}request,history{end}u,i1 i2{end}v,i3".encode())
    one, two = '{"request": "u", "history": ["i1", "i2"]}', '{"request": "v", "history": ["i3"]}'
    lines.write_bytes(f"{mark}{one}{end}{two}".encode())
    expected = [("u", ["i1", "i2"]), ("v", ["i3"])]
    for path in (csv, lines):
        assert [(line.name, line.history) for line in requests_of(path)] == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "it is no JSON"),
        ("[1, 2]", "it is no mapping"),
        ('{"request": "v", "history": ["i1"]', "it is no JSON"),
        ('{"request": "v", "history": [], "k": 1, "k": 2}', "the key 'k' is there twice"),
        ('{"request": "v", "history": ["i1"], "times": [NaN]}', "NaN is no number of JSON"),
        ('{"request": "v", "history": ["i1"], "times": [1e999]}', "'times': a time is infinite"),
        ('{"request": "v", "history": ["i1"], "deny": "i35"}', "'deny': expected a list of item"),
        ('{"request": "v", "history": ["\0"]}', "it holds a NUL byte"),
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


def test_a_line_whose_ranking_the_model_cannot_read_is_bad() -> None:
    ranking = {"items": ["i1"], "objectives": ["click"], "scores": [[0.5]]}
    with_ranking = parse_request(4, {"request": "u", "history": [], "ranking": ranking})
    without = parse_request(5, {"request": "v", "history": []})
    assert list(answerable([with_ranking], Needs(["click"]), LOG)) == [with_ranking]
    assert list(answerable([without], Needs(["like"]), LOG)) == [without]
    bad = BadLine(4, "the objective 'like' is missing; the model reads click, like")
    assert list(answerable([with_ranking], Needs(["click", "like"]), LOG)) == [bad]
    assert list(answerable([bad], Needs(["click"]), LOG)) == [bad]
    words = "the stages are missing, by which the model groups candidates (grouping)"
    assert list(answerable([with_ranking], Needs(["click"], True), LOG)) == [BadLine(4, words)]
    several = with_ranking._replace(older=(None, with_ranking.ranking))
    assert list(answerable([several], Needs(["click"], n_rankings=3), LOG)) == [several]
    bad = BadLine(4, "the objective 'like' is missing; the model reads click, like")
    plain = several._replace(ranking=None)
    assert list(answerable([plain], Needs(["click", "like"], n_rankings=3), LOG)) == [bad]
    words = (
        "3 rankings of one request are given, and the model reads 2 (n_rankings); leave the older "
        "ones out"
    )
    assert list(answerable([several], Needs(["click"], n_rankings=2), LOG)) == [BadLine(4, words)]


def test_a_line_with_times_in_another_unit_is_bad() -> None:
    fields = {"request": "u", "history": ["i1", "i2"], "times": [None, 1.65e9]}
    good = parse_request(4, fields)
    (bad,) = answerable([parse_request(5, {**fields, "times": [None, 1.65e12]})], Needs([]), LOG)
    assert list(answerable([good], Needs([]), LOG)) == [good]
    assert bad.number == 5
    assert bad.reason.startswith("'times': 1650000000000 is far off the training rows, which go ")


def test_a_request_that_is_there_twice_is_bad_and_both_lines_are_named() -> None:
    lines = [Request(2, "7", ["i1"], None), BadLine(3, ""), Request(4, "7", ["i2"], None)]
    *kept, last = answerable(lines, Needs([]), LOG)
    assert kept == lines[:2]
    words = "the request '7' is there already, in line 2; give each one a name of its own"
    assert last == BadLine(4, words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("u1,i1,i2", "it has 3 fields, and the header 2; write tokens with blanks between them"),
        ("u1", "it has 1 field, and the header 2"),
        ('"u1,i1', "field 1 begins with a quote that does not close on this line"),
        ('u1,"i1', "field 2 begins with a quote that does not close on this line"),
        ("u1,i\0", "it holds a NUL byte"),
        ("request,history", "it is the header again"),
        (",i1", "'request': expected a name of one line, not ''"),
    ],
)
def test_a_bad_line_of_csv_swallows_no_other(tmp_path: Path, line: str, words: str) -> None:
    path = written(tmp_path, "a.csv", f'request,history\n\n{line}\nu2,"i3 i4"\nu"3,"i""5"\n')
    bad, *good = read_requests(path)
    assert isinstance(bad, BadLine)
    assert bad.number == 3
    assert bad.reason.startswith(words)
    assert good == [Request(4, "u2", ["i3", "i4"], None), Request(5, 'u"3', ['i"5'], None)]


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("k", "2.5", "'k': expected a whole number from 1, not '2.5'"),
        ("k", "0", "'k': expected a whole number from 1, not 0"),
        ("filter_seen", "maybe", "'filter_seen': expected True or False, not 'maybe'"),
        ("times", "inf", "'times': a time is infinite"),
        ("times", "soon", "'times': expected numbers"),
    ],
)
def test_a_cell_that_says_nothing_known_is_named(
    tmp_path: Path, column: str, cell: str, words: str
) -> None:
    path = written(tmp_path, "a.csv", f"request,history,{column}\nu,i1,{cell}\n")
    (bad,) = read_requests(path)
    assert isinstance(bad, BadLine)
    assert bad.reason.startswith(words)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "", r"expected a name that ends with .csv, .jsonl, .parquet"),
        ("a.csv", "user,history\n", r"has no column 'request' \(it has user, history\)"),
        ("a.csv", "request,histroy\n", r"has no column 'history' .*; rename 'histroy'"),
        ("a.csv", "request;history\nu;i1\n", "has no column 'request' .*; separate columns by com"),
        ("a.csv", "request,history,denny\n", "column 'denny', of which .* did you mean 'deny'?"),
        ("a.csv", "request,history,ranking\n", "has a column 'ranking', which JSON lines alone"),
        ("a.csv", "request,history,older\n", "has a column 'older', which JSON lines alone"),
        ("a.csv", "request,history,history\n", "has two columns 'history'"),
        ("a.csv", "", "a.csv: is empty; it needs a header"),
        ("a.csv", "request,history\n\n", "a.csv: holds no request"),
        ("a.csv", '"request,history\n', "a.csv: line 1: field 1 begins with a quote"),
        ("a.csv", "re\0quest,history\n", "a.csv: line 1: it holds a NUL byte"),
        ("a.jsonl", "", "a.jsonl: holds no request"),
        ("a.jsonl", "\n \n", "a.jsonl: holds no request"),
        ("a.parquet", "PAR1 but no more", "is no Parquet file"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        list(read_requests(written(tmp_path, name, content)))


def test_a_parquet_file_has_columns_that_are_known_and_rows_that_can_be_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.parquet"
    good = pd.DataFrame({"request": ["a"], "history": [["i1"]]})
    good.assign(kk=1).to_parquet(path)
    with pytest.raises(InputError, match=r"a.parquet: it has the column 'kk', .* mean 'k'\?"):
        list(read_requests(path))
    good[:0].to_parquet(path)
    with pytest.raises(InputError, match=r"a.parquet: holds no request"):
        list(read_requests(path))
    names = [f"a{number}" for number in range(3000)]
    pd.DataFrame({"request": names, "history": ["i1"] * 3000}).to_parquet(path)
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 1000 + content[1100:])
    with pytest.raises(InputError, match=r"a.parquet: is damaged"):
        list(read_requests(path))


def test_a_missing_file_is_named_and_a_line_that_is_no_text_is_bad(tmp_path: Path) -> None:
    for name in ("none.csv", "none.jsonl", "none.parquet"):
        with pytest.raises(InputError, match=f"{name}: cannot be read: No such file"):
            list(read_requests(tmp_path / name))
    path = tmp_path / "a.csv"
    path.write_bytes(b"request,history\n\xff\xfe,i1\nu,i1\n")
    bad, good = read_requests(path)
    assert good == Request(3, "u", ["i1"], None)
    assert bad == BadLine(2, "it is no text in UTF-8 (byte 0xff); save the file as UTF-8")


def test_answers_are_rows_of_their_requests() -> None:
    answers = [
        Answer(["i1", "i2"], [0.5, 0.25], 0, 3),
        Answer([], [], 1, 0),
        Answer(["i3"], [0.1], 0, 2),
    ]
    expected = pd.DataFrame(
        {
            "request": ["a", "a", "c"],
            "rank": [1, 2, 1],
            "item": ["i1", "i2", "i3"],
            "score": np.array([0.5, 0.25, 0.1], np.float32),
        }
    )
    pd.testing.assert_frame_equal(rows_of(["a", "b", "c"], answers), expected)
    assert rows_of([], []).empty


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

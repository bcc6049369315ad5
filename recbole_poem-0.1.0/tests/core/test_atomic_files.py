"""Atomic files: every character of them is read, or the line that cannot be is named."""

from typing import Any, Dict, List

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_poem.core.atomic import AtomicFile, Format, lines
from recbole_poem.core.errors import InputError

HEAD = "user_id:token\titem_id:token\ttimestamp:float\n"
FORM = Format(types={"user_id": "token", "item_id": "token", "timestamp": "float"})


@pytest.fixture(autouse=True, params=[7, 1 << 20])
def _block(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in blocks that are shorter than a line, and in one."""
    monkeypatch.setattr(lines, "BLOCK_CHARACTERS", request.param)


def read(folder: Any, content: Any, form: Format = FORM) -> Any:
    path = folder / "toy.inter"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return AtomicFile(path, form).read()


def rows(table: Any) -> List[List[Any]]:
    frame = table.frame.astype(object)
    return frame.where(frame.notna(), None).to_numpy().tolist()


# -- what is read ----------------------------------------------------------------------------------


QUOTES = ['"i2', '"', '""', 'x"y"z', "'x'"]
MISSING = ["NA", "N/A", "null", "NULL", "None", "nan", "NaN", "<NA>"]
NUMBERS = ["5.0", "05", "1e5", "True", "1,000"]
OTHERS = [
    "#",
    "-",
    ",",
    ";",
    "\\t",
    "\\",
    "é",
    "\x85",
    "\u2028",
    "\x1f",
    "\ufeff",
    "\xa0",
    " i ",
    " ",
]


@pytest.mark.parametrize("token", [*QUOTES, *MISSING, *NUMBERS, *OTHERS])
def test_every_token_is_a_token(tmp_path: Any, token: str) -> None:
    table = read(tmp_path, f"{HEAD}u\t{token}\t1\n{token}\tj\t2\n")
    assert rows(table) == [["u", token, 1.0], [token, "j", 2.0]]


def test_an_empty_field_is_missing_and_a_blank_line_says_nothing(tmp_path: Any) -> None:
    table = read(tmp_path, HEAD + "u\t\t\n\n\n\tj\t3\n\n")
    assert rows(table) == [["u", None, None], [None, "j", 3.0]]
    assert list(table.frame.index + 2) == [2, 5]
    assert table.missing("item_id").tolist() == [2] and table.missing("user_id").tolist() == [5]
    with pytest.raises(InputError, match=r"toy\.inter: line 5: column 'user_id' has no token"):
        table.require(["user_id"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_byte_order_marks(tmp_path: Any, end: str, mark: str, last: bool) -> None:
    text = mark + HEAD + "u\ti\t1\nv\tj\t2" + "\n" * last
    table = read(tmp_path, text.replace("\n", end))
    assert rows(table) == [["u", "i", 1.0], ["v", "j", 2.0]]
    assert list(table.frame.index) == [0, 1]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("1600000000123", 1600000000123),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("3.", 3),
        ("+4", 4),
        ("1e5", 1e5),
        (" 7 ", 7),
        ("123456789012345678901234", 1.2345678901234568e23),
        ("0.000000000000000012345", 1.2345e-17),
        ("0.021611958659850994", 0.021611958659850994),
        ("9007199254740992", 2.0**53),
        *((word, None) for word in ("", "nan", "NaN", "NA", "null", "None")),
    ],
)
def test_numbers(tmp_path: Any, text: str, number: Any) -> None:
    assert rows(read(tmp_path, f"{HEAD}u\ti\t{text}\nu\tj\t0.25\n"))[0][2] == number
    assert rows(read(tmp_path, f"{HEAD}u\ti\t{text}\n"))[0][2] == number


def test_sequences(tmp_path: Any) -> None:
    head = "item_id:token\ttags:token_seq\tv:float_seq\n"
    table = read(tmp_path, head + "i\ta  NA\t1 2.5\nj\t\t\nk\ta  NA\t-1\n")
    assert [list(each) for each in table.frame["tags"]] == [["a", "NA"], [], ["a", "NA"]]
    assert [list(each) for each in table.frame["v"]] == [[1, 2.5], [], [-1]]
    with pytest.raises(InputError, match=r"line 3: column 'v': 'x' is no number; .* v:token_seq"):
        read(tmp_path, head + "i\ta\t1 2\nj\tb\t1 x\n")


@pytest.mark.parametrize("separator", [",", ";", " ", "|", "::", "<>"])
def test_separators_are_taken_literally(tmp_path: Any, separator: str) -> None:
    form = FORM._replace(separator=separator, seq_separator="/")
    text = (HEAD + 'u\t"i\t1\nv\tNA\t\n').replace("\t", separator)
    assert rows(read(tmp_path, text, form)) == [["u", '"i', 1.0], ["v", "NA", None]]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "gbk"])
def test_encodings(tmp_path: Any, encoding: str) -> None:
    token = "é" if encoding != "gbk" else "影"
    table = read(
        tmp_path, f"{HEAD}u\t{token}\t1\n".encode(encoding), FORM._replace(encoding=encoding)
    )
    assert rows(table) == [["u", token, 1.0]]


def test_some_columns_and_no_rows(tmp_path: Any) -> None:
    read(tmp_path, HEAD + "u\ti\t1\n")
    file = AtomicFile(tmp_path / "toy.inter", FORM)
    assert file.names == ["user_id", "item_id", "timestamp"]
    assert list(file.read(["timestamp", "user_id"]).frame) == ["user_id", "timestamp"]
    for content in (HEAD, HEAD[:-1], HEAD + "\n\n"):
        table = read(tmp_path, content)
        assert len(table.frame) == 0 and table.frame["timestamp"].dtype == np.float64


token = st.text(st.characters(exclude_characters="\t\n\r\0", codec="utf-8"), max_size=4)
number = st.one_of(st.none(), st.floats(-1e30, 1e30, allow_nan=False))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(token, token, number), max_size=9))
def test_whatever_is_written_is_read(tmp_path: Any, written: List[Any]) -> None:
    text = "".join(f"{u}\t{i}\t{'' if x is None else repr(x)}\n" for u, i, x in written)
    found = rows(read(tmp_path, HEAD + text))
    assert [row[:2] for row in found] == [[u or None, i or None] for u, i, _ in written]
    expected = [np.nan if x is None else x for _, _, x in written]
    np.testing.assert_allclose(np.array([row[2] for row in found], float), expected, rtol=1e-15)


# -- what is refused -------------------------------------------------------------------------------

REFUSED: Dict[str, Any] = {
    "fewer fields": ("u\ti\t1\nu\tj\n", r"line 3: 2 fields, and the header has 3$"),
    "more fields": ("u\ti\t1\n\nu\tj\t2\t\n", r"line 4: 4 fields, and the header has 3$"),
    "blanks alone": ("u\ti\t1\n  \n", r"line 3: 1 field, and the header has 3"),
    "other separator": (
        "u,i,1\n",
        r"line 2: 1 field, .* looks separated by ','; if so, set --field_separator=','$",
    ),
    "NUL": ("u\ti\t1\nu\tj\0\t2\n", r"line 3: it holds a NUL byte"),
    "thousands": ("u\ti\t1,000\n", r"line 2: column 'timestamp': '1,000' is no number; write 1000"),
    "decimal comma": ("u\ti\t3,5\n", r"'3,5' is no number; write 3\.5, with a '\.'$"),
    "date": (
        "u\ti\t1\nu\tj\t2020-01-01\n",
        r"line 3: .* write a time as a number, 1577836800 in s",
    ),
    "time": ("u\ti\t2020-01-01T10:00:00+02:00\n", r"a number, 1577865600 in seconds since 1970$"),
    "word": ("u\ti\tsoon\n", r"'soon' is no number; .* declare the column as timestamp:token$"),
    "boolean": ("u\ti\tTrue\nu\tj\tFalse\n", r"line 2: .*'True' is no number; write 1$"),
    "underscore": ("u\ti\t1_000\n", r"'1_000' is no number"),
    "other digits": ("u\ti\t\u0663\n", "'\u0663' is no number"),
    "hexadecimal": ("u\ti\t0x10\n", r"'0x10' is no number"),
    "nanoseconds": (
        "u\ti\t1\nu\tj\t1700000000000000001\n",
        r"line 3: .*: 1700000000000000001 has more digits than double precision holds; write times",
    ),
    "infinite": ("u\ti\t1\nu\tj\tinf\n", r"line 3: .*: inf is beyond what single precision holds$"),
    "too large": ("u\ti\t1e39\n", r"1e\+39 is beyond what single precision holds$"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Any, name: str) -> None:
    content, words = REFUSED[name]
    with pytest.raises(InputError, match=r"^.*toy\.inter: " + ".*" + words) as caught:
        read(tmp_path, HEAD + content)
    assert "\n" not in str(caught.value)


HEADERS = {
    "": "the file is empty",
    "\nu\ti": "line 1 is empty",
    "user_id\titem_id\n": "column 'user_id' has no type; write user_id:token",
    "item_id:token\tbrand\n": "column 'brand' has no type; write brand:token, or brand:float for n",
    "item_id:token\tbrand:\n": "column 'brand:' has no type; write brand:token",
    "timestamp\tuser_id:token\n": "column 'timestamp' has no type; write timestamp:float",
    "user_id:token,item_id:token\n": r"is one column; it looks separated by ','; .*separator=','$",
    "user_id,item_id\n": "is one column; it looks separated by ','",
    "user_id:token item_id:token\n": r"looks separated by a blank; .*--field_separator=' '$",
    "user_id:token\titem_id:token \n": "'item_id:token ' has a blank too many; write item_id:tok",
    '"user_id:token"\t"item_id:token"\n': "has quotes, and atomic files know none; write u",
    "user_id:token\ta:float\ta:float\n": "column 'a' is there twice",
    "user_id:float\titem_id:token\n": "is declared as float; write user_id:token",
    "user_id:token\ttimestamp:token\n": "is declared as token; write timestamp:float",
    "user_id:token\ta:int\n": "has the unknown type 'int'; known are token, token_seq, float",
    "user_id:token\t:float\n": "has no name",
    "a\0:token\n": "line 1: it holds a NUL byte",
    "user_id:token\titem_id:token\t\n": "line 1: column 3 of 3 is empty",
    "\ufeff\ufeffuser_id:token\n": "line 1 begins with a second byte-order mark",
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_is_wrong_is_named(tmp_path: Any, header: str) -> None:
    with pytest.raises(InputError, match=r"toy\.inter: .*" + HEADERS[header]):
        read(tmp_path, header)


def test_what_does_not_decode_names_line_and_encoding(tmp_path: Any) -> None:
    with pytest.raises(InputError, match=r"line 3: byte 0xe9 is no utf-8; .*--encoding=latin-1$"):
        read(tmp_path, (HEAD + "u\ti\t1\nu\té\t2\n").encode("latin-1"))
    with pytest.raises(InputError, match=r"line 3: byte 0xe9 is no utf-8; "):
        read(tmp_path, (HEAD + "u\ti\t1\nu\té\t2\n").replace("\n", "\r").encode("latin-1"))
    with pytest.raises(InputError, match=r"line 1: byte 0xff is no utf-8; .*--encoding=utf-16$"):
        read(tmp_path, HEAD.encode("utf-16"))
    with pytest.raises(
        InputError, match=r"no text in utf-16; name the encoding .*--encoding=utf-8$"
    ):
        read(tmp_path, HEAD, FORM._replace(encoding="utf-16"))


def test_a_folder_and_a_missing_file_are_named(tmp_path: Any) -> None:
    for path in (tmp_path, tmp_path / "none.inter"):
        with pytest.raises(InputError, match=f"^{path}: cannot be read: "):
            AtomicFile(path, FORM)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"encoding": "utf9"}, "encoding: Python knows no encoding of text 'utf9'"),
        ({"encoding": "base64"}, "encoding: Python knows no encoding of text 'base64'"),
        ({"field_separator": ""}, "field_separator: expected a character such as ',', not ''"),
        ({"seq_separator": None}, "seq_separator: expected a character such as ',', not None"),
        ({"seq_separator": "\t"}, r"seq_separator: .* separates the columns already"),
    ],
)
def test_a_format_that_cannot_be_is_refused(keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        Format.of({**CONFIG, **keys})


CONFIG = {
    "field_separator": "\\t",  # as a shell hands it over
    "seq_separator": " ",
    "encoding": None,
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "TIME_FIELD": "timestamp",
}


def test_a_format_by_a_configuration() -> None:
    assert Format.of(CONFIG) == FORM

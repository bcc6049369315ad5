"""Lines of text: what ends them, and those that are none."""

from pathlib import Path

import pytest

from recbole_poem.serving.files.lines import BadLine, text_lines


def lines_of(tmp_path: Path, content: bytes) -> list:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    return list(text_lines(path))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_end_of_a_line_is_one(tmp_path: Path, end: bytes) -> None:
    text = "ü\u2028\x0b".encode()
    assert lines_of(tmp_path, b"a" + end + end + text + end + b"last") == [
        (1, "a"),
        (2, ""),
        (3, "ü\u2028\x0b"),
        (4, "last"),
    ]


def test_a_mark_at_the_beginning_is_skipped_and_elsewhere_refused(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    (first, second) = lines_of(tmp_path, mark + b"a\n" + mark + b"b\n")
    assert first == (1, "a")
    assert second[1].reason.startswith("it begins with a byte-order mark")
    assert lines_of(tmp_path, mark) == []
    assert lines_of(tmp_path, b"") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"b\0", "it holds a NUL byte"),
        (b"b\xff", "it is no text in UTF-8 (byte 0xff); save the file as UTF-8"),
        (b"\xed\xa0\x80", "it is no text in UTF-8 (byte 0xed)"),
        ("Größe".encode("latin-1"), "it is no text in UTF-8 (byte 0xf6)"),
    ],
)
def test_what_is_no_text_is_told_by_its_line_and_the_rest_is_read(
    tmp_path: Path, line: bytes, words: str
) -> None:
    first, (number, bad), last = lines_of(tmp_path, b"a\n" + line + b"\nc")
    assert (first, last) == ((1, "a"), (3, "c"))
    assert isinstance(bad, BadLine)
    assert (number, bad.number) == (2, 2)
    assert bad.reason.startswith(words)

"""The lines of an atomic file, block by block, each with as many fields as the header has."""

import codecs
import re
from pathlib import Path
from typing import IO, Iterator, NamedTuple

import numpy as np

from recbole_poem.core.atomic.header import Format, looks_separated
from recbole_poem.core.errors import InputError

#: Characters that are read at a time.
BLOCK_CHARACTERS = 1 << 25
#: Stands for a separator of more than one character, which pandas' compiled parser cannot take.
_UNIT = "\x1f"
_UNDECODED = re.compile("[\udc80-\udcff]")
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Block(NamedTuple):
    """Some consecutive lines of a file.

    Attributes
    ----------
    text : bytes
        The lines that are not blank, in UTF-8, each with LF at its end.
    line : (R,) int64
        Their numbers in the file, from 1.
    """

    text: bytes
    line: np.ndarray


def first_line(path: Path, form: Format) -> str:
    """Return the first line of a file without its end.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or does not decode.
    """
    with _opened(path, form) as file:
        line = _read(file, path, form, line=True)
        if not line:
            raise InputError(f"{path}: the file is empty")
        _refuse_nul(path, line, 1)
        return line.rstrip("\n")


def blocks(path: Path, form: Format, n_fields: int) -> Iterator[Block]:
    """Yield the lines behind the first one.

    Parameters
    ----------
    path : Path
    form : Format
    n_fields : int
        Fields of the header.

    Raises
    ------
    InputError
        Naming the line: a NUL byte, more or fewer fields than the header has, bytes that are no
        text in the encoding.
    """
    with _opened(path, form) as file:
        _read(file, path, form, line=True)
        number, rest = 2, ""
        while True:
            text = _read(file, path, form)
            last = not text
            text = rest + text
            end = len(text) if last else text.rfind("\n") + 1
            whole, rest = text[:end], text[end:]
            del text  # a block is held once while it is parsed
            if whole:
                whole += "" if whole.endswith("\n") else "\n"
                block = _checked(path, form, whole, number, n_fields)
                number += whole.count("\n")
                del whole
                yield block
            if last:
                return


def delimiter(form: Format) -> str:
    """Return what separates the fields in the text of a block."""
    return form.separator if len(form.separator.encode()) == 1 else _UNIT


def quoted(value: str) -> str:
    """Return a value for a message, cut where it is long."""
    return f"'{value}'" if len(value) <= 60 else f"'{value[:57]}...'"


def _opened(path: Path, form: Format) -> IO[str]:
    try:
        return path.open(encoding=form.encoding, newline=None)  # CR and CRLF become LF
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read(file: IO[str], path: Path, form: Format, line: bool = False) -> str:
    """Return the next line or the next characters of a file."""
    try:
        return file.readline() if line else file.read(BLOCK_CHARACTERS)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise _undecodable(path, form) from error


def _undecodable(path: Path, form: Format) -> InputError:
    """Return the error that names the first line which is no text in the encoding."""
    name = "utf-8" if form.encoding == "utf-8-sig" else form.encoding
    with path.open("rb") as raw:
        hint = _MARKS.get(raw.read(2), "latin-1" if name == "utf-8" else "utf-8")
    mend = f"name the encoding of the file, such as --encoding={hint}"
    number = 0
    # bytes that do not decode become halves of surrogate pairs
    with path.open(encoding=form.encoding, errors="surrogateescape", newline=None) as file:
        try:
            for number, line in enumerate(file, 1):
                found = _UNDECODED.search(line)
                if found is not None:
                    byte = f"0x{ord(found[0]) - 0xDC00:02x}"
                    return InputError(f"{path}: line {number}: byte {byte} is no {name}; {mend}")
        except UnicodeError:  # an encoding whose characters are no single bytes
            pass
    return InputError(f"{path}: line {number + 1}: it is no text in {name}; {mend}")


def _refuse_nul(path: Path, text: str, first: int) -> None:
    place = text.find("\0")
    if place >= 0:
        number = first + text.count("\n", 0, place)
        raise InputError(f"{path}: line {number}: it holds a NUL byte; is the file damaged?")


def _checked(path: Path, form: Format, text: str, first: int, n_fields: int) -> Block:
    """Return whole lines as a block, those that are blank left out."""
    _refuse_nul(path, text, first)
    mark = delimiter(form)
    if mark != form.separator:
        if mark in text:
            number = first + text.count("\n", 0, text.find(mark))
            raise InputError(
                f"{path}: line {number}: the character 0x1f cannot stand beside "
                f"field_separator {form.separator!r}"
            )
        text = text.replace(form.separator, mark)
    content = text.encode()
    characters = np.frombuffer(content, np.uint8)
    end = np.flatnonzero(characters == ord("\n"))
    begin = np.r_[0, end[:-1] + 1]
    blank = begin == end
    separators = np.flatnonzero(characters == ord(mark))
    fields = 1 + np.diff(np.searchsorted(separators, end), prepend=0)
    wrong = np.flatnonzero((fields != n_fields) & ~blank)
    if len(wrong):
        place = wrong[0]
        line = content[begin[place] : end[place]].decode()
        raise InputError(_miscounted(path, form, line, first + place, int(fields[place]), n_fields))
    line_number = first + np.flatnonzero(~blank)
    if blank.any():
        content = b"".join(line for line in content.splitlines(keepends=True) if line != b"\n")
    return Block(content, line_number)


def _miscounted(path: Path, form: Format, line: str, number: int, found: int, expected: int) -> str:
    count = "1 field" if found == 1 else f"{found} fields"
    words = f"{path}: line {number}: {count}, and the header has {expected}"
    other = looks_separated(line, form.separator) if found == 1 else ""
    return f"{words}; {other}" if other else words

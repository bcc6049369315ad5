"""Encodings of files of text, and where one of them is broken."""

import codecs
from pathlib import Path

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.reading import opened

_GZIP = b"\x1f\x8b"


def encoding_of(name: str) -> str:
    """Return the codec of Python for an encoding; that of UTF-8 skips a byte-order mark.

    Raises
    ------
    InputError
        If Python knows none.
    """
    try:
        known = codecs.lookup(name).name
        "".encode(known)  # base64 and the like are no encodings of text
    except LookupError as error:
        raise InputError(f"--encoding: Python knows no encoding of text {name!r}") from error
    return "utf-8-sig" if known == "utf-8" else name


def undecodable(path: Path, encoding: str) -> InputError:
    """Return the error that names the first line of a file which is no text in the encoding."""
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    if _beginning(path) == _GZIP:
        return InputError(f"{path}: it is packed by gzip; name it {path.name}.gz")
    mend = f"name the encoding of the file, such as --encoding={_other(path, name)}"
    number = 0
    with opened(path, None) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode(name)
            except UnicodeDecodeError as error:
                byte = f"0x{line[error.start]:02x}"
                return InputError(f"{path}, line {number}: byte {byte} is no {name}; {mend}")
            except UnicodeError:  # an encoding whose lines cannot be told by their bytes
                break
    return InputError(f"{path}: it is no text in {name}; {mend}")


def _beginning(path: Path) -> bytes:
    with opened(path, None) as stream:
        found: bytes = stream.read(2)
    return found


def _other(path: Path, name: str) -> str:
    if _beginning(path) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    return "latin-1" if name == "utf-8" else "utf-8"

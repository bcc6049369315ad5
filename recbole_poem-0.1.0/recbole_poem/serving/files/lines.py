"""The lines of a text file, one at a time, each with its number; those that are no text told."""

from pathlib import Path
from typing import Iterator, NamedTuple, Optional, Tuple, Union

_MARK = "\ufeff"


class BadLine(NamedTuple):
    """A line that is no request."""

    number: int
    reason: str


def text_lines(path: Path) -> Iterator[Tuple[int, Union[str, BadLine]]]:
    r"""Yield the lines of a file in UTF-8, without their ends.

    A byte-order mark at the beginning is skipped. A line ends with ``\n``, ``\r\n`` or ``\r``, and
    the last one with the file.

    Parameters
    ----------
    path : Path

    Yields
    ------
    number : int
        Of the line, from 1.
    line : str or BadLine
        A line with a NUL byte, with bytes that are no UTF-8, or with a byte-order mark is bad.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    # bytes that are no UTF-8 become halves of surrogate pairs, which no UTF-8 spells
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            text = line[:-1] if line.endswith("\n") else line
            reason = _wrong(text)
            yield number, text if reason is None else BadLine(number, reason)


def _wrong(text: str) -> Optional[str]:
    """Return why a line is no text, None if it is."""
    if "\0" in text:
        return "it holds a NUL byte; take it out, or save the file as UTF-8"
    if text.isascii():
        return None
    if text.startswith(_MARK):
        return "it begins with a byte-order mark, which stands at the beginning of a file alone"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        return f"it is no text in UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
    return None

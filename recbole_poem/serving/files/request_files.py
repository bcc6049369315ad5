"""Requests in files, CSV, JSON lines or Parquet, read as a stream.

A line is a request::

    request,history                                      CSV: tokens separated by blanks
    u1,i5 i7 i9

    {"request": "u1", "history": ["i5", "i7"],           JSON lines: with an entry, if there is one
     "entry": {"items": ["i1"], "objectives": ["click"], "scores": [[0.9]]}}

Parquet has the columns of the CSV, ``history`` as a list of strings or as one string. All may have
``times`` as well, of the items of the history: a list, or numbers separated by blanks.
"""

import csv
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

from recbole_poem.errors import InputError
from recbole_poem.serving.entry import Entry
from recbole_poem.serving.files.formats import by_suffix, parquet
from recbole_poem.serving.history import checked_times

_COLUMNS = ("request", "history", "times")
_ENTRY = ("items", "objectives", "scores")


class Request(NamedTuple):
    """One request of a file."""

    number: int  # of its line
    name: str
    history: List[str]
    entry: Optional[Entry]
    times: Optional[Sequence[float]] = None  # of the items of the history


class BadLine(NamedTuple):
    """A line that is no request."""

    number: int
    reason: str


def parse_request(number: int, fields: Any) -> Request:
    """Read a request from the fields of a line.

    Raises
    ------
    ValueError
        Saying what is wrong.
    """
    if not isinstance(fields, dict):
        raise ValueError("it is no mapping of names to values")
    name, history = fields.get("request"), fields.get("history")
    if name is None or isinstance(name, (dict, list)):
        raise ValueError("'request' is missing or no name")
    if isinstance(history, str):
        history = history.split()
    if not isinstance(history, (list, tuple)):
        raise ValueError("'history' is missing or no list of item tokens")
    if any(token is None or isinstance(token, (dict, list)) for token in history):
        raise ValueError("'history' holds something that is no token")
    tokens = [str(token) for token in history]
    times = _times(fields.get("times"), len(tokens))
    return Request(number, str(name), tokens, _entry(fields.get("entry")), times)


def readable(line: Union[Request, BadLine], objectives: Sequence[str]) -> Union[Request, BadLine]:
    """Return a line; one whose entry lacks an objective that the model reads is a bad one."""
    missing = line.entry.missing(objectives) if isinstance(line, Request) and line.entry else None
    if missing is None:
        return line
    reads = ", ".join(objectives)
    return BadLine(line.number, f"the objective '{missing}' is missing; the model reads {reads}")


def _times(times: Any, n_items: int) -> Optional[Sequence[float]]:
    if isinstance(times, str):
        times = times.split() or None
    if times is None:
        return None
    if not isinstance(times, (list, tuple)):
        raise ValueError("'times' is no list of numbers")
    try:
        return checked_times("'times'", times, n_items)
    except InputError as error:
        raise ValueError(str(error)) from error


def _entry(fields: Any) -> Optional[Entry]:
    if fields is None:
        return None
    parts: List[Any] = [fields.get(name) for name in _ENTRY] if isinstance(fields, dict) else []
    if not parts or not all(isinstance(part, list) for part in parts):
        raise ValueError("'entry' has to be a mapping of the lists items, objectives and scores")
    return Entry.of(*parts)


def read_requests(path: Path) -> Iterator[Union[Request, BadLine]]:
    """Read the requests of a file, one at a time.

    Raises
    ------
    InputError
        If the file is missing, of another kind or unreadable from its beginning.
    """
    return _named(path, by_suffix(path, _READERS)(path))


def _named(path: Path, lines: "Iterator[Union[Request, BadLine]]") -> Iterator[Any]:
    """Yield `lines`; what goes wrong with the file is told with its name."""
    try:
        yield from lines
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8 ({error.reason})") from error


def _checked(number: int, fields: Any) -> Union[Request, BadLine]:
    try:
        return parse_request(number, fields)
    except ValueError as error:
        return BadLine(number, str(error))


def _read_csv(path: Path) -> Iterator[Union[Request, BadLine]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        _require_columns(path, rows.fieldnames or [])
        try:
            for fields in rows:
                if None in fields:
                    yield BadLine(rows.line_num, "it has more fields than the header")
                else:
                    yield _checked(rows.line_num, fields)
        except csv.Error as error:
            yield BadLine(rows.line_num, str(error))


def _read_json_lines(path: Path) -> Iterator[Union[Request, BadLine]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadLine(number, f"it is no JSON ({error})")
            else:
                yield _checked(number, fields)


def _read_parquet(path: Path) -> Iterator[Union[Request, BadLine]]:
    try:
        file = parquet().ParquetFile(path)
    except (ValueError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InputError(f"{path}: is no Parquet file: {error}") from error
    with file:
        _require_columns(path, file.schema_arrow.names)
        number = 0
        names = [name for name in _COLUMNS if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=names):
            for fields in batch.to_pylist():
                number += 1
                yield _checked(number, fields)


def _require_columns(path: Path, names: Any) -> None:
    for column in ("request", "history"):
        if column not in names:
            raise InputError(
                f"{path}: has no column '{column}' (it has {', '.join(map(str, names))})"
            )


_READERS: Dict[str, Callable[[Path], Iterator[Union[Request, BadLine]]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}

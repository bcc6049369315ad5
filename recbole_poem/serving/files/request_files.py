"""Requests in files, CSV, JSON lines or Parquet, read as a stream.

A line is a request::

    request,history                                      CSV: tokens separated by blanks
    u1,i5 i7 i9

    {"request": "u1", "history": ["i5", "i7"],           JSON lines: with a ranking, if there is one
     "ranking": {"items": ["i1"], "objectives": ["click"], "scores": [[0.9]]}}

``older`` is a list of the rankings before it, the youngest first, for a model that reads several.
All may have more, each for its request alone: ``times`` of the items of the history, ``k``,
``allow``, ``deny`` and ``filter_seen``, as in `recbole_poem.serving.query.Query`. What is a list in
JSON lines is separated by blanks in CSV, and either in Parquet. An empty cell and null say nothing.
"""

from difflib import get_close_matches
from math import isnan
from pathlib import Path
from re import compile as pattern
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from recbole_poem.core.errors import InputError
from recbole_poem.core.parquet import parquet
from recbole_poem.serving import json_text
from recbole_poem.serving.files.cells import value_of
from recbole_poem.serving.files.csv_row import split_row
from recbole_poem.serving.files.formats import by_suffix
from recbole_poem.serving.files.lines import BadLine, text_lines
from recbole_poem.serving.files.request_fields import FIELDS, Request, parse_request, refuse_unknown
from recbole_poem.serving.log_times import LogTimes
from recbole_poem.serving.ranking import Needs

Line = Union[Request, BadLine]
_RANKINGS = ("ranking", "older")  # a table has no cell for them
_COLUMNS = tuple(field for field in FIELDS if field not in _RANKINGS)
_INDEX = pattern(r"__index_level_\d+__")  # the numbers of a frame's rows, which pandas adds


def read_requests(path: Path) -> Iterator[Line]:
    """Read the requests of a file, one at a time.

    Raises
    ------
    InputError
        If the file is missing, of another kind, without a request or unreadable from its beginning.
    """
    return _named(path, by_suffix(path, _READERS)(path))


def answerable(lines: Iterable[Line], needs: Needs, log_times: LogTimes) -> Iterator[Line]:
    """Yield lines, without what no model could answer.

    A request is bad that names another one's name, lacks what the model reads, or has a time in
    another unit.

    Parameters
    ----------
    lines : iterable of Request or BadLine
    needs : Needs
        What the model reads in a ranking.
    log_times : LogTimes
        Of the rows that the model learned from.
    """
    first: Dict[str, int] = {}
    for line in lines:
        if isinstance(line, Request):
            lacking = _unreadable(line, needs, log_times)
            if lacking is not None:
                line = BadLine(line.number, lacking)
            elif first.setdefault(line.name, line.number) != line.number:
                words = f"the request '{line.name}' is there already, in line {first[line.name]}"
                line = BadLine(line.number, f"{words}; give each one a name of its own")
        yield line


def _unreadable(line: Request, needs: Needs, log_times: LogTimes) -> Optional[str]:
    """Say why the rankings or the times of a request cannot be read, None if they can."""
    try:
        log_times.require("'times'", line.times)
    except InputError as error:
        return str(error)
    rankings = [line.ranking, *line.older]
    lacking = [needs.lacking(ranking) for ranking in rankings if ranking is not None]
    return next(filter(None, [needs.too_many(len(rankings)), *lacking]), None)


def _named(path: Path, lines: Iterator[Line]) -> Iterator[Line]:
    """Yield `lines`; what goes wrong with the file is told with its name."""
    n_lines = 0
    try:
        for line in lines:
            n_lines += 1
            yield line
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not n_lines:
        raise InputError(f"{path}: holds no request; write one a line")


def _checked(number: int, fields: Any) -> Line:
    try:
        return parse_request(number, fields)
    except InputError as error:
        return BadLine(number, str(error))


def _read_csv(path: Path) -> Iterator[Line]:
    rows = _csv_rows(path)
    number, header = next(rows, (0, BadLine(0, "")))
    if isinstance(header, BadLine):
        reason = f"line {number}: {header.reason}" if number else "is empty; it needs a header"
        raise InputError(f"{path}: {reason}")
    _check_columns(path, header)
    for number, cells in rows:
        if isinstance(cells, BadLine):
            yield cells
        elif cells == header:
            yield BadLine(number, "it is the header again; leave the first one")
        elif len(cells) != len(header):
            yield BadLine(number, _miscounted(len(cells), len(header)))
        else:
            yield _checked(number, _values(zip(header, cells)))


def _csv_rows(path: Path) -> Iterator[Tuple[int, Union[List[str], BadLine]]]:
    """Yield the fields of each line that is not blank, and its number."""
    for number, line in text_lines(path):
        if isinstance(line, BadLine):
            yield number, line
        elif line.strip():
            try:
                yield number, split_row(line)
            except InputError as error:
                yield number, BadLine(number, str(error))


def _miscounted(found: int, expected: int) -> str:
    return (
        f"it has {found} {'field' if found == 1 else 'fields'}, and the header {expected}; write "
        "tokens with blanks between them, and a field that holds a comma between quotes"
    )


def _read_json_lines(path: Path) -> Iterator[Line]:
    for number, line in text_lines(path):
        if isinstance(line, BadLine):
            yield line
        elif line.strip():
            try:
                yield parse_request(number, json_text.parse(line))
            except InputError as error:
                yield BadLine(number, str(error))


def _read_parquet(path: Path) -> Iterator[Line]:
    number = 0
    for rows in _parquet_rows(path):
        for fields in rows:
            number += 1
            yield _checked(number, _values(fields.items()))


def _parquet_rows(path: Path) -> Iterator[List[Dict[str, Any]]]:
    """Yield the rows of a file, some after the others."""
    with path.open("rb") as content:
        try:
            file = parquet().ParquetFile(content)
            names = [name for name in file.schema_arrow.names if not _INDEX.fullmatch(name)]
            _check_columns(path, names)
            batches = file.iter_batches(columns=names)
        except InputError:
            raise
        except (ValueError, OSError) as error:
            raise InputError(f"{path}: is no Parquet file: {error}") from error
        while True:
            try:
                rows = next(batches, None)
                found = None if rows is None else rows.to_pylist()
            except (ValueError, OSError) as error:
                raise InputError(f"{path}: is damaged: {error}") from error
            if found is None:
                return
            yield found


def _values(cells: Iterable[Tuple[str, Any]]) -> Dict[str, Any]:
    """Return the values of a row by their columns; a text says a list, a number or a switch."""
    return {
        column: value_of(column, cell) if isinstance(cell, str) else _whole(column, cell)
        for column, cell in cells
    }


def _whole(column: str, cell: Any) -> Any:
    """Return a cell; numbers beside gaps are fractions in a frame, and so in Parquet."""
    if column != "k" or not isinstance(cell, float):
        return cell
    if isnan(cell):
        return None
    return int(cell) if cell.is_integer() else cell


def _check_columns(path: Path, names: List[str]) -> None:
    for column in ("request", "history"):
        if column not in names:
            near = get_close_matches(column, names, n=1)
            hint = f"; rename '{near[0]}'" if near else ""
            hint = "; separate columns by commas" if len(names) == 1 else hint
            raise InputError(f"{path}: has no column '{column}' (it has {', '.join(names)}){hint}")
    for name in _RANKINGS:
        if name in names:
            raise InputError(f"{path}: has a column '{name}', which JSON lines alone can bring")
    try:
        refuse_unknown("the column", names, _COLUMNS)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: has two columns '{name}'; leave one of them")


_READERS: Dict[str, Callable[[Path], Iterator[Line]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}

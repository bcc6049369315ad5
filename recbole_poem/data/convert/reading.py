"""Reading ``.csv`` and ``.csv.gz`` part by part: bounded memory, a bar of bytes, errors by line."""

import csv
import gzip
import io
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple

import pandas as pd
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import Column, as_numbers, as_text, check_header
from recbole_poem.data.convert.row_check import RowCheck

#: Rows that are in memory at a time.
CHUNK_ROWS = 250_000


def find(folder: Path, pattern: str) -> List[Path]:
    """List the files of `folder` that match `pattern`, as ``.csv`` or ``.csv.gz``, by name.

    Raises
    ------
    InputError
        If one is there in both forms.
    """
    paths = [*folder.glob(f"{pattern}.csv"), *folder.glob(f"{pattern}.csv.gz")]
    names = {stem(path): path for path in paths}
    for path in paths:
        if names[stem(path)] != path:
            raise InputError(f"{path} and {names[stem(path)]} are the same file; keep one of them")
    return [names[name] for name in sorted(names)]


def either(folder: Path, *names: str) -> Optional[Path]:
    """Return the file of a folder that has one of some names; None where there is none.

    Raises
    ------
    InputError
        If two of them are there.
    """
    paths = [path for name in names if (path := folder / name).is_file()]
    if len(paths) > 1:
        raise InputError(f"{paths[0]} and {paths[1].name} are the same file; keep one of them")
    return next(iter(paths), None)


def some_names(folder: Path) -> str:
    """Return the first names of what is in a folder, for messages."""
    return ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"


def stem(path: Path) -> str:
    """Return the name of a file without ``.csv`` or ``.csv.gz``."""
    return path.name[: -len(".gz")][: -len(".csv")] if path.suffix == ".gz" else path.stem


def data_folder(source: Path) -> Path:
    """Return `source`, or the folder ``data`` in it where a published archive keeps its files.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not source.is_dir():
        raise InputError(f"--source: there is no folder {source}")
    inner = source / "data"
    return inner if inner.is_dir() and not [*source.glob("*.csv"), *source.glob("*.csv.gz")] else (
        source
    )  # fmt: skip


@contextmanager
def progress(paths: List[Path], passes: int = 1) -> Iterator[Any]:
    """Show a bar over the bytes of `paths`, each of which is read `passes` times."""
    total = passes * sum(path.stat().st_size for path in paths)
    with tqdm(
        total=total,
        unit="B",
        unit_scale=True,
        desc="Converting",
        disable=None,  # silent in a pipe
    ) as bar:
        yield bar


def header_of(path: Path, separator: str = ",") -> List[str]:
    """Return the names of the columns of a file.

    Raises
    ------
    InputError
        If it cannot be read or is empty.
    """
    with opened(path, None) as stream:
        line = stream.readline().decode("utf-8-sig", "replace").rstrip("\r\n")
    if not line:
        raise InputError(f"{path}: the file is empty")
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error as error:  # lines that end by \r alone, or what is no text
        raise InputError(
            f"{path}, line 1: it names no columns ({error}); let lines end by \\n"
        ) from error


def chunks(
    path: Path,
    columns: Dict[str, Column],
    what: str,
    bar: Any = None,
    only: Any = None,
    separator: str = ",",
) -> Iterator[Tuple[int, pd.DataFrame]]:
    """Yield a file in parts, all values checked.

    Parameters
    ----------
    columns : dict
        Those that the file has to have, no more and no fewer.
    what : str
        What the file is, for errors.
    bar : optional
        A bar of bytes to move on.
    only : list of str, optional
        The columns to read.
    separator : str
        Between the fields of a line.

    Yields
    ------
    line : int
        Of the file, on which the part begins.
    part : (at most `CHUNK_ROWS`, C) DataFrame
        Numbers as `as_numbers` returns them, text as strings.

    Raises
    ------
    InputError
        Names the file, and line and column where they are known.
    """
    header = header_of(path, separator)
    check_header(path, header, columns, what)
    used = list(only or columns)
    text = {name: str for name in used if columns[name].kind == "text"}
    line = 2
    with opened(path, bar, RowCheck(path, len(header), separator)) as stream:
        try:
            parts = pd.read_csv(
                stream,
                sep=separator,
                usecols=only,  # where all are wanted it stays None: else long lines go unnoticed
                dtype=text,
                keep_default_na=False,
                na_values={name: ["", "nan", "NaN"] for name in used if name not in text},
                chunksize=CHUNK_ROWS,
                float_precision="round_trip",
                low_memory=False,
            )
            for part in parts:
                if not isinstance(part.index, pd.RangeIndex):
                    raise InputError(f"{path}: its rows have more fields than its header")
                checked = {
                    name: as_text(part[name])
                    if name in text
                    else as_numbers(part[name], columns[name].kind, path, line)
                    for name in used
                }
                yield line, pd.DataFrame(checked, copy=False)
                line += len(part)
        except pd.errors.ParserError as error:
            raise InputError(f"{path}: {' '.join(str(error).split())}") from error


def whole(path: Path, columns: Dict[str, Column], what: str, bar: Any = None) -> pd.DataFrame:
    """Return a file that is small in one part; see `chunks`."""
    parts = [part for _, part in chunks(path, columns, what, bar)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))


def text_lines(path: Path, bar: Any = None) -> Iterator[str]:
    """Yield the lines of a file; carriage returns become blanks, broken characters a mark.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with opened(path, bar) as stream:
        for line in stream:
            yield line.decode("utf-8-sig", "replace").rstrip("\r\n").replace("\r", " ") + "\n"


@contextmanager
def opened(path: Path, bar: Any, check: Optional[RowCheck] = None) -> Iterator[Any]:
    """Open a file, packed or not, as a stream of its bytes.

    Parameters
    ----------
    path : Path
    bar : optional
        A bar of bytes to move on.
    check : RowCheck, optional
        Looks at the bytes as they go by.

    Raises
    ------
    InputError
        If it cannot be read, is damaged or was cut short.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    with file, io.BufferedReader(_Source(path, file, bar, check), 1 << 20) as stream:
        yield stream


class _Source(io.RawIOBase):
    """The bytes of a file, unpacked; moves a bar on by the bytes of the file itself."""

    def __init__(
        self, path: Path, file: BinaryIO, bar: Any, check: Optional[RowCheck] = None
    ) -> None:
        self._path, self._file, self._bar, self._check = path, file, bar, check
        self._content: Any = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        try:
            data = self._content.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                f"{self._path}: the file is damaged or was cut short ({error}); get it again"
            ) from error
        buffer[: len(data)] = data
        if self._check is not None:
            self._check.feed(data)
        if self._bar is not None:
            position = self._file.tell()
            self._bar.update(position - self._position)
            self._position = position
        return len(data)

"""Recommendations in files, CSV, JSON lines or Parquet: a stream, written whole or not at all."""

from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, Protocol, Sequence

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file
from recbole_poem.core.parquet import parquet
from recbole_poem.serving.files.formats import by_suffix
from recbole_poem.serving.query import Answer

_COLUMNS = ("request", "rank", "item", "score")


def rows_of(names: Sequence[str], answers: Sequence[Answer]) -> pd.DataFrame:
    """Return the answers to requests as the rows that are written.

    Parameters
    ----------
    names : sequence of str
        Of the requests.
    answers : sequence of Answer
        As many.

    Returns
    -------
    DataFrame
        Columns request, rank (from 1), item, score (float32).
    """
    lengths = np.array([len(answer.items) for answer in answers], np.int64)
    number = np.repeat(np.arange(len(names)), lengths)
    begin = np.cumsum(lengths) - lengths
    return pd.DataFrame(
        {
            "request": np.array(names, dtype=object)[number],
            "rank": np.arange(len(number)) - begin[number] + 1,
            "item": [item for answer in answers for item in answer.items],
            "score": np.array([one for answer in answers for one in answer.scores], np.float32),
        }
    )


class Write(Protocol):
    """Writes the next recommendations: columns request, rank, item, score."""

    def __call__(self, recommendations: pd.DataFrame) -> None:
        """Write some rows."""


@contextmanager
def writer(path: Path) -> Iterator[Write]:
    """Yield a function that writes recommendations to a file of the kind its name tells.

    The file appears when the block ends without an exception, whole.

    Raises
    ------
    InputError
        If it is of another kind, or cannot be written.
    """
    make = by_suffix(path, _WRITERS)
    try:
        with whole_file(path) as file, make(file) as write:
            yield write
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _write_csv(file: IO[bytes]) -> Iterator[Write]:
    file.write((",".join(_COLUMNS) + "\n").encode())

    def write(recommendations: pd.DataFrame) -> None:
        recommendations.to_csv(file, index=False, header=False, columns=list(_COLUMNS))

    yield write


@contextmanager
def _write_json_lines(file: IO[bytes]) -> Iterator[Write]:
    def write(recommendations: pd.DataFrame) -> None:
        if len(recommendations):
            rows = recommendations[list(_COLUMNS)]
            text = rows.to_json(orient="records", lines=True, force_ascii=False)
            file.write((text if text.endswith("\n") else text + "\n").encode())

    yield write


@contextmanager
def _write_parquet(file: IO[bytes]) -> Iterator[Write]:
    import pyarrow as pa

    types = (pa.string(), pa.int32(), pa.string(), pa.float32())
    schema = pa.schema(list(zip(_COLUMNS, types)))
    with parquet().ParquetWriter(file, schema) as table:

        def write(recommendations: pd.DataFrame) -> None:
            rows = recommendations[list(_COLUMNS)].astype({"request": str, "item": str})
            table.write_table(pa.Table.from_pandas(rows, schema=schema, preserve_index=False))

        yield write


_WRITERS: Dict[str, Callable[[IO[bytes]], Any]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}

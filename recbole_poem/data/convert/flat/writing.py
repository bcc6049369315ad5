"""A flat store, written beside its atomic file: whole, or not at all."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.atomic import AtomicFile, Column, Format
from recbole_poem.core.atomic.alike_tokens import alike_among
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_folder, writing
from recbole_poem.core.plurals import counted
from recbole_poem.data.convert.flat.array_file import ArrayFile
from recbole_poem.data.convert.flat.numbering import Numbered, number_rows
from recbole_poem.data.convert.flat.sorting import ROW as ROW_FIELD
from recbole_poem.data.convert.flat.sorting import record_of, sorted_rows
from recbole_poem.data.convert.flat.sources import source_of
from recbole_poem.data.convert.flat.tables import write_table
from recbole_poem.data.convert.flat.token_files import TOKENS_AT_ONCE, write_order, write_tokens
from recbole_poem.data.convert.flat.token_numbers import TokenNumbers
from recbole_poem.log.flat.header import FILE, Array, Header, StoredColumn
from recbole_poem.log.flat.store import FIRST, OFFSETS, ROW, folder_of
from recbole_poem.log.flat.tables import StoredTable
from recbole_poem.log.flat.token_ids import TokenIds

_ROWS_AT_ONCE = 4_000_000


def write_flat(
    path: Path, form: Format, fields: Tuple[str, str, str], rows_at_once: int = _ROWS_AT_ONCE
) -> str:
    """Write the flat store of a ``.inter`` file beside it; an earlier one is replaced.

    Tables of users and items, ``.user`` and ``.item`` beside it, are stored as well.

    Parameters
    ----------
    path : Path
        The atomic file, ``<dataset>.inter``.
    form : Format
    fields : tuple of str
        The columns of users, of items and of times.
    rows_at_once : int
        To hold in memory.

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with the file, rows without a user, item or time included, and if the
        store cannot be written.
    """
    file = AtomicFile(path, form)
    columns = [column for column in file.columns if not column.type.endswith("_seq")]
    for field in fields:
        if field not in [column.name for column in columns]:
            raise InputError(
                f"{path}: there is no column '{field}' (it has {', '.join(file.names)}); name the "
                "columns with --user, --item and --time"
            )
    if len(set(fields)) < len(fields):
        raise InputError(
            f"--user, --item and --time: they name three columns, not {', '.join(fields)}"
        )
    folder, before = folder_of(path.parent, path.stem), path.stat()
    _refuse_others(folder)
    with writing(folder), whole_folder(folder) as new, tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f".{folder.name}-rows-"
    ) as scratch:
        numbered = number_rows(file, columns, fields, Path(scratch))
        arrays = _write_rows(new, numbered, fields, Path(scratch), rows_at_once)
        arrays.update(_write_tokens(new, numbered, fields))
        known = {field: numbered.tokens.pop(field) for field in fields[:2]}
        tables, more = _write_tables(new, path, form, known, Path(scratch))
        arrays.update(more)
        header = Header(
            rows=numbered.n_rows,
            source=source_of(path, before),
            form=(form.separator, form.seq_separator, form.encoding),
            fields=fields,
            columns=[
                _stored(place, column)._replace(
                    missing=numbered.types[column.name].n_missing if column.type == "float" else 0
                )
                for place, column in enumerate(columns)
            ],
            left_out=[column.name for column in file.columns if column not in columns],
            alike={field: _alike(new, columns, field) for field in fields[:2]},
            arrays=arrays,
            tables=tables,
        )
        (new / FILE).write_text(header.text(), encoding="utf-8")
    return _summary(folder, header, numbered, fields)


def _refuse_others(folder: Path) -> None:
    """Refuse to replace a file, and a folder that holds what is no part of a store."""
    if folder.is_file():
        raise InputError(f"{folder}: a file is where the flat store belongs, a folder; move it")
    others = [file for file in folder.glob("*") if file.suffix != ".npy" and file.name != FILE]
    if others:
        raise InputError(
            f"{min(others)}: it is no part of a flat store, and would be lost; move it"
        )


def _stored(place: int, column: Column) -> StoredColumn:
    """Name the files of a column."""
    of_tokens = [f"{kind}_{place}.npy" for kind in ("tokens", "order")]
    return StoredColumn(
        column.name,
        column.type,
        f"values_{place}.npy",
        *(of_tokens if column.type == "token" else (None, None)),
    )


def _write_rows(
    folder: Path, numbered: Numbered, fields: Tuple[str, str, str], scratch: Path, at_once: int
) -> Dict[str, Array]:
    """Write all that has an element a row, and where users begin."""
    record, n_rows = record_of(numbered, fields), numbered.n_rows
    offsets = np.r_[0, np.cumsum(numbered.counts)]
    names = {str(place): f"values_{place}.npy" for place in range(len(numbered.columns))}
    names[ROW_FIELD] = ROW
    user = str([column.name for column in numbered.columns].index(fields[0]))
    with ExitStack() as stack:
        enter = stack.enter_context
        files = {
            field: enter(ArrayFile(folder / name, record[field], n_rows))
            for field, name in names.items()
        }
        first = enter(ArrayFile(folder / FIRST, np.int64, n_rows))
        begins = enter(ArrayFile(folder / OFFSETS, np.int64, len(offsets)))
        begins.append(offsets)
        for rows in sorted_rows(numbered, fields, scratch, at_once):
            for field, file in files.items():
                file.append(rows[field])
            first.append(offsets[rows[user] - 1])
    return {file.name: file.entry for file in (*files.values(), first, begins)}


def _write_tokens(
    folder: Path, numbered: Numbered, fields: Tuple[str, str, str]
) -> Dict[str, Array]:
    """Write the tokens of all columns, and their order; those of users and items are kept."""
    arrays = {}
    for place, column in enumerate(numbered.columns):
        if column.name not in numbered.tokens:
            continue
        stored = _stored(place, column)
        assert stored.tokens is not None and stored.order is not None
        arrays.update(write_tokens(folder / stored.tokens, numbered.tokens[column.name]))
        arrays.update(write_order(folder / stored.order, folder / stored.tokens))
        if column.name not in fields:
            del numbered.tokens[column.name]
    return arrays


def _write_tables(
    folder: Path, path: Path, form: Format, tokens: Dict[str, TokenNumbers], scratch: Path
) -> Tuple[Dict[str, StoredTable], Dict[str, Array]]:
    """Write the tables of users and items that are there, by the `tokens` of their columns."""
    tables, arrays = {}, {}
    for kind, (field, known) in zip(("user", "item"), tokens.items()):
        file = path.with_suffix(f".{kind}")
        if file.is_file() and field in AtomicFile(file, form).names:
            tables[kind], written = write_table(folder, file, form, field, known, scratch)
            arrays.update(written)
    return tables, arrays


def _alike(folder: Path, columns: List[Column], field: str) -> List[Tuple[str, str, int]]:
    """Find the tokens of a column that are written in two ways."""
    place = [column.name for column in columns].index(field)
    tokens = np.load(folder / f"tokens_{place}.npy", mmap_mode="r")
    ids = TokenIds(np.asarray(tokens), np.load(folder / f"order_{place}.npy", mmap_mode="r"))
    parts = (
        pd.Index(tokens[begin : begin + TOKENS_AT_ONCE], dtype=object)
        for begin in range(1, len(tokens), TOKENS_AT_ONCE)
    )
    return alike_among(parts, lambda odd: ids.of(odd) > 0)


def _summary(folder: Path, header: Header, numbered: Numbered, fields: Tuple[str, str, str]) -> str:
    size = sum(array.bytes for array in header.arrays.values())
    arrays = {
        column.name: header.arrays[column.tokens] for column in header.columns if column.tokens
    }
    users, items = (arrays[field].length - 1 for field in fields[:2])
    words = (
        f"{folder.name}: {counted(header.rows, 'row')} of {counted(users, 'user')} and "
        f"{counted(items, 'item')}, {len(header.columns)} columns, {size / 2**20:,.1f} MiB"
    )
    if header.left_out:
        words += f"; left out, as they hold sequences: {', '.join(header.left_out)}"
    return words

"""A flat store of a synthetic log of any size, written directly: no text file is made or read.

The log has the shape of KuaiRand-27K: users of a long tail, 30 days, five columns of feedback,
every item at least once and a few of them often; and a table of items with an author, tags, a day
and a length. The store's own writer writes it, a part of the users or items at a time. Its rows
number themselves as if the file had stood by user and time, and items have other numbers than the
order of such a file would give them, which nothing reads. The atomic files beside it are their
header lines alone.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np

from recbole_poem.core.atomic import Format
from recbole_poem.data.convert.flat.array_file import ArrayFile
from recbole_poem.log.flat.header import FILE, Array, Header, Source, StoredColumn
from recbole_poem.log.flat.store import FIRST, OFFSETS, ROW, crc32_of_file, folder_of
from recbole_poem.log.flat.tables import StoredTable, TableColumn

FIELDS = ("user_id", "item_id", "timestamp")
ITEM_HEADER = "item_id:token\tauthor:token\ttags:token_seq\tday:token\tlength:float\n"
FLAGS = {"click": 0.4, "long_view": 0.3, "like": 0.02}
_ROWS_AT_ONCE = 1_000_000
_BEGIN_MS, _DAYS = 1_650_000_000_000, 30


def write_store(folder: Path, name: str, rows: int, n_users: int, n_items: int) -> None:
    """Write ``<name>.flat`` and the header line of ``<name>.inter`` into a folder of that name.

    Parameters
    ----------
    folder : Path
    name : str
    rows, n_users, n_items : int
        ``n_users <= rows`` and ``n_items <= rows``.
    """
    path = folder / name / f"{name}.inter"
    path.parent.mkdir(parents=True)
    kinds: Dict[str, Any] = {**dict.fromkeys(FIELDS[:2], np.int64), FIELDS[2]: np.float64}
    kinds.update(dict.fromkeys(FLAGS, np.uint8), play_ms=np.int32, duration_ms=np.int32)
    columns = [_column(place, each) for place, each in enumerate(kinds)]
    path.write_text("\t".join(f"{each.name}:{each.type}" for each in columns) + "\n")
    store = folder_of(path.parent, name)
    store.mkdir()
    offsets = _offsets(rows, n_users)
    files = {
        **{each.values: kinds[each.name] for each in columns},
        ROW: np.min_scalar_type(rows),
        FIRST: np.int64,
    }
    with ExitStack() as stack:
        opened = {
            file: stack.enter_context(ArrayFile(store / file, kind, rows))
            for file, kind in files.items()
        }
        for part in _parts(offsets, rows, n_items):
            for file, values in zip(opened.values(), part):
                file.append(values)
    arrays = {each.name: each.entry for each in opened.values()}
    with ArrayFile(store / OFFSETS, np.int64, len(offsets)) as file:
        file.append(offsets)
    arrays[OFFSETS] = file.entry
    table, more = _write_items(path.with_suffix(".item"), store, n_items)
    arrays.update(more)
    for column, number in zip(columns, (n_users, n_items)):
        arrays.update(_write_tokens(store, column.tokens or "", column.order, number))
    form = Format()
    header = Header(
        rows=rows,
        source=_source(path),
        form=(form.separator, form.seq_separator, form.encoding),
        fields=FIELDS,
        columns=columns,
        left_out=[],
        alike={field: [] for field in FIELDS[:2]},
        arrays=arrays,
        tables={"item": table},
    )
    (store / FILE).write_text(header.text(), encoding="utf-8")


def _column(place: int, name: str) -> StoredColumn:
    if name in FIELDS[:2]:
        tokens = f"tokens_{place}.npy", f"order_{place}.npy"
        return StoredColumn(name, "token", f"values_{place}.npy", *tokens)
    return StoredColumn(name, "float", f"values_{place}.npy")


def _offsets(rows: int, n_users: int) -> np.ndarray:
    """Return where the rows of each user begin: one row each, and a long tail of the rest."""
    share = np.cumsum(np.random.default_rng(0).lognormal(size=n_users))
    extra = (share / share[-1] * (rows - n_users)).astype(np.int64)
    return np.r_[0, np.arange(1, n_users + 1) + extra]


def _parts(offsets: np.ndarray, rows: int, n_items: int) -> Iterator[List[np.ndarray]]:
    """Yield the arrays that have an element a row, users whole, in the order of the files."""
    cuts = np.unique(np.searchsorted(offsets[:-1], np.arange(0, offsets[-2] + 1, _ROWS_AT_ONCE)))
    every = rows // n_items  # so often the next item comes, which each item needs once
    for begin, end in zip(cuts, [*cuts[1:], len(offsets) - 1]):
        rng = np.random.default_rng([1, int(begin)])
        size, number = np.diff(offsets[begin : end + 1]), np.arange(offsets[begin], offsets[end])
        first = offsets[begin:end].repeat(size)
        item = 1 + (n_items * rng.power(3, len(number))).astype(np.int64)
        item = np.where(number % every == 0, 1 + number // every % n_items, item)
        duration = rng.integers(3_000, 300_000, len(number), dtype=np.int32)
        yield [
            np.arange(begin + 1, end + 1).repeat(size),
            item,
            _times(rng, size),
            *(rng.random(len(number), np.float32) < share for share in FLAGS.values()),
            (duration * rng.random(len(number), np.float32)).astype(np.int32),
            duration,
            number,
            first,
        ]


def _times(rng: np.random.Generator, size: np.ndarray) -> np.ndarray:
    """Draw the times of some users, each's in order: what is left between them is alike."""
    ends = np.cumsum(size)
    passed = np.cumsum(rng.standard_exponential(ends[-1]))
    before = np.r_[0, passed[ends[:-1] - 1]]
    whole = passed[ends - 1] - before + 1
    share = (passed - before.repeat(size)) / whole.repeat(size)
    return np.floor(_BEGIN_MS + _DAYS * 86_400_000 * share)


def _source(path: Path) -> Source:
    status = path.stat()
    return Source(path.name, status.st_size, status.st_mtime_ns, crc32_of_file(path))


def _write_items(path: Path, store: Path, n_items: int) -> Tuple[StoredTable, Dict[str, Array]]:
    """Write the table of items, in the order of their ids."""
    n_authors = max(1, n_items // 20)
    columns = [
        TableColumn("author", "token", "item_values_0.npy", "item_tokens_0.npy"),
        TableColumn(
            "tags", "token_seq", "item_values_1.npy", "item_tokens_1.npy", "item_offsets_1.npy", 3
        ),
        TableColumn("day", "token", "item_values_2.npy", "item_tokens_2.npy"),
        TableColumn("length", "float", "item_values_3.npy"),
    ]
    names = ["item_id", *(column.name for column in columns)]
    path.write_text(ITEM_HEADER)
    number = np.min_scalar_type(n_items)
    kinds = [np.min_scalar_type(n_authors), np.uint8, np.uint8, np.int32, number, number, np.int64]
    files = [*(column.values for column in columns), "item_ids.npy", "item_place.npy"]
    n_tags = np.arange(1, n_items + 1) % 4
    lengths = [n_items, int(n_tags.sum()), n_items, n_items, n_items, n_items + 1, n_items + 1]
    with ExitStack() as stack:
        opened = [
            stack.enter_context(ArrayFile(store / file, kind, length))
            for file, kind, length in zip([*files, "item_offsets_1.npy"], kinds, lengths)
        ]
        opened[5].append(np.zeros(1))
        opened[6].append(np.zeros(1))
        end = 0
        for begin, stop in _pieces(n_items):
            rng, ids = np.random.default_rng([2, begin]), np.arange(begin + 1, stop + 1)
            size = n_tags[begin:stop]
            ends = end + np.cumsum(size)
            end = int(ends[-1])
            part = [
                rng.integers(1, n_authors + 1, len(ids)),
                rng.integers(1, 61, size.sum()),
                rng.integers(1, 31, len(ids)),
                rng.integers(3_000, 300_000, len(ids)),
                ids,
                ids,
                ends,
            ]
            for file, values in zip(opened, part):
                file.append(values)
    arrays = {file.name: file.entry for file in opened}
    for column, count in zip(columns[:3], (n_authors, 60, 30)):
        arrays.update(_write_tokens(store, column.tokens or "", None, count))
    table = StoredTable(
        _source(path), "item_id", n_items, n_items, (), 0, 0, names, columns, *files[4:6]
    )
    return table, arrays


def _write_tokens(
    store: Path, name: str, order_name: Optional[str], number: int
) -> Dict[str, Array]:
    """Write tokens of eight digits, which stand in their own order, and that order if asked."""
    arrays = {}
    with ArrayFile(store / name, "<U8", number + 1) as tokens:
        for begin, end in _pieces(number + 1):
            digits = np.arange(begin, end)[:, None] // 10 ** np.arange(7, -1, -1) % 10
            text = (digits + ord("0")).astype(np.uint32).view("<U8").ravel()
            if begin == 0:
                text[0] = "[PAD]"
            tokens.append(text)
    arrays[name] = tokens.entry
    if order_name is not None:
        with ArrayFile(store / order_name, np.int64, number + 1) as order:
            for begin, end in _pieces(number + 1):
                ids = np.arange(begin + 1, end + 1)
                order.append(np.where(ids > number, 0, ids))  # a bracket comes behind the digits
        arrays[order_name] = order.entry
    return arrays


def _pieces(length: int) -> Iterator[Tuple[int, int]]:
    for begin in range(0, length, _ROWS_AT_ONCE):
        yield begin, min(begin + _ROWS_AT_ONCE, length)

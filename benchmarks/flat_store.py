"""A flat store of a synthetic log of any size, written directly: no text file is made or read.

The log has the shape of KuaiRand-27K: 27 thousand users of a long tail, 30 days, five columns of
feedback, every item at least once and a few of them often. The store's own writer writes it, a
part of the users at a time. Its rows number themselves as if the file had stood by user and time,
and items have other numbers than the order of such a file would give them, which nothing reads.
The atomic file beside it is its header line alone.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import numpy as np

from recbole_poem.core.atomic import Format
from recbole_poem.data.convert.flat.array_file import ArrayFile
from recbole_poem.log.flat.header import FILE, Array, Header, Source, StoredColumn
from recbole_poem.log.flat.store import FIRST, OFFSETS, ROW, crc32_of_file, folder_of

FIELDS = ("user_id", "item_id", "timestamp")
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
    kinds = {**dict.fromkeys(FIELDS[:2], np.int64), FIELDS[2]: np.float64}
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
    for column, number in zip(columns, (n_users, n_items)):
        arrays.update(_write_tokens(store, column, number))
    status, form = path.stat(), Format()
    header = Header(
        rows=rows,
        source=Source(path.name, status.st_size, status.st_mtime_ns, crc32_of_file(path)),
        form=(form.separator, form.seq_separator, form.encoding),
        fields=FIELDS,
        columns=columns,
        left_out=[],
        alike={field: [] for field in FIELDS[:2]},
        arrays=arrays,
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
    cuts = np.unique(np.searchsorted(offsets, np.arange(0, rows, _ROWS_AT_ONCE)))
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


def _write_tokens(store: Path, column: StoredColumn, number: int) -> Dict[str, Array]:
    """Write tokens of eight digits, which stand in their own order."""
    assert column.tokens is not None and column.order is not None
    with ArrayFile(store / column.tokens, "<U8", number + 1) as tokens, ArrayFile(
        store / column.order, np.int64, number + 1
    ) as order:
        for begin, end in _pieces(number + 1):
            digits = np.arange(begin, end)[:, None] // 10 ** np.arange(7, -1, -1) % 10
            text = (digits + ord("0")).astype(np.uint32).view("<U8").ravel()
            ids = np.arange(begin + 1, end + 1)
            if begin == 0:
                text[0] = "[PAD]"
            if end > number:
                ids[-1] = 0  # a bracket comes behind the digits
            tokens.append(text)
            order.append(ids)
    return {tokens.name: tokens.entry, order.name: order.entry}


def _pieces(length: int) -> Iterator[Tuple[int, int]]:
    for begin in range(0, length, _ROWS_AT_ONCE):
        yield begin, min(begin + _ROWS_AT_ONCE, length)

"""The table of users or of items of a flat store: typed columns, in the order of its file."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.atomic import AtomicFile, Column, Format, Table
from recbole_poem.data.convert.flat.array_file import ArrayFile
from recbole_poem.data.convert.flat.narrow_types import NarrowType
from recbole_poem.data.convert.flat.numbering import ids_of
from recbole_poem.data.convert.flat.sources import source_of
from recbole_poem.data.convert.flat.token_files import write_order, write_tokens
from recbole_poem.data.convert.flat.token_numbers import TokenNumbers
from recbole_poem.log.flat.header import Array
from recbole_poem.log.flat.tables import StoredTable, TableColumn

_LINES = 4  # of rows without an id that are kept: three are named


def write_table(
    folder: Path, path: Path, form: Format, field: str, known: TokenNumbers, scratch: Path
) -> Tuple[StoredTable, Dict[str, Array]]:
    """Write the table of a ``.user`` or ``.item`` file to a store.

    Parameters
    ----------
    folder : Path
        Of the store.
    path : Path
    form : Format
    field : str
        The column that says whose a row is.
    known : TokenNumbers
        Of the log; those that it lacks are added.
    scratch : Path
        For temporary files.

    Raises
    ------
    InputError
        For what `AtomicFile` refuses, and for a file that is changed while it is read.
    """
    file = AtomicFile(path, form)
    n_of_log, before = len(known), path.stat()
    table = _TableReader(file, field, known, scratch)
    table.read()
    kind = path.suffix[1:]
    arrays = table.write(folder, kind)
    stored = StoredTable(
        source_of(path, before),
        field,
        *table.counts,
        names=file.names,
        columns=table.columns(kind),
        ids=f"{kind}_ids.npy",
        place=f"{kind}_place.npy",
    )
    if len(known) > n_of_log:
        tokens, order = f"{kind}_tokens.npy", f"{kind}_order.npy"
        arrays.update(write_tokens(folder / tokens, known))
        arrays.update(write_order(folder / order, folder / tokens))
        stored = stored._replace(tokens=tokens, order=order)
    return stored, arrays


class _Counts(NamedTuple):
    rows: int = 0
    read: int = 0
    nameless: Tuple[int, ...] = ()
    n_nameless: int = 0
    n_repeated: int = 0


class _TableReader:
    """Reads a table part by part to temporary files, and writes its columns when all is known."""

    def __init__(self, file: AtomicFile, field: str, known: TokenNumbers, scratch: Path) -> None:
        self._file, self._field, self._known, self._scratch = file, field, known, scratch
        ids = Column(field, "token")
        self._columns = [c for c in file.columns if c != ids and c.type != "float_seq"]
        tokens = [c.name for c in self._columns if c.type.startswith("token")]
        self._tokens = {name: TokenNumbers() for name in tokens}
        self._types = {c.name: NarrowType() for c in self._columns if c.type == "float"}
        self._longest: Dict[str, int] = {}
        self._missing: Dict[str, int] = {}
        self._n_values: Dict[str, int] = {}
        self._seen = np.zeros(1, dtype=bool)  # by id
        self._parts: List[Path] = []
        self.counts = _Counts()

    def read(self) -> None:
        """Read the file."""
        for table in self._file.parts([self._field, *(c.name for c in self._columns)]):
            found = self._numbered(self._named(table))
            self._parts.append(
                self._scratch / f"{self._file.path.suffix[1:]}{len(self._parts)}.npz"
            )
            np.savez(self._parts[-1], **found)

    def _named(self, table: Table) -> pd.DataFrame:
        """Count the rows of a part, and return those that say whose they are."""
        lines = table.missing(self._field).tolist()
        self.counts = self.counts._replace(
            read=self.counts.read + len(table.frame),
            nameless=(*self.counts.nameless, *lines)[:_LINES],
            n_nameless=self.counts.n_nameless + len(lines),
        )
        return table.frame[table.frame[self._field].notna()]

    def _numbered(self, frame: pd.DataFrame) -> Dict[str, np.ndarray]:
        """Return the numbers of a part: of whom, and of each column by its place."""
        texts = {c.name: self._texts(frame[c.name]) for c in self._columns if "_seq" in c.type}
        for name in self._types:
            self._missing[name] = self._missing.get(name, 0) + int(frame[name].isna().sum())
        ids = ids_of(frame[self._field].array, self._known).astype(np.int64)
        self._seen = np.pad(self._seen, (0, len(self._known) + 1 - len(self._seen)))
        is_new = ~self._seen[ids] & ~pd.Series(ids).duplicated().to_numpy()
        self._seen[ids] = True
        self.counts = self.counts._replace(
            rows=self.counts.rows + int(is_new.sum()),
            n_repeated=self.counts.n_repeated + int((~is_new).sum()),
        )
        found = {"ids": ids[is_new]}
        for place, column in enumerate(self._columns):
            if column.type == "token":
                found[str(place)] = ids_of(
                    frame[column.name].array[is_new], self._tokens[column.name]
                )
            elif column.type == "float":
                values = frame[column.name].to_numpy()[is_new]
                found[str(place)] = self._types[column.name].narrowed(values)
            else:
                codes = np.asarray(frame[column.name].array.codes)[is_new]
                found.update(self._sequences(place, column, texts[column.name], codes))
        return found

    def _texts(self, column: pd.Series) -> List[List[str]]:
        """Split the texts of a part; the last one is of what is missing."""
        separator = self._file.form.seq_separator
        words = [list(filter(None, text.split(separator))) for text in column.array.categories]
        codes = np.unique(np.asarray(column.array.codes))
        longest = max((len(words[code]) for code in codes if code >= 0), default=0)
        name = str(column.name)
        self._longest[name] = max(self._longest.get(name, 0), longest)
        return [*words, []]

    def _sequences(
        self, place: int, column: Column, texts: List[List[str]], codes: np.ndarray
    ) -> Dict[str, np.ndarray]:
        """Return the lengths of the sequences of a part, and their numbers in a row."""
        known = self._tokens[column.name]
        met = pd.unique(codes[codes >= 0])  # in the order of the file, as their tokens have to be
        words = [word for code in met for word in texts[code]]
        size = np.zeros(len(texts), np.int64)
        size[met] = [len(texts[code]) for code in met]
        begin = np.zeros(len(texts), np.int64)
        begin[met] = np.cumsum(size[met]) - size[met]
        length = size[codes]
        ends = np.cumsum(length)
        index = np.arange(length.sum()) + (begin[codes] - (ends - length)).repeat(length)
        numbers = known.of(words) + 1
        self._n_values[column.name] = self._n_values.get(column.name, 0) + len(index)
        return {str(place): numbers[index], f"{place}n": length}

    # -- writing -----------------------------------------------------------------------------

    def write(self, folder: Path, kind: str) -> Dict[str, Array]:
        """Write the columns, whose each row is, and the row of each id."""
        rows = self.counts.rows
        n_ids = len(self._known) + 1
        place = np.zeros(n_ids, np.min_scalar_type(rows))
        with ExitStack() as stack:

            def opened(name: str, dtype: Any, length: int) -> ArrayFile:
                return stack.enter_context(ArrayFile(folder / name, dtype, length))

            ids = opened(f"{kind}_ids.npy", np.min_scalar_type(n_ids - 1), rows)
            files = {
                str(at): opened(c.values, self._dtype(c), self._n_values.get(c.name, rows))
                for at, c in enumerate(self.columns(kind))
                if c.offsets is None
            }
            offsets = {}
            for at, c in enumerate(self.columns(kind)):
                if c.offsets is not None:
                    files[str(at)] = opened(c.values, self._dtype(c), self._n_values.get(c.name, 0))
                    offsets[str(at)] = opened(c.offsets, np.int64, rows + 1)
                    offsets[str(at)].append(np.zeros(1, np.int64))
            begin, ends = 0, dict.fromkeys(offsets, 0)
            for path in self._parts:
                with np.load(path) as part:
                    place[part["ids"]] = np.arange(begin, begin + len(part["ids"])) + 1
                    begin += len(part["ids"])
                    ids.append(part["ids"])
                    for name, file in files.items():
                        file.append(part[name])
                    for name, file in offsets.items():
                        end = ends[name] + np.cumsum(part[f"{name}n"])
                        ends[name] = int(end[-1]) if len(end) else ends[name]
                        file.append(end)
                path.unlink()
            places = opened(f"{kind}_place.npy", place.dtype, n_ids)
            places.append(place)
        written = [ids, places, *files.values(), *offsets.values()]
        arrays = {file.name: file.entry for file in written}
        for c in self.columns(kind):
            if c.tokens is not None:
                arrays.update(write_tokens(folder / c.tokens, self._tokens[c.name]))
        return arrays

    def columns(self, kind: str) -> List[TableColumn]:
        """Describe the columns, once the file has been read."""
        found = []
        for place, (name, sort) in enumerate(self._columns):
            stem = f"{kind}_{{}}_{place}.npy"
            found.append(
                TableColumn(
                    name,
                    sort,
                    stem.format("values"),
                    tokens=stem.format("tokens") if name in self._tokens else None,
                    offsets=stem.format("offsets") if sort == "token_seq" else None,
                    length=self._longest.get(name, 0) if sort == "token_seq" else 1,
                    missing=self._missing.get(name, 0),
                )
            )
        return found

    def _dtype(self, column: TableColumn) -> np.dtype:
        if column.type == "float":
            return self._types[column.name].dtype
        return np.min_scalar_type(len(self._tokens[column.name]))

"""The values of an atomic file, exactly as they stand there, part by part in little memory."""

import codecs
import io
import re
from csv import QUOTE_NONE
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from recbole_poem.core.atomic.header import Column, Format, parse_header
from recbole_poem.core.atomic.lines import Block, blocks, delimiter, first_line, quoted
from recbole_poem.core.errors import InputError

#: What stands for a number that is missing; of tokens only the empty one is.
NO_NUMBER = ["", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None", "<NA>"]
_EXACT = 2**53  # whole numbers up to it are exact in double precision
_LARGEST = float(np.finfo(np.float32).max)  # models read single precision
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


class Table(NamedTuple):
    """Columns of an atomic file.

    Attributes
    ----------
    frame : DataFrame
        R rows. Tokens are categorical, missing ones NaN; numbers float64, missing ones NaN;
        sequences are arrays, of str or float64, maybe empty. The index is the number of the line,
        less 2: RecBole's own messages add 2 to it.
    file : AtomicFile
    """

    frame: pd.DataFrame
    file: "AtomicFile"

    def missing(self, name: str) -> np.ndarray:
        """Return the lines on which a column has no value, (E,) int64."""
        return self.frame.index.to_numpy()[self.frame[name].isna().to_numpy()] + 2

    def require(self, names: Sequence[str]) -> None:
        """Refuse a file in which one of some columns lacks a value.

        Raises
        ------
        InputError
            Naming the line.
        """
        for name in names:
            lines = self.missing(name)
            if len(lines):
                kind = "number" if self.frame[name].dtype.kind == "f" else "token"
                raise InputError(
                    f"{self.file.path}: line {lines[0]}: column '{name}' has no {kind}"
                )


class AtomicFile:
    """An atomic file whose header has been read.

    Parameters
    ----------
    path : Path
    form : Format

    Raises
    ------
    InputError
        If it cannot be read or its header is wrong.
    """

    def __init__(self, path: Union[str, Path], form: Format) -> None:
        self.path, self.form = Path(path), form
        self.columns = parse_header(self.path, first_line(self.path, form), form)
        self._place = {column.name: place for place, column in enumerate(self.columns)}

    @property
    def names(self) -> List[str]:
        """Names of all columns, in their order."""
        return [column.name for column in self.columns]

    def read(self, names: Optional[Sequence[str]] = None) -> Table:
        """Read some of the columns, or all of them.

        Raises
        ------
        InputError
            Naming line and column: see `recbole_poem.core.atomic`. A number has to be finite, and
            no larger than single precision can hold.
        """
        wanted = self._wanted(names)
        parts: Dict[str, List[Any]] = {column.name: [] for column in wanted}
        lines: List[np.ndarray] = []
        for block in self._blocks():
            lines.append(block.line)
            for column, values in zip(wanted, self._parsed(block, wanted)):
                parts[column.name].append(values)
        index = _index(lines)
        columns = {
            column.name: self._joined(column, parts[column.name], index) for column in wanted
        }
        return Table(pd.DataFrame(columns, index=index, copy=False), self)

    def parts(self, names: Sequence[str]) -> Iterator[Table]:
        """Yield some columns, tokens and numbers, part by part; each has categories of its own.

        Raises
        ------
        InputError
            As `read`.
        """
        wanted = self._wanted(names)
        for block in self._blocks():
            values = zip(wanted, self._parsed(block, wanted))
            columns = {column.name: part for column, part in values}
            yield Table(pd.DataFrame(columns, index=_index([block.line]), copy=False), self)

    def _wanted(self, names: Optional[Sequence[str]]) -> List[Column]:
        return [column for column in self.columns if names is None or column.name in names]

    def _blocks(self) -> Iterator[Block]:
        found = blocks(self.path, self.form, len(self.columns))
        return (block for block in found if len(block.line))

    def _parsed(self, block: Block, wanted: Sequence[Column]) -> List[Any]:
        """Return the values of some columns of a block, in their order."""
        frame = self._parse(block, wanted)
        values = []
        for column in wanted:
            found = frame[self._place[column.name]]
            if column.type == "float":
                found = self._as_numbers(block, column, found)
                self._refuse_large(block, column, found.to_numpy())
            values.append(found.array.copy())
        return values

    def _parse(self, block: Block, wanted: Sequence[Column]) -> pd.DataFrame:
        """Parse a block by pandas' compiled parser; columns are named by their places.

        A column of numbers is given no type: asked for one, the parser makes 1 of ``True`` and 1000
        of ``1_000``.
        """
        places = {self._place[column.name]: column for column in wanted}
        text = block.text
        if text.startswith(codecs.BOM_UTF8):  # a character here, and pandas would skip it
            text = codecs.BOM_UTF8 + text
        return pd.read_csv(
            io.BytesIO(text),
            sep=delimiter(self.form),
            header=None,
            names=list(range(len(self.columns))),
            usecols=list(places),
            dtype={place: "category" for place, column in places.items() if column.type != "float"},
            na_values={
                place: NO_NUMBER if column.type == "float" else [""]
                for place, column in places.items()
            },
            keep_default_na=False,
            quoting=QUOTE_NONE,
            skip_blank_lines=False,
            engine="c",
            float_precision="round_trip",
            low_memory=False,
        )

    def _as_numbers(self, block: Block, column: Column, found: pd.Series) -> pd.Series:
        """Return a column in float64, or raise the error that names the first field of text."""
        if found.dtype.kind in "iuf":
            numbers = found.astype(np.float64)
            if found.dtype.kind != "f":
                self._refuse_inexact(block, column, found.to_numpy())
            return numbers
        place = self._place[column.name]
        texts = self._parse(block, [column._replace(type="token")])[place].astype(object)
        known = texts.notna() & ~texts.isin(NO_NUMBER)
        bad = known & ~texts.astype(str).str.fullmatch(_NUMBER)
        if not bad.any():  # a whole number of more than 64 bits
            return texts.where(known, np.nan).astype(np.float64)
        row = int(np.argmax(bad))
        where = self._where(column, int(block.line[row]))
        text = str(texts.iloc[row])
        raise InputError(f"{where}: {quoted(text)} is no number{_mend(column, text)}")

    def _refuse_inexact(self, block: Block, column: Column, values: np.ndarray) -> None:
        """Refuse a whole number that double precision would round, such as nanoseconds."""
        far = np.flatnonzero((values > _EXACT) | (values < -_EXACT))
        with np.errstate(invalid="ignore"):  # beyond 2^63 no float comes back as what it was
            back = values[far].astype(np.float64).astype(values.dtype)
        rounded = far[back != values[far]]
        if len(rounded):
            where = self._where(column, int(block.line[rounded[0]]))
            raise InputError(
                f"{where}: {values[rounded[0]]} has more digits than double precision holds; write "
                f"times in a coarser unit, or declare the column as {column.name}:token"
            )

    def _refuse_large(self, block: Block, column: Column, values: np.ndarray) -> None:
        with np.errstate(invalid="ignore"):
            bad = np.flatnonzero(np.abs(values) > _LARGEST)
        if len(bad):
            where = self._where(column, int(block.line[bad[0]]))
            raise InputError(f"{where}: {values[bad[0]]:g} is beyond what single precision holds")

    def _where(self, column: Column, line: int) -> str:
        return f"{self.path}: line {line}: column '{column.name}'"

    def _joined(self, column: Column, parts: List[Any], index: pd.Index) -> Any:
        """Join the parts of a column and let go of them."""
        if column.type == "float":
            whole: Any = np.concatenate([np.empty(0), *(part.to_numpy() for part in parts)])
        else:
            empty = pd.Categorical([], categories=pd.Index([], dtype=object))
            whole = union_categoricals(parts) if parts else empty
        parts.clear()
        return self._sequences(column, whole, index) if column.type.endswith("_seq") else whole

    def _sequences(self, column: Column, texts: pd.Categorical, index: pd.Index) -> np.ndarray:
        """Split the texts of a column at the separator; equal texts share one array."""
        words = [
            list(filter(None, text.split(self.form.seq_separator))) for text in texts.categories
        ]
        empty = np.array([], dtype=str if column.type == "token_seq" else np.float64)
        known = np.empty(len(words) + 1, dtype=object)
        known[-1] = empty  # of code -1, a missing text
        for code, each in enumerate(words):
            known[code] = np.array(each) if each else empty
            if column.type == "float_seq":
                known[code] = self._numbers(column, each, texts, code, index)
        return known[texts.codes]

    def _numbers(
        self, column: Column, words: List[str], texts: pd.Categorical, code: int, index: pd.Index
    ) -> np.ndarray:
        values = pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").to_numpy(float)
        bad = np.flatnonzero(~(np.abs(values) <= _LARGEST))
        if len(bad):
            where = self._where(column, int(index[np.flatnonzero(texts.codes == code)[0]]) + 2)
            text = words[bad[0]]
            raise InputError(f"{where}: {quoted(text)} is no number{_mend(column, text)}")
        return values


def _index(lines: List[np.ndarray]) -> pd.Index:
    """Return the numbers of lines less 2, as a range where no line was left out."""
    n_rows = sum(map(len, lines))
    if not n_rows or lines[-1][-1] == n_rows + 1:
        return pd.RangeIndex(n_rows)
    return pd.Index(np.concatenate(lines) - 2)


def _mend(column: Column, text: str) -> str:
    """Say what would make a number of a text, if that can be told."""
    bare = text.strip()
    if _GROUPED.fullmatch(bare):
        return f"; write {bare.replace(',', '')}, without the ',' between thousands"
    if _DECIMAL_COMMA.fullmatch(bare):
        return f"; write {bare.replace(',', '.')}, with a '.'"
    if bare.lower() in ("true", "false"):
        return f"; write {int(bare.lower() == 'true')}"
    try:
        moment = datetime.fromisoformat(bare.replace("Z", "+00:00"))
    except ValueError:
        kind = column.type.replace("float", "token")
        return f"; mend it, or declare the column as {column.name}:{kind}"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return f"; write a time as a number, {moment.timestamp():.16g} in seconds since 1970"

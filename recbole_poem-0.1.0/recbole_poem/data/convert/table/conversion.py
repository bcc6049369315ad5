"""From a table of events to the atomic files of a data set, and the keys that its rows decide."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Union

import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.reading import CHUNK_ROWS, progress
from recbole_poem.data.convert.table.csv_table import CsvTable
from recbole_poem.data.convert.table.events import Events, events_of
from recbole_poem.data.convert.table.facts import facts_of
from recbole_poem.data.convert.table.frame_table import FrameTable, ParquetTable
from recbole_poem.data.convert.table.json_table import JsonTable
from recbole_poem.data.convert.table.naming import FIELDS, Named, chosen_columns
from recbole_poem.data.convert.table.preset import (
    check_edited,
    is_edited,
    preset_keys,
    preset_text,
)
from recbole_poem.data.convert.table.source import Reading, Table
from recbole_poem.data.convert.table.summary import summary_of
from recbole_poem.data.convert.table.times import TimeFormat
from recbole_poem.data.convert.writing import AtomicFiles

#: end of a file's name -> its reader; those of text may be packed, with .gz behind
_READERS: Dict[str, Callable[[Path, Reading], Table]] = {
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".txt": CsvTable,
    ".jsonl": JsonTable,
    ".ndjson": JsonTable,
    ".parquet": ParquetTable,
}


class Converted(NamedTuple):
    """A data set that was written.

    Attributes
    ----------
    dataset : str
        Its name, the key ``dataset``.
    data_path : Path
        The folder that holds its folder, the key ``data_path``.
    keys : dict
        What its file of keys says, if nobody edited it.
    summary : str
        What was read, guessed, dropped and written: a fact a line.
    """

    dataset: str
    data_path: Path
    keys: Dict[str, Any]
    summary: str


def convert(
    source: Union[str, Path, pd.DataFrame],
    output: Union[str, Path],
    user: Optional[str] = None,
    item: Optional[str] = None,
    time: Optional[str] = None,
    feedback: Sequence[str] = (),
    weight: Sequence[str] = (),
    *,
    separator: Optional[str] = None,
    encoding: str = "utf-8",
    columns: Optional[Sequence[str]] = None,
    time_unit: Optional[str] = None,
    time_format: Optional[str] = None,
    zone: Optional[str] = None,
    keep_duplicates: bool = False,
    drop_incomplete: bool = False,
) -> Converted:
    """Write a table of events, a row an event, as a data set.

    Parameters
    ----------
    source : path or DataFrame
        ``.csv``, ``.tsv``, ``.txt`` and ``.jsonl``, also with ``.gz``, and ``.parquet``.
    output : path
        The folder to write, named like the data set: ``dataset/shop`` gets ``shop.inter`` and
        ``shop.yaml``.
    user, item, time : str, optional
        Their columns; without one the column with a usual name is taken.
    feedback : sequence of str
        Columns of numbers (or true and false) that say how much it was liked; an objective each.
    weight : sequence of str
        Columns of numbers that are kept beside, such as a price.
    separator : str, optional
        Of CSV; guessed from the first lines.
    encoding : str
        Of a file of text.
    columns : sequence of str, optional
        Their names, of CSV without a header.
    time_unit : str, optional
        Of numbers: ``s``, ``ms``, ``us`` or ``ns``; told by their size otherwise.
    time_format : str, optional
        Of texts that are not ISO 8601, as ``strptime`` has it.
    zone : str, optional
        Of times without one, and of the users' clocks; UTC otherwise.
    keep_duplicates : bool
        Only count the rows that say the same as an earlier one.
    drop_incomplete : bool
        Leave out, and count, rows without a user, item or time, which are refused otherwise.

    Raises
    ------
    InputError
        For whatever is wrong with the table, naming the line; nothing is written then.
    """
    table = _opened(source, Reading(separator, encoding, None if columns is None else [*columns]))
    named = chosen_columns(table, {"user": user, "item": item, "time": time}, feedback, weight)
    how = TimeFormat(time_unit, time_format, zone)
    with progress(table.paths) if table.paths else nullcontext() as bar:
        events = events_of(table, named, how, keep_duplicates, drop_incomplete, bar)
    return _written(Path(output), table, named, events)


def _opened(source: Union[str, Path, pd.DataFrame], reading: Reading) -> Table:
    if isinstance(source, pd.DataFrame):
        if reading != Reading():
            raise InputError("a frame is no text; leave separator, encoding and columns out")
        return FrameTable(source)
    path = Path(source)
    ends = [end for end in _READERS if path.name.removesuffix(".gz").endswith(end)]
    if not ends or path.name.endswith(".parquet.gz"):
        known = ", ".join(_READERS)
        raise InputError(f"{path}: expected a name that ends with {known}, all of text maybe .gz")
    if not path.is_file():
        raise InputError(f"--input: there is no file {path}")
    return _READERS[ends[0]](path, reading)


def _written(output: Path, table: Table, named: Named, events: Events) -> Converted:
    """Write the files, all of them or none."""
    facts = facts_of(events)
    keys = preset_keys(facts, events.times, named.feedback)
    types = {FIELDS["user"]: "token", FIELDS["item"]: "token", FIELDS["time"]: "float"}
    types.update(dict.fromkeys(named.numbers, "float"))
    name = output.resolve().name
    beside = output / f"{name}.yaml"
    edited = is_edited(beside)
    if edited:
        check_edited(beside, events.times)
    rows = events.frame(FIELDS)
    with AtomicFiles(output, {"inter": types}) as files:
        for start in range(0, len(rows), CHUNK_ROWS):
            files.write("inter", rows[start : start + CHUNK_ROWS])
        if not edited:
            files.write_beside(beside.name, preset_text(name, keys))
    stays = f"{beside.name} was edited and stays as it is" if edited else ""
    data_path = output if output.name else output.resolve()
    return Converted(
        name,
        data_path.parent,
        {key.name: key.value for key in keys},
        summary_of(output, table, named, events, facts, stays),
    )

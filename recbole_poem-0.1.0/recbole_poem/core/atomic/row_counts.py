"""How many rows of which file were read, dropped and kept: what loading tells of a data set."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, NamedTuple


class Dropped(NamedTuple):
    """Rows that went.

    Attributes
    ----------
    number : int
    reason : str
        Ends the sentence "so many rows ...".
    asked : bool
        Whether a key asked for it.
    """

    number: int
    reason: str
    asked: bool


@dataclass
class FileRows:
    """The rows of one file.

    Attributes
    ----------
    name : str
        Of the file.
    read : int
        Rows in it.
    dropped : list of Dropped
        What went, in the order in which it did.
    notes : list of str
        What else is to be said of its rows.
    """

    name: str
    read: int
    dropped: List[Dropped] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)

    def drop(self, number: int, reason: str, asked: bool = False) -> None:
        """Count rows that went; none is no news."""
        if number:
            self.dropped.append(Dropped(number, reason, asked))

    @property
    def kept(self) -> int:
        """Rows that are left."""
        return self.read - sum(each.number for each in self.dropped)


@dataclass
class RowCounts:
    """The rows of all files of a data set, in the order in which they are read."""

    files: Dict[Path, FileRows] = field(default_factory=dict)

    def of(self, path: Path, read: int) -> FileRows:
        """Begin to count the rows of a file."""
        self.files[path] = FileRows(path.name, read)
        return self.files[path]

    @property
    def surprising(self) -> bool:
        """Whether rows went, or changed, that no key asked for."""
        return any(
            rows.notes or not all(each.asked for each in rows.dropped)
            for rows in self.files.values()
        )

    def table(self) -> str:
        """Return a table: a line for each file, reason and note."""
        width = max([4, *(len(rows.name) for rows in self.files.values())])
        lines = [f"{'rows of':<{width}} {'read':>11} {'kept':>11}  dropped"]
        for rows in self.files.values():
            said = [f"{each.number:,} {each.reason}" for each in rows.dropped] or ["0"]
            said += rows.notes
            lines.append(f"{rows.name:<{width}} {rows.read:>11,} {rows.kept:>11,}  {said[0]}")
            lines += [" " * (width + 26) + more for more in said[1:]]
        return "\n".join(lines)


def some_lines(lines: List[int]) -> str:
    """Name the first of some lines of a file."""
    shown = ", ".join(map(str, lines[:3]))
    word = "line" if len(lines) == 1 else "lines"
    return f"{word} {shown}" + (", ..." if len(lines) > 3 else "")

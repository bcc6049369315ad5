"""What a verb prints in several parts, for a terminal or as Markdown."""

from textwrap import fill, wrap
from typing import List, Protocol, Sequence

#: columns of a page for a terminal
WIDTH = 100
_GAP = 2  # blanks between the columns of a table


class Page(Protocol):
    """A page that grows part by part."""

    def heading(self, level: int, text: str) -> None:
        """Add a heading; level 1 is the title."""

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table of at least one row; its first column holds names."""

    def text(self) -> str:
        """Return the page."""


class TextPage:
    """A page of plain text, at most `WIDTH` columns wide."""

    def __init__(self) -> None:
        self._parts: List[str] = []

    def heading(self, level: int, text: str) -> None:
        """Add a heading, underlined by its level."""
        self._parts.append(f"{text}\n{'=-~'[level - 1] * len(text)}")

    def paragraph(self, text: str) -> None:
        """Add a paragraph, wrapped."""
        wrapped = fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
        self._parts.append(wrapped)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table whose long cells are wrapped."""
        widths = _widths([header, *rows])
        rule = [["-" * width for width in widths]]
        lines = [line for row in [header, *rule, *rows] for line in _lines(row, widths)]
        self._parts.append("\n".join(lines))

    def text(self) -> str:
        """Return the page."""
        return "\n\n".join(self._parts)


class MarkdownPage:
    """A page of Markdown."""

    def __init__(self) -> None:
        self._parts: List[str] = []

    def heading(self, level: int, text: str) -> None:
        """Add a heading."""
        self._parts.append(f"{'#' * level} {text}")

    def paragraph(self, text: str) -> None:
        """Add a paragraph, in one line."""
        self._parts.append(text)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table whose first column is code; a `<` of the others begins no tag."""
        cells = [[f"`{row[0]}`", *(cell.replace("<", "\\<") for cell in row[1:])] for row in rows]
        lines = [header, ["---"] * len(header), *cells]
        escaped = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
        self._parts.append("\n".join(f"| {line} |" for line in escaped))

    def text(self) -> str:
        """Return the page."""
        return "\n\n".join(self._parts)


def _widths(rows: Sequence[Sequence[str]]) -> List[int]:
    """Return the widths of the columns; the widest give way until all fit."""
    widths = [max(1, *map(len, column)) for column in zip(*rows)]
    while sum(widths) + _GAP * (len(widths) - 1) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> List[str]:
    cells = [wrap(cell, width) or [""] for cell, width in zip(row, widths)]
    height = max(map(len, cells))
    filled = [cell + [""] * (height - len(cell)) for cell in cells]
    gap = " " * _GAP
    return [
        gap.join(f"{part:{width}}" for part, width in zip(parts, widths)).rstrip()
        for parts in zip(*filled)
    ]

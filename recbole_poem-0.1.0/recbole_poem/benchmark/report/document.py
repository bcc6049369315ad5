"""The parts that a report is made of; `markdown` and `page` render them."""

import re
from collections import Counter
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

import plotly.graph_objects as go

DASH = "\u2013"  # where there is no number


class Cell(NamedTuple):
    """A cell of a table."""

    text: str
    minor: str = ""  # said after the text, smaller
    bold: bool = False
    code: bool = False
    tone: str = ""  # "good" or "bad"


class Row(NamedTuple):
    """A row of a table: its cells, and what is said in place of those that it lacks."""

    cells: List[Cell]
    instead: str = ""


class Table(NamedTuple):
    """A table; the first column names the rows, the others are numbers unless code or long."""

    header: List[str]
    rows: List[Row]


class Heading(NamedTuple):
    """A heading; level 1 is the title."""

    level: int
    text: str


class Paragraph(NamedTuple):
    """A paragraph.

    Its kind is "" or "verdict" (what the reader came for), "caution" (what may deceive the reader)
    or "note" (small).
    """

    text: str
    kind: str = ""


class Bullets(NamedTuple):
    """A list of short texts."""

    items: List[str]


class Contents(NamedTuple):
    """The list of contents: every heading of these levels that stands open, in their order."""

    levels: Tuple[int, ...] = (2, 3)


class Code(NamedTuple):
    """Text as it stands in a file."""

    text: str


class Chart(NamedTuple):
    """A plotly figure, which only a page can show, and one sentence that says how to read it."""

    figure: go.Figure
    caption: str


class Fold(NamedTuple):
    """Blocks behind a title that opens them."""

    title: str
    blocks: "Sequence[Block]"


class PageOnly(NamedTuple):
    """Blocks too long for the Markdown file."""

    blocks: "Sequence[Block]"


Block = Union[Heading, Paragraph, Bullets, Contents, Table, Code, Chart, Fold, PageOnly]


class Anchored(NamedTuple):
    """A heading, and the name by which a link finds it."""

    heading: Heading
    anchor: str


def anchored(blocks: Sequence[Block]) -> Iterator[Anchored]:
    """Name the headings of a report as GitHub does: in small letters, a second one by its number.

    Headings inside of folds come as well, since GitHub counts them. What is for the page only has
    none.
    """
    known: Dict[str, int] = Counter()
    for heading in _headings(blocks):
        name = re.sub(r"[^\w\- ]", "", heading.text.strip().lower()).replace(" ", "-")
        known[name] += 1
        yield Anchored(heading, name if known[name] == 1 else f"{name}-{known[name] - 1}")


def _headings(blocks: Sequence[Block]) -> Iterator[Heading]:
    for block in blocks:
        if isinstance(block, Heading):
            yield block
        elif isinstance(block, Fold):
            yield from _headings(block.blocks)


def number(value: float, digits: int = 4) -> str:
    """Write a number; a dash for NaN."""
    return DASH if value != value else f"{value:,.{digits}f}"


def mean_number(value: float, digits: int = 1) -> str:
    """Write a mean of whole numbers: without decimals where it is whole; a dash for NaN."""
    return number(value, 0 if value % 1 == 0 else digits)


def signed(value: float, digits: int = 4) -> str:
    """Write a number with its sign; a dash for NaN."""
    return DASH if value != value else f"{value:+,.{digits}f}".replace("-", "\u2212")


def percent(value: float) -> str:
    """Write a share as a signed percentage; a dash for NaN."""
    return DASH if value != value else f"{signed(100 * value, 1)}\u00a0%"


def p_value(value: float) -> str:
    """Write a p-value; a dash for NaN, which is no test."""
    if value != value:
        return DASH
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def p_equation(value: float) -> str:
    """Write ``p = ...`` or ``p < ...``, or that there is no test."""
    if value != value:
        return "no test is possible"
    words = p_value(value)
    return f"p {words}" if words.startswith("<") else f"p = {words}"

"""Rendering a report as Markdown, as GitHub reads it."""

import html
import re
from typing import Iterable, Sequence

from recbole_poem.benchmark.report.document import (
    Block,
    Cell,
    Chart,
    Code,
    Fold,
    Heading,
    PageOnly,
    Paragraph,
    Row,
    Table,
)


def render(blocks: Sequence[Block]) -> str:
    """Return the Markdown of `blocks`; charts and what is for the page only are left out."""
    return "\n\n".join(filter(None, map(_block, blocks))) + "\n"


def escape(text: str) -> str:
    """Write text so that Markdown takes no letter of it for markup."""
    text = re.sub(r"([\\`*\[\]|~#]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))
    return html.escape(text, quote=False)


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {escape(block.text)}"
    if isinstance(block, Paragraph):
        return f"**{escape(block.text)}**" if block.kind == "verdict" else escape(block.text)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
        return f"{fence}\n{block.text.rstrip()}\n{fence}"
    if isinstance(block, Fold):
        inner = render(block.blocks)
        summary = html.escape(block.title)
        return f"<details><summary>{summary}</summary>\n\n{inner}\n</details>"
    assert isinstance(block, (Chart, PageOnly))
    return ""


def _table(table: Table) -> str:
    lines = [_line(map(escape, table.header)), _line(["---"] * len(table.header))]
    return "\n".join(lines + [_line(_cells(row, len(table.header))) for row in table.rows])


def _cells(row: Row, width: int) -> Sequence[str]:
    cells = list(map(_cell, row.cells))
    if row.instead:
        cells.append(escape(row.instead))
    return cells + [""] * (width - len(cells))


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.code and cell.text:
        # a code span knows no escapes, and ends at as many ticks as it began with
        text = html.escape(" ".join(cell.text.split()), quote=False).replace("|", "&#124;")
        text = f"<code>{text}</code>"
    minor = f" {escape(cell.minor)}" if cell.minor else ""
    return f"**{text}**{minor}" if cell.bold else text + minor


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

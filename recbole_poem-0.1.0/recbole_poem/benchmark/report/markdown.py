"""Rendering a report as Markdown, as GitHub reads it."""

import html
import re
from typing import Iterable, Sequence

from recbole_poem.benchmark.report.document import (
    Block,
    Bullets,
    Cell,
    Chart,
    Code,
    Contents,
    Fold,
    Heading,
    PageOnly,
    Paragraph,
    Row,
    Table,
    anchored,
)


def render(blocks: Sequence[Block]) -> str:
    """Return the Markdown of `blocks`; charts and what is for the page only are left out."""
    texts = (
        _contents(block, blocks) if isinstance(block, Contents) else _block(block)
        for block in blocks
    )
    return "\n\n".join(filter(None, texts)) + "\n"


def escape(text: str) -> str:
    """Write text so that Markdown takes no letter of it for markup."""
    text = re.sub(r"([\\`*\[\]|~#]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))
    # what could begin a tag, an entity or a quotation; a "<" before a blank is only that
    return re.sub(r"<(?=[a-zA-Z/!?])|&(?=[a-zA-Z\\])|^>", r"\\\g<0>", text)


def _contents(contents: Contents, blocks: Sequence[Block]) -> str:
    top = min(contents.levels)
    return "\n".join(
        f"{'  ' * (heading.level - top)}- [{escape(heading.text)}](#{anchor})"
        for heading, anchor in anchored(blocks)
        if heading.level in contents.levels
    )


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {escape(block.text)}"
    if isinstance(block, Paragraph):
        strong = block.kind in ("verdict", "caution")
        return f"**{escape(block.text)}**" if strong else escape(block.text)
    if isinstance(block, Bullets):
        return "\n".join(f"- {escape(item)}" for item in block.items)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
        return f"{fence}\n{block.text.rstrip()}\n{fence}"
    if isinstance(block, Fold):
        inner = render(block.blocks)
        return f"<details><summary>{_title(block.title)}</summary>\n\n{inner}\n</details>"
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


def _title(text: str) -> str:
    """Write text inside of a tag, where Markdown's own escapes mean nothing."""
    return re.sub(
        r"<(?=[a-zA-Z/!?])|&(?=[a-zA-Z#])", lambda found: html.escape(found[0], quote=False), text
    )


def _cell(cell: Cell) -> str:
    text = _code(cell.text) if cell.code and cell.text else escape(cell.text)
    minor = f" {escape(cell.minor)}" if cell.minor else ""
    return f"**{text}**{minor}" if cell.bold else text + minor


def _code(text: str) -> str:
    """Write a code span inside of a table, where a bar needs its escape even there."""
    text = " ".join(text.split()).replace("|", r"\|")
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

"""Rendering a report as one HTML page that needs nothing but itself, neither file nor network."""

import html
from itertools import count
from typing import Iterator, Sequence

import plotly.io
from plotly.offline import get_plotlyjs

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

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: #1c2330;
  background: #fff; max-width: 1240px; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .5rem; padding-top: .75rem;
  border-top: 2px solid #1c2330; }
h3 { font-size: 1.08rem; margin: 1.75rem 0 .4rem; }
p { margin: .5rem 0; max-width: 60rem; }
p.verdict { padding: .6rem .9rem; background: #eef4fb; border-left: 4px solid #1f6fb4;
  font-weight: 600; }
p.note, figcaption { color: #566072; font-size: .87rem; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; min-width: 100%; font-size: .82rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .45rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #e3e7ee; }
thead th { border-bottom: 2px solid #9aa4b5; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
tbody tr:hover td { background: #f5f8fc; }
td.instead, td.code, th.code { text-align: left; white-space: normal; }
td.instead { color: #8a1c1c; min-width: 24rem; }
td.code { overflow-wrap: anywhere; min-width: 12rem; }
td small { display: block; line-height: 1.1; color: #707a8c; }
td.good { color: #12692f; font-weight: 600; }
td.bad { color: #a3341f; }
code, pre { font: .82rem/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { background: #f6f7f9; padding: .75rem; overflow-x: auto; }
details { margin: .5rem 0; border: 1px solid #e3e7ee; border-radius: 4px; padding: .3rem .75rem; }
summary { cursor: pointer; font-weight: 600; }
figure { margin: 1rem 0 1.5rem; break-inside: avoid; }
@media print {
  body { max-width: none; margin: 0; font-size: 10px; }
  .scroll { overflow: visible; }
  table { font-size: 7.5px; }
  th, td { padding: 1px 3px; }
  tr, p.verdict { break-inside: avoid; }
}
"""
_CODE = ' class="code"'
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["toImage", "resetScale2d"]],
}


def render(title: str, blocks: Sequence[Block]) -> str:
    """Return the page; the same blocks give the same bytes."""
    numbers = count(1)
    body = "\n".join(_block(block, numbers) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _block(block: Block, numbers: Iterator[int]) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f'<p class="{block.kind}">{html.escape(block.text)}</p>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        return f"<pre>{html.escape(block.text)}</pre>"
    if isinstance(block, Chart):
        return _chart(block, next(numbers))
    inner = "\n".join(_block(inner, numbers) for inner in block.blocks)
    if isinstance(block, PageOnly):
        return inner
    assert isinstance(block, Fold)
    return f"<details><summary>{html.escape(block.title)}</summary>\n{inner}\n</details>"


def _chart(chart: Chart, number: int) -> str:
    drawn = plotly.io.to_html(
        chart.figure,
        config=_CONFIG,
        include_plotlyjs=False,
        full_html=False,
        default_height=f"{chart.figure.layout.height}px",
        div_id=f"chart-{number}",
    )
    caption = f"<figcaption>{html.escape(chart.caption)}</figcaption>"
    return f"<figure>\n{drawn}\n{caption}\n</figure>"


def _table(table: Table) -> str:
    codes = {at for row in table.rows for at, cell in enumerate(row.cells) if cell.code}
    head = "".join(
        f"<th{_CODE if at in codes else ''}>{html.escape(name)}</th>"
        for at, name in enumerate(table.header)
    )
    body = "\n".join(_row(row, len(table.header)) for row in table.rows)
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _row(row: Row, width: int) -> str:
    cells = "".join(map(_cell, row.cells))
    if row.instead:
        left = width - len(row.cells)
        cells += f'<td class="instead" colspan="{left}">{html.escape(row.instead)}</td>'
    return f"<tr>{cells}</tr>"


def _cell(cell: Cell) -> str:
    text = html.escape(cell.text)
    if cell.code and cell.text:
        text = f"<code>{text}</code>"
    if cell.bold:
        text = f"<strong>{text}</strong>"
    if cell.minor:
        text += f" <small>{html.escape(cell.minor)}</small>"
    names = " ".join(filter(None, ["code" if cell.code else "", cell.tone]))
    return f'<td class="{names}">{text}</td>' if names else f"<td>{text}</td>"

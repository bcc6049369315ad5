"""Rendering a report as one HTML page that needs nothing but itself, neither file nor network."""

import html
from itertools import count
from typing import Iterator, Sequence

import plotly.io
from plotly.offline import get_plotlyjs

from recbole_poem.benchmark.report.document import (
    Anchored,
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

_STYLE = """
:root { color-scheme: light dark; --text: #1c2330; --back: #fff; --faint: #566072; --line: #e3e7ee;
  --strong: #9aa4b5; --link: #1f6fb4; --said: #eef4fb; --care: #fdf3e1; --care-line: #b8860b;
  --code: #f6f7f9; --hover: #f5f8fc; --good: #12692f; --bad: #a3341f; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ef; --back: #14181f; --faint: #a0aabb; --line: #2c3440; --strong: #5b6678;
    --link: #7db8ee; --said: #1b2a3b; --care: #362b16; --care-line: #d3a63c; --code: #1d232d;
    --hover: #1a212b; --good: #6fd08f; --bad: #f0927e; }
}
body { font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  color: var(--text); background: var(--back); max-width: 1320px; margin: 2rem auto;
  padding: 0 1.25rem; }
a { color: var(--link); }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .5rem; padding-top: .75rem;
  border-top: 2px solid var(--text); }
h3 { font-size: 1.08rem; margin: 1.75rem 0 .4rem; }
p { margin: .5rem 0; max-width: 60rem; }
p.verdict, p.caution { padding: .6rem .9rem; background: var(--said);
  border-left: 4px solid var(--link); font-weight: 600; }
p.caution { background: var(--care); border-color: var(--care-line); }
p.note, figcaption, ul.said { color: var(--faint); font-size: .87rem; }
ul.said { max-width: 60rem; padding-left: 1.2rem; }
nav ul { margin: .3rem 0; padding-left: 1.2rem; columns: 20rem; }
nav li.level-3 { margin-left: 1.2rem; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; min-width: 100%; font-size: .82rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .45rem; text-align: right; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
thead th { border-bottom: 2px solid var(--strong); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--back); }
td:first-child { white-space: normal; min-width: 8rem; max-width: 16rem; }
tbody tr:hover td { background: var(--hover); }
td.instead, td.code, th.code { text-align: left; white-space: normal; }
td.instead { color: var(--bad); min-width: 24rem; }
td.code { overflow-wrap: anywhere; min-width: 5rem; }
td small { display: block; line-height: 1.1; color: var(--faint); }
td.good { color: var(--good); font-weight: 600; }
td.bad { color: var(--bad); }
code, pre { font: .82rem/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--code); padding: .75rem; overflow-x: auto; }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: 4px;
  padding: .3rem .75rem; }
summary { cursor: pointer; font-weight: 600; }
figure { margin: 1rem 0 1.5rem; break-inside: avoid; }
.plotly-graph-div { background: #fff; border-radius: 4px; }
@media print {
  :root { color-scheme: light; --text: #000; --back: #fff; --faint: #444; --line: #ccc;
    --strong: #888; --link: #000; --said: #fff; --care: #fff; --code: #fff; --good: #000;
    --bad: #000; }
  body { max-width: none; margin: 0; font-size: 10px; }
  .scroll { overflow: visible; }
  table { font-size: 7.5px; }
  th, td { padding: 1px 3px; }
  td:first-child { min-width: 0; }
  tr, p.verdict, p.caution { break-inside: avoid; }
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
    names = list(anchored(blocks))
    numbers, anchors = count(1), iter([name.anchor for name in names])
    body = "\n".join(
        _contents(block, names) if isinstance(block, Contents) else _block(block, numbers, anchors)
        for block in blocks
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _contents(contents: Contents, names: Sequence[Anchored]) -> str:
    items = "".join(
        f'\n<li class="level-{heading.level}"><a href="#{html.escape(anchor)}">'
        f"{html.escape(heading.text)}</a></li>"
        for heading, anchor in names
        if heading.level in contents.levels
    )
    return f"<nav><ul>{items}\n</ul></nav>"


def _block(block: Block, numbers: Iterator[int], anchors: Iterator[str]) -> str:
    if isinstance(block, Heading):
        name = html.escape(next(anchors))
        return f'<h{block.level} id="{name}">{html.escape(block.text)}</h{block.level}>'
    if isinstance(block, Bullets):
        items = "".join(f"<li>{html.escape(item)}</li>" for item in block.items)
        return f'<ul class="said">{items}</ul>'
    if isinstance(block, Paragraph):
        return f'<p class="{block.kind}">{html.escape(block.text)}</p>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        return f"<pre>{html.escape(block.text)}</pre>"
    if isinstance(block, Chart):
        return _chart(block, next(numbers))
    assert isinstance(block, (Fold, PageOnly))
    inner = "\n".join(_block(inner, numbers, anchors) for inner in block.blocks)
    if isinstance(block, PageOnly):
        return inner
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

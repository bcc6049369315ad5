"""Rendering the main tables of a report as text for a terminal."""

from typing import List, Sequence

from recbole_poem.benchmark.report.document import Table


def text_of(table: Table, indent: str = "  ") -> str:
    """Return a table with its columns under each other; what stands instead of cells comes last."""
    lines: List[List[str]] = [table.header]
    for row in table.rows:
        cells = [" ".join(filter(None, [cell.text, cell.minor])) for cell in row.cells]
        lines.append(cells)
    widths = [
        max(len(line[at]) for line in lines if at < len(line)) for at in range(len(table.header))
    ]
    texts = [_line(line, widths) for line in lines]
    for at, row in enumerate(table.rows, 1):
        texts[at] += f"  {row.instead}" if row.instead else ""
    return "\n".join(f"{indent}{text}".rstrip() for text in texts)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    return "  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:]))])

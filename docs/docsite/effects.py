"""What was measured of components: the rows of the tables of ``docs/components.md``."""

import re
from typing import Dict, Iterator, List, NamedTuple, Tuple

_NAMES = re.compile(r"`(\w+)`")
_LINK = re.compile(r"\]\((?![a-z]+:|/)([^)\s]*)\)")


class Measured(NamedTuple):
    """The row of one component.

    Attributes
    ----------
    section : str
        The heading above its table.
    cells : dict of str to str
        Heads of the columns to cells, in Markdown; links count from the root of the site.
    """

    section: str
    cells: Dict[str, str]


def effects_of(text: str) -> Dict[Tuple[str, str], Measured]:
    """Read the tables whose first two columns are components and their stage.

    Parameters
    ----------
    text : str
        Of ``docs/components.md``.

    Returns
    -------
    dict
        From stage and component to its row.
    """
    found = {}
    for section, rows in _tables(text):
        header, cells = rows[0], rows[2:]
        if header[:2] != ["component", "stage"]:
            continue
        for row in cells:
            stage = _NAMES.findall(row[1])[0]
            measured = Measured(section, dict(zip(header[2:], map(_from_root, row[2:]))))
            found.update({(stage, name): measured for name in _NAMES.findall(row[0])})
    return found


def _tables(text: str) -> Iterator[Tuple[str, List[List[str]]]]:
    section, rows = "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if rows:
            yield section, rows
            rows = []
        if line.startswith("#"):
            section = line.lstrip("# ")


def _from_root(cell: str) -> str:
    """Return a cell whose links, which count from ``docs/``, count from the root of the site."""

    def absolute(link: "re.Match[str]") -> str:
        target = link[1]
        if target.startswith("#"):
            return f"](/docs/components.md{target})"
        return f"](/{target[3:]})" if target.startswith("../") else f"](/docs/{target})"

    return _LINK.sub(absolute, cell)

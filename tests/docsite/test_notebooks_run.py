"""The four notebooks, run as a reader runs them."""

from pathlib import Path
from typing import List, Set

import nbformat
import pytest
from docsite.notebooks import FOLDER, ran


def kinds(book: nbformat.NotebookNode) -> List[Set[str]]:
    """Return what each cell of code shows: printed text, a table, a picture."""
    shown = []
    for cell in book.cells:
        if cell.cell_type == "code":
            data = [kind for output in cell.outputs for kind in output.get("data", {})]
            shown.append({output.output_type for output in cell.outputs} | set(data))
    return shown


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs_and_shows_what_is_stored(path: Path) -> None:
    stored = kinds(nbformat.read(path, as_version=4))
    assert {"execute_result", "stream"} & set().union(*stored)
    assert kinds(ran(nbformat.read(path, as_version=4))) == stored

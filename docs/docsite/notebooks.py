"""``python -m docsite.notebooks [NAME ...]`` runs the notebooks, and keeps what they showed."""

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import List

import nbformat
from nbclient import NotebookClient

from recbole_poem.core.errors import InputError, nearest

FOLDER = Path(__file__).parents[2] / "notebooks"
_FOR_TERMINALS = re.compile(r"\x1b\[[\d;]*m|\r(?=\n)")  # colours, and ends of lines
#: seconds of one cell, on a machine that others use as well
_PATIENCE = 900


def ran(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook in an empty folder, one thread, and return it with its outputs alone.

    Parameters
    ----------
    notebook : NotebookNode
        What other runs left in it goes: times, counts of runs, the version of Python.

    Raises
    ------
    CellExecutionError
        If a cell fails.
    """
    programs = str(Path(sys.executable).parent)  # recbole-poem is among them
    around = {
        **os.environ,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")]),
        "OMP_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=_PATIENCE, resources=resources).execute(env=around)
    return cleaned(notebook)


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook with what a reader sees, and nothing of the run behind it."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for each in [cell, *cell.outputs]:
                if "execution_count" in each:
                    each.execution_count = None
                if "text" in each:
                    each.text = _FOR_TERMINALS.sub("", each.text)
    return notebook


def _joined(outputs: List[nbformat.NotebookNode]) -> List[nbformat.NotebookNode]:
    """Return outputs in which what was printed in a row is one text, however it arrived."""
    joined: List[nbformat.NotebookNode] = []
    for output in outputs:
        is_more = bool(joined) and output.get("name") == joined[-1].get("name", "")
        if is_more:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def paths_of(names: List[str]) -> List[Path]:
    """Return the notebooks of some names, with or without ``.ipynb``, or all.

    Raises
    ------
    InputError
        If there is none of a name.
    """
    every = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
    wanted = [name.removesuffix(".ipynb") for name in names] or list(every)
    for name in wanted:
        if name not in every:
            raise InputError(f"there is no notebook '{name}'{nearest(name, every)}")
    return [every[name] for name in wanted]


def main(names: List[str]) -> int:
    """Run the notebooks of some names, or all, and write them."""
    for path in paths_of(names):
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(ran(notebook), path)
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

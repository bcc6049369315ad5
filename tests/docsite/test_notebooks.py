"""The notebooks: what runs them, and what they may hold. ``make notebooks`` runs all of them."""

import re
from pathlib import Path
from typing import List

import nbformat
import pytest
from docsite.notebooks import FOLDER, cleaned, paths_of, ran
from nbclient.exceptions import CellExecutionError
from test_docs import WORDS, broken_links, lengths

from recbole_poem.core.errors import InputError

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MANY_BYTES = 100_000


def notebook(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in sources])


def shown(cell: nbformat.NotebookNode) -> List[str]:
    return [output.get("text") or output.data["text/plain"] for output in cell.outputs]


def test_a_notebook_runs_in_an_empty_folder_and_finds_the_programs() -> None:
    sources = [
        "import os\nos.listdir()",
        "!python -c 'print(6 * 7)'",
        "os.environ['OMP_NUM_THREADS']",
    ]
    cells = ran(notebook(*sources)).cells
    assert [shown(cell) for cell in cells] == [["[]"], ["42\n"], ["'1'"]]
    assert all(cell.execution_count is None and cell.metadata == {} for cell in cells)


def test_a_cell_that_fails_stops_the_run() -> None:
    with pytest.raises(CellExecutionError, match="1 / 0"):
        ran(notebook("1 / 0"))


def test_what_belongs_to_one_run_goes() -> None:
    result = nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=7)
    cell = nbformat.v4.new_code_cell("1 + 1", outputs=[result], execution_count=7)
    cell.metadata = {"execution": {"iopub.execute_input": "2026-11-29"}}
    book = nbformat.v4.new_notebook(
        cells=[cell], metadata={"language_info": {"name": "python", "version": "3.11.4"}}
    )
    (kept,) = cleaned(book).cells
    assert "2026" not in str(kept) and "7" not in str(kept.outputs) and shown(kept) == ["2"]
    assert "version" not in book.metadata.language_info


def test_notebooks_are_named_with_or_without_their_ending() -> None:
    expected = [FOLDER / "own_rankings.ipynb", FOLDER / "first_recommender.ipynb"]
    assert paths_of(["own_rankings", "first_recommender.ipynb"]) == expected
    assert paths_of([]) == NOTEBOOKS
    with pytest.raises(
        InputError, match="no notebook 'own_ranking'; the nearest is 'own_rankings'"
    ):
        paths_of(["own_ranking"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_and_is_small(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert path.stat().st_size < MANY_BYTES
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert outputs and not [each for each in outputs if each.output_type == "error"]
    assert re.findall(r"/(?:home|root|tmp|work|usr)/\S+", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_plain_and_its_links_lead_somewhere(path: Path, tmp_path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    text = "\n\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert {each: n for each, n in lengths(text, cells=True).items() if n > WORDS} == {}
    page = tmp_path / "notebooks" / "page.md"  # beside what the links lead to
    page.parent.mkdir()
    page.write_text(text, encoding="utf-8")
    for name in ("docs", "README.md"):
        (tmp_path / name).symlink_to(FOLDER.parent / name)
    for other in NOTEBOOKS:
        (page.parent / other.name).symlink_to(other)
    assert broken_links(page) == []

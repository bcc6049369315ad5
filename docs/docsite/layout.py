"""What Sphinx reads: copies of what is written, and the pages that are made."""

import shutil
from pathlib import Path
from typing import Dict, Iterator

from docsite.component_pages import component_pages
from docsite.effects import effects_of
from docsite.presets import presets_of
from recbole_poem.core.stages import STAGES

ROOT = Path(__file__).parents[2]
#: what is written or linked, as it lies in the repository
_PLACES = ("docs", "benchmarks", "properties", "notebooks")
_KINDS = {".md", ".rst", ".ipynb", ".svg", ".json", ".jsonl", ".yaml", ".hyper", ".txt", ".py"}


def lay_out(folder: Path) -> None:
    """Fill a folder with what Sphinx reads; what has not changed keeps its time.

    Links between pages are followed to the end, so that links of the file system would not do.

    Parameters
    ----------
    folder : Path
        It is made. Pages that are gone are removed.
    """
    kept = set()
    for path in _written():
        copy = folder / path.relative_to(ROOT)
        kept.add(copy)
        if not copy.exists() or copy.stat().st_mtime != path.stat().st_mtime:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    effects = effects_of((ROOT / "docs" / "components.md").read_text(encoding="utf-8"))
    kept |= _write(folder / "components", component_pages(STAGES, effects, presets_of(STAGES)))
    for path in folder.rglob("*.*"):
        if path.is_file() and path not in kept:
            path.unlink()


def _written() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.suffix == ".md" or path.name == "LICENSE")
    for place in _PLACES:
        for path in (ROOT / place).rglob("*"):
            if path.suffix in _KINDS and "docsite" not in path.parts:
                yield path


def _write(folder: Path, pages: Dict[str, str]) -> "set[Path]":
    """Write pages by their paths below a folder, and return the paths."""
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return {folder / name for name in pages}

"""What Sphinx reads: copies of what is written, and the pages that are made."""

import re
import shutil
from pathlib import Path
from typing import Iterator, Set

from docsite.component_pages import component_pages
from docsite.effects import effects_of
from docsite.presets import presets_of
from recbole_poem.core.stages import STAGES

ROOT = Path(__file__).parents[2]
#: what is written or linked, as it lies in the repository
_PLACES = ("docs", "benchmarks", "properties", "notebooks")
_KINDS = {".md", ".rst", ".ipynb", ".svg", ".json", ".jsonl", ".yaml", ".hyper", ".txt", ".py"}
#: the page that names the stages; their pages are made, so that it cannot link to them itself
_CASCADE = "docs/cascade.md"


def lay_out(folder: Path) -> None:
    """Fill a folder with what Sphinx reads; what has not changed keeps its time.

    Links between pages are followed to the end, so that links of the file system would not do.

    Parameters
    ----------
    folder : Path
        It is made. Pages that are gone are removed.
    """
    effects = effects_of(_text("docs/components.md"))
    made = component_pages(STAGES, effects, presets_of(STAGES))
    pages = {f"components/{name}": text for name, text in made.items()}
    pages[_CASCADE] = with_stages(_text(_CASCADE))
    written = [path for path in _written() if path not in pages]
    for name in written:
        _copy(ROOT / name, folder / name)
    for name, text in pages.items():
        _write(folder / name, text)
    kept: Set[str] = {*written, *pages}
    for path in folder.rglob("*.*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in kept:
            path.unlink()


def with_stages(text: str) -> str:
    """Return a page of `docs/` whose names of stages are links to their pages."""

    def link(name: "re.Match[str]") -> str:
        page = f"../components/{name[1]}/index.md"
        return f"[{name[0]}]({page})" if name[1] in STAGES else name[0]

    return re.sub(r"`(\w+)`", link, text)


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _written() -> Iterator[str]:
    """Yield the paths of files below the root."""
    yield from (path.name for path in ROOT.glob("*.md"))
    yield "LICENSE"
    for place in _PLACES:
        for path in (ROOT / place).rglob("*"):
            if path.suffix in _KINDS and "docsite" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def _copy(path: Path, copy: Path) -> None:
    if not copy.exists() or copy.stat().st_mtime != path.stat().st_mtime:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

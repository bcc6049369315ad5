"""The rooms of the house: data goes down the list and never back up."""

import ast
from pathlib import Path
from typing import Iterator, List, Tuple

PACKAGE = Path(__file__).parents[1] / "recbole_poem"
#: from the top down; each may import from those before it
ROOMS = (
    "core", "log", "fusion", "retrieval", "graph", "rankers", "cache", "data", "encoders", "logits",
    "losses", "models", "rerankers", "training", "serving", "benchmark", "world", "tune",
    "cli",
)  # fmt: skip
#: a source that trains its rankers asks for the data and the training of one
ALLOWED = {
    "cache/sources/time_blocks.py": {
        "recbole_poem.data.ranking_dataset",
        "recbole_poem.training",
        "recbole_poem.training.ranking_stage",
    },
}


def imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def upward(room: str, source: str) -> List[str]:
    """List the modules of rooms further down that a source imports."""
    found = [name.split(".") for name in imports(source)]
    ours = [parts for parts in found if parts[0] == "recbole_poem" and len(parts) > 1]
    lower = ROOMS[ROOMS.index(room) + 1 :]
    return [".".join(parts) for parts in ours if parts[1] in lower]


def test_no_room_imports_from_one_further_down() -> None:
    wrong: List[Tuple[str, List[str]]] = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        if room in ROOMS:
            name = path.relative_to(PACKAGE).as_posix()
            found = set(upward(room, path.read_text(encoding="utf-8")))
            wrong += [(name, sorted(found))] if found != ALLOWED.get(name, set()) else []
    assert wrong == []


def test_an_arrow_back_up_is_seen() -> None:
    source = "import torch\nfrom recbole_poem.core import errors\n"
    assert upward("data", source) == []
    arrow = "def f():\n    from recbole_poem.models.poem import POEM\n"
    assert upward("data", source + arrow) == ["recbole_poem.models.poem"]


def test_every_room_is_listed_and_says_what_it_is_for() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ROOMS)
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path

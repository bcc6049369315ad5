"""Every command that the documents name is one that the verbs can read."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Iterator, List

import pytest

from recbole_poem.cli.verbs import VERBS, split_verb

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "benchmarks/README.md"]
DOCUMENTS += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))

_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(
    r"^(?:recbole-poem|python -m recbole_poem|python run_recbole_poem\.py)(?= |$)"
)
#: a module that is run by itself, which no document tells anybody to do
_MODULE = re.compile(r"python -m recbole_poem\.[\w.]+")


def commands_in(text: str) -> Iterator[List[str]]:
    """Yield the arguments of the commands in the blocks of code and the code between them."""
    for block in _BLOCK.findall(text):
        line = ""
        for more in block.replace("\\\n", " ").splitlines():
            line += more + "\n"
            if line.count('"') % 2 == 0:  # text in quotes may go on in the next line
                yield from _arguments(line)
                line = ""
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        yield from _arguments(span.replace("\n", " "))


def _arguments(line: str) -> Iterator[List[str]]:
    command = _COMMAND.match(line)
    if command:
        yield shlex.split(line[command.end() :], comments=True)


def test_commands_are_found_in_blocks_and_between_them() -> None:
    text = (
        "Call `recbole-poem serve\n--port=1` or `serve`:\n\n```bash\n"
        'recbole-poem tune --trials=3  # three\nrecbole-poem --a="b\nc"\n'
        "python -m recbole_poem \\\n  --model=A\nls\n```\n"
        "`recbole-poem`, `python run_recbole_poem.py --model=B`, `recbole-poems a`.\n"
    )
    assert list(commands_in(text)) == [
        ["tune", "--trials=3"],
        ["--a=b\nc"],
        ["--model=A"],
        ["serve", "--port=1"],
        [],
        ["--model=B"],
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_of_a_document_are_read(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert _MODULE.findall(text) == []
    for arguments in commands_in(text):
        verb, rest = split_verb(arguments)
        if "VERB" in arguments or "--help" in arguments or arguments == [verb]:
            continue  # it speaks of a verb, and calls none
        importlib.import_module(f"recbole_poem.cli.{verb}").parse(rest)


def test_the_readme_shows_every_verb() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {split_verb(arguments)[0] for arguments in commands_in(text)} >= set(VERBS) - {"convert"}

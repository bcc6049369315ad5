"""Docstrings as Markdown.

Their equations are text, and stay it: what the site shows is what an editor and ``help`` show. So
nothing has to be fetched or installed to draw them.
"""

import re
from itertools import groupby
from textwrap import dedent
from typing import Iterator, List

_SECTION = re.compile(r"^[A-Z][A-Za-z ]*\n-{3,}$", re.MULTILINE)
_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
_MARKS = re.compile(r"([<_])")


def markdown(docstring: str) -> str:
    """Return the prose and the equations of a docstring.

    Parameters
    ----------
    docstring : str
        Without its indentation. Its numpydoc sections, such as the parameters, are left out.
    """
    prose = _SECTION.split(docstring)[0]
    paragraphs = [each for each in prose.strip("\n").split("\n\n") if each]
    return "\n\n".join(_blocks(paragraphs))


def _blocks(paragraphs: List[str]) -> Iterator[str]:
    for is_code, group in groupby(paragraphs, key=_is_code):
        if is_code:
            equations = dedent("\n\n".join(group))
            yield f"```text\n{equations}\n```"
        else:
            yield from map(_prose, group)


def _is_code(paragraph: str) -> bool:
    return all(line.startswith("    ") for line in paragraph.splitlines())


def _prose(paragraph: str) -> str:
    """Return a paragraph in which ``<`` and ``_`` are signs, and a last ``::`` is a colon."""
    pieces = _CODE.split(re.sub(r"::$", ":", paragraph))
    return "".join(each if n % 2 else _MARKS.sub(r"\\\1", each) for n, each in enumerate(pieces))

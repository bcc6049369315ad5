"""Docstrings as Markdown: equations stay text, signs stay signs, sections go."""

from docsite.docstrings import markdown

DOCSTRING = """What it is, by g_k(x)_e and a <b> of ``k < 3``.

With *its* equations::

    a   = b_1
      + c

    d = e

Behind them `code_of`:

- one
  and its end

Parameters
----------
x : int
"""
PAGE = """What it is, by g\\_k(x)\\_e and a \\<b> of ``k < 3``.

With *its* equations:

```text
a   = b_1
  + c

d = e
```

Behind them `code_of`:

- one
  and its end"""


def test_equations_stay_text_and_sections_go() -> None:
    assert markdown(DOCSTRING) == PAGE


def test_a_docstring_of_sections_alone_is_nothing() -> None:
    assert markdown("") == ""
    assert markdown("\nParameters\n----------\nx : int\n") == ""

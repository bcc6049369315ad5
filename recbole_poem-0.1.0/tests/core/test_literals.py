"""Text of a command line as the value that it spells."""

from typing import Any

import pytest

from recbole_poem.core.literals import literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-1", 0.1),
        ("{name: mixture, temperature: 1e-1}", {"name": "mixture", "temperature": 0.1}),
        ("[1e-3, 2]", [0.001, 2]),
        ('{rating: "[4,inf)"}', {"rating": "[4,inf)"}),
        ("true", True),
        ("~", None),
        ("mixture", "mixture"),
        ("{name: [", "{name: ["),
    ],
)
def test_numbers_are_numbers_also_inside_a_block(text: str, value: Any) -> None:
    assert literal(text) == value

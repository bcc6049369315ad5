"""JSON that says one thing."""

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.json_text import parse


def test_json_is_read() -> None:
    text = '{"a": [1, 2.5, null, "\\ud83d\\ude00"], "b": {"a": true}}'
    assert parse(text) == {"a": [1, 2.5, None, "😀"], "b": {"a": True}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"k": 1, "k": 2}', "^the key 'k' is there twice; leave one of them$"),
        ('{"a": {"k": 1, "b": 3, "k": 1}}', "^the key 'k' is there twice"),
        ('{"times": [NaN]}', "^NaN is no number of JSON; write a number, or null"),
        ('{"times": [-Infinity]}', "^-Infinity is no number of JSON"),
        ('{"a": "\\ud800"}', "^it holds half of a surrogate pair"),
        ('{"a": 1', "^it is no JSON"),
        ("[" * 100_000, "^it is no JSON"),
        ('{"a": 1} {"b": 2}', "^it is no JSON"),
    ],
)
def test_what_says_nothing_or_two_things_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse(text)

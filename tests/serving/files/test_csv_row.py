"""A line of CSV: its fields, or what is wrong with its quotes."""

from typing import List

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.files.csv_row import split_row


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("a,b", ["a", "b"]),
        ("a", ["a"]),
        (",", ["", ""]),
        ('"a,b",c', ["a,b", "c"]),
        ('"a ""b""",""', ['a "b"', ""]),
        ('5" screen,27"', ['5" screen', '27"']),
        ('a, "b"', ["a", ' "b"']),
        ('"a",', ["a", ""]),
        (',"a"', ["", "a"]),
        ('"' + "a" * 200_000 + '",b', ["a" * 200_000, "b"]),
    ],
)
def test_fields_are_those_of_rfc_4180_and_a_quote_inside_is_a_character(
    line: str, fields: List[str]
) -> None:
    assert split_row(line) == fields


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"u1,i1', "field 1 begins with a quote that does not close on this line; write a quote"),
        ('u1,"', "field 2 begins with a quote that does not close"),
        ('u1,"i1""', "field 2 begins with a quote that does not close"),
        ('"u1"x,i1', "field 1 goes on behind its closing quote"),
        ('u1,"i1" ', "field 2 goes on behind its closing quote"),
    ],
)
def test_quotes_that_do_not_close_a_field_are_named(line: str, words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        split_row(line)

"""Tokens as users give them: what is a list of them, and what is named as none."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.tokens import listed, ordered, token


@pytest.mark.parametrize(
    "tokens",
    [
        ["a", 7],
        ("a", 7),
        iter(["a", 7]),
        np.array(["a", 7], dtype=object),
        pd.Series(["a", 7], index=[5, 9]),
        [np.str_("a"), np.int64(7)],
    ],
)
def test_lists_of_texts_and_whole_numbers_are_taken(tokens: Any) -> None:
    assert list(map(str, listed("deny", tokens))) == ["a", "7"]


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ("i35", "not the string 'i35'"),
        (np.str_("i35"), "not the string 'i35'"),
        (b"i35", "not b'i35'"),
        (35, "not 35"),
        (None, "not None"),
        ({"i35": 1}, "not {'i35': 1}"),
        (np.array("i35"), "not array"),
        (pd.DataFrame({"item": ["i35"]}), "not item 0 i35"),
    ],
)
def test_what_is_no_list_is_named(tokens: Any, words: str) -> None:
    for check in (listed, ordered):
        with pytest.raises(InputError, match=f"^deny: expected a list of item tokens, {words}"):
            check("deny", tokens)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (None, "None"),
        (float("nan"), "nan"),
        (2.0, r"2\.0"),
        (True, "True"),
        (np.bool_(True), "True"),
        (b"a", "b'a'"),
        (["a"], r"\['a'\]"),
        ({"a": 1}, r"\{'a': 1\}"),
        (pd.NA, "<NA>"),
    ],
)
def test_what_is_no_token_is_named_with_its_place(wrong: Any, words: str) -> None:
    expected = f"^allow: expected a text or a whole number, not {words} at place 1$"
    with pytest.raises(InputError, match=expected):
        listed("allow", ["a", wrong, "b"])
    with pytest.raises(InputError, match=f"^item: expected a text or a whole number, not {words}$"):
        token("item", wrong)


def test_a_history_has_an_order_and_a_length() -> None:
    assert ordered("history", ["a", "b"]) == 2
    assert ordered("history", np.array(["a"])) == 1
    for tokens in ({"a", "b"}, iter(["a"])):
        with pytest.raises(InputError, match=r"^history: expected a list of item tokens, not"):
            ordered("history", tokens)
    assert token("item", np.int64(7)) == "7"

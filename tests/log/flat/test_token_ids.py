"""Tokens to ids by a sorted array, against the dictionary that it stands for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.log.flat import TokenIds

TOKENS = np.array(["[PAD]", "b", "Ä", "10", "9", "a longer one", "a"])
PLAIN = {token: number for number, token in enumerate(TOKENS.tolist())}


@pytest.mark.parametrize("asked", [*PLAIN, "", "aa", "0", "zz", "a longer one than any", "[pad]"])
def test_a_token_has_the_id_that_a_dictionary_tells(asked: str) -> None:
    ids = TokenIds(TOKENS)
    assert (asked in ids) == (asked in PLAIN)
    assert ids.get(asked) == PLAIN.get(asked)


def test_it_is_a_mapping_in_the_order_of_the_ids() -> None:
    ids = TokenIds(TOKENS)
    assert dict(ids) == PLAIN and list(ids) == list(PLAIN) and len(ids) == len(PLAIN)
    assert 5 not in ids
    with pytest.raises(KeyError):
        ids["nowhere"]
    asked = pd.Series(["a", "nowhere", "9"])
    assert asked.map(ids).tolist()[::2] == [6, 4]


def test_of_two_alike_the_later_one_counts_as_in_a_dictionary() -> None:
    assert TokenIds(np.array(["[PAD]", "x", "[PAD]"]))["[PAD]"] == 2


@given(st.lists(st.text("ab1\u00e9\U0001f600", max_size=4), unique=True, min_size=1))
def test_many_are_looked_up_at_once(tokens) -> None:
    known = np.array(["[PAD]", *tokens])
    order = np.argsort(known, kind="stable")
    asked = [*tokens[::-1], "never there"]
    expected = [*range(len(tokens), 0, -1), -1]
    for ids in (TokenIds(known), TokenIds(known, order)):
        assert ids.of(asked).tolist() == expected


def test_some_of_them_get_new_numbers() -> None:
    number = np.array([0, 3, 0, 1, 0, 0, 2])  # of "b", "10" and "a"
    tokens = TOKENS[[0, 3, 6, 1]]
    some = TokenIds(TOKENS).among(tokens, number)
    assert dict(some) == {"[PAD]": 0, "10": 1, "a": 2, "b": 3}
    assert "9" not in some and some["10"] == 1

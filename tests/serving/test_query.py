"""Queries: what each part may be, and the part and the query that are named."""

import math
from typing import Any

import numpy as np
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.query import Query, checked

GOOD = Query(["a"])


def test_numbers_of_numpy_and_other_lists_become_plain_ones() -> None:
    query = Query(
        np.array(["a", "b"]),  # type: ignore[arg-type]
        k=np.int8(100),  # type: ignore[arg-type]
        filter_seen=np.bool_(False),  # type: ignore[arg-type]
        allow=iter(["a"]),  # type: ignore[arg-type]
        deny=np.array([7]),  # type: ignore[arg-type]
        draw=np.int64(5),  # type: ignore[arg-type]
        times=np.array([1, 2]),  # type: ignore[arg-type]
        time=math.nan,
    )
    (found,) = checked([query])
    assert found[2:8] == (100, False, ["a"], [7], 5, [1.0, 2.0])
    assert [type(found.k), type(found.draw)] == [int, int]
    assert found.time is not None
    assert math.isnan(found.time)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"history": "i1 i2"}, "history: query 1: expected a list of item tokens, not the string"),
        ({"history": None}, "history: query 1: expected a list of item tokens, not None"),
        ({"deny": "i35"}, "deny: query 1: expected a list of item tokens, not the string 'i35'"),
        ({"deny": ["a", None]}, "deny: query 1: expected a text or a whole number, not None at pl"),
        ({"allow": "i35"}, "allow: query 1: expected a list of item tokens, not the string 'i35'"),
        ({"k": True}, "k: query 1: expected a whole number from 1, not True"),
        ({"k": 0}, "k: query 1: expected a whole number from 1, not 0"),
        ({"filter_seen": "no"}, "filter_seen: query 1: expected True or False, not 'no'"),
        ({"draw": -1}, "draw: query 1: expected a whole number from 0, not -1"),
        ({"draw": 1.5}, r"draw: query 1: expected a whole number from 0, not 1\.5"),
        ({"times": [1, 2]}, "times: query 1 has 2 for a history of 1 items"),
        ({"times": [math.inf]}, "times: query 1: a time is infinite"),
        ({"times": ["3"]}, "times: query 1: expected numbers, in the unit of"),
        ({"time": math.inf}, "time: query 1: a time is infinite"),
        ({"time": True}, "time: query 1: expected numbers, in the unit of"),
    ],
)
def test_what_is_wrong_is_named_with_its_query(changed: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        checked([GOOD, GOOD._replace(**changed)])


def test_queries_are_a_list_of_queries() -> None:
    assert checked([]) == []
    with pytest.raises(InputError, match="queries: expected a list of them, not one Query"):
        checked(GOOD)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="queries: query 1 is a list, not a Query"):
        checked([GOOD, ["a"]])  # type: ignore[list-item]

"""A request from fields: each is obeyed or refused."""

import math
from typing import Any

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.files.request_fields import Request, parse_request

RANKING = {"items": ["i1", "i2"], "objectives": ["click"], "scores": [[0.5], [0.25]]}


def test_every_field_is_read() -> None:
    limits = {"k": 3, "allow": ["i4", 5], "deny": [], "filter_seen": False}
    fields = {"request": 7, "history": [1, "i2"], "times": [3, None], "ranking": RANKING, **limits}
    older = {**RANKING, "items": ["i3", "i1"]}
    request = parse_request(5, {**fields, "older": [None, older]})
    assert request[:3] == (5, "7", ["1", "i2"])
    assert request[5:9] == (3, ["i4", "5"], [], False)
    assert [ranking and ranking.items for ranking in request.older] == [None, ("i3", "i1")]
    assert request.query(10, False).rankings == [request.ranking, *request.older]
    assert request.ranking is not None
    assert request.ranking.scores.tolist() == [[0.5], [0.25]]
    assert request.times is not None
    assert request.times[0] == 3.0
    assert math.isnan(request.times[1])


def test_null_says_nothing() -> None:
    names = ("times", "ranking", "older", "k", "allow", "deny", "filter_seen")
    fields = {"request": "u", "history": [], **dict.fromkeys(names)}
    assert parse_request(1, fields) == Request(1, "u", [], None)


def test_a_query_has_what_the_request_says_and_else_what_holds_for_all() -> None:
    plain = Request(1, "u", ["i1"], None).query(10, False)
    assert plain[:6] == (["i1"], None, 10, False, None, ())
    assert plain.time is not None
    assert math.isnan(plain.time)
    own = Request(1, "u", ["i1"], None, [5.0], 3, [], ["i4"], True).query(10, False)
    assert own[:8] == (["i1"], None, 3, True, [], ["i4"], None, [5.0])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"request": None}, "'request' is missing or no name"),
        ({"request": True}, "'request': expected a text or a whole number, not True"),
        ({"request": 1.0}, r"'request': expected a text or a whole number, not 1\.0"),
        ({"request": ""}, "'request': expected a name of one line, not ''"),
        ({"request": "a\0"}, "'request': expected a name of one line"),
        ({"history": None}, "'history' is missing or no list of item tokens"),
        ({"history": "i1 i2"}, "'history': expected a list of item tokens, not the string 'i1 i2'"),
        ({"history": [["i1"]]}, r"'history': expected a text or a whole number, not \['i1'\] at"),
        ({"history": ["i1", None]}, "'history': expected a text or a whole number, not None at pl"),
        ({"history": ["i1", 2.5]}, r"'history': expected a text or a whole number, not 2\.5"),
        ({"history": ["i1", ""]}, "'history': the token at place 1 is empty"),
        ({"deny": "i35"}, "'deny': expected a list of item tokens, not the string 'i35'"),
        ({"allow": "i35"}, "'allow': expected a list of item tokens, not the string 'i35'"),
        ({"allow": [True]}, "'allow': expected a text or a whole number, not True at place 0"),
        ({"older": RANKING}, "'older' has to be a list of rankings, the youngest first"),
        ({"older": ["i1"]}, "'older' has to be a mapping of the lists items, objectives and"),
        ({"older": [{"items": []}]}, "'older' has no field 'objectives'"),
        ({"k": 0}, "'k': expected a whole number from 1, not 0"),
        ({"k": True}, "'k': expected a whole number from 1, not True"),
        ({"k": "5"}, "'k': expected a whole number from 1, not '5'"),
        ({"filter_seen": "false"}, "'filter_seen': expected True or False, not 'false'"),
        ({"times": 3}, "'times': 3 is not a sequence of times"),
        ({"times": []}, "'times': 0 times for a history of 1 items"),
        ({"times": ["5"]}, "'times': expected numbers"),
        ({"times": [math.inf]}, "'times': a time is infinite"),
        ({"histroy": []}, "it has the field 'histroy', of which nothing is read; did you mean 'hi"),
        ({"user": "u"}, "it has the field 'user', of which nothing is read; known are request, hi"),
        (
            {"entry": RANKING},
            "it has the field 'entry', of which nothing is read; did you mean 'ran",
        ),
        ({"ranking": 3}, "'ranking' has to be a mapping"),
        ({"ranking": {"items": ["a"]}}, "'ranking' has no field 'objectives'"),
        ({"ranking": {**RANKING, "stages": ["shown"]}}, "'ranking': stages: a ranking of 2 items"),
        (
            {"ranking": {**RANKING, "score": 1}},
            "it has in 'ranking' the field 'score', .* 'scores'",
        ),
        (
            {"ranking": {**RANKING, "items": "ab"}},
            "'ranking': items: expected a list of item tokens",
        ),
        ({"ranking": {**RANKING, "scores": [["x"], [1]]}}, "'ranking': scores: .* rows of numbers"),
    ],
)
def test_what_is_wrong_is_named(changed: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        parse_request(1, {"request": "u", "history": ["i1"], **changed})


def test_a_line_is_a_mapping() -> None:
    with pytest.raises(InputError, match="it is no mapping"):
        parse_request(1, ["u"])

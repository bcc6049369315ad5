"""The times of a history: which are taken, and what is wrong named."""

import math
from typing import Any, List

import numpy as np
import pandas as pd
import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import ROW_FEATURES
from recbole_poem.serving.histories import checked_item_times, flatten
from recbole_poem.serving.history import checked_times
from recbole_poem.serving.query import Query, checked
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.requests import RequestReader
from recbole_poem.serving.vocabulary import Vocabulary

VOCABULARY = Vocabulary(np.array(["[PAD]", "a", "b", "c"], dtype=object))


def test_unknown_times_may_stand_among_known_ones() -> None:
    assert all(map(math.isnan, checked_times("times", None, 2)))
    found = checked_times("times", [1, None, math.nan, 3.5, 3.5], 5)
    assert [found[0], *found[3:]] == [1.0, 3.5, 3.5]
    assert all(map(math.isnan, found[1:3]))
    assert list(checked_times("times", [], 0)) == []


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([1.0], "times: 1 times for a history of 2 items"),
        ([2.0, 1.0], r"times: times have to ascend, and 1\.0 comes behind 2\.0"),
        ([1.0, math.inf], "times: a time is infinite"),
        (["1", "2"], "times: expected numbers"),
        ([True, True], "times: expected numbers"),
        (np.array([True, True]), "times: expected numbers"),
        ([np.datetime64("2022-05-08"), None], "times: expected numbers"),
        (np.array(5.0), "times: expected numbers"),
        (["soon", "late"], "times: expected numbers, in the unit of the data set's time"),
        ([[1.0], [2.0]], "times: expected numbers"),
        ([1, 10**400], "times: expected numbers"),
        (pd.Series(pd.to_datetime(["2022-05-08", "2022-05-09"])), "times: expected numbers"),
        ("12", "times: '12' is not a sequence of times"),
        (7, "times: 7 is not a sequence of times"),
    ],
)
def test_wrong_times_are_named(times: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        checked_times("times", times, 2)


def gaps(flat: Any, per_second: float = 1.0) -> List[int]:
    feature = ROW_FEATURES.choose("gap", "row_features")["gap"].make()
    return feature.of_request(flat.time, flat.first, per_second).tolist()


def test_gaps_are_those_between_known_items_of_one_history() -> None:
    histories = [["a", "new", "b"], [], ["c"], ["a", "b", "c"], ["new", "c", "a"]]
    times = [[0.0, 1.0, 4.0], [], [5.0], None, [3.0, 4.0, 4.0]]
    flat = flatten(histories, VOCABULARY, times)
    assert flat.item.tolist() == [1, 2, 3, 1, 2, 3, 3, 1]
    assert flat.first.tolist() == [True, False, True, True, False, False, True, False]
    assert gaps(flat) == [0, 4, 0, 0, 0, 0, 0, 1]  # of 4 s, not of 3, and of none
    assert gaps(flat, per_second=1000) == [0, 1, 0, 0, 0, 0, 0, 1]
    assert gaps(flat.of(np.array([0, 4]))) == [0, 4, 0, 1]
    assert not any(gaps(flatten(histories, VOCABULARY)))


def test_a_frame_has_the_gaps_of_its_own_order_of_time() -> None:
    rows = {"request": [7, 5, 7, 7], "item": ["b", "a", "a", "c"], "time": [4, 9, 0, 6]}
    flat = flatten(pd.DataFrame(rows), VOCABULARY)
    assert flat.item.tolist() == [1, 2, 3, 1]
    assert gaps(flat) == [0, 4, 3, 0]
    dated = pd.DataFrame({**rows, "time": pd.to_datetime(rows["time"], unit="s")})
    with pytest.raises(InputError, match="column 'time' holds dates; expected numbers"):
        flatten(dated, VOCABULARY)
    with pytest.raises(InputError, match="a frame brings its times in its column 'time'"):
        checked_item_times(pd.DataFrame(rows), [[1.0]])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"item": ["a", None]}, "column 'item' is empty in row 1"),
        ({"item": pd.array([1, None], dtype="Int64")}, "column 'item' is empty in row 1"),
        ({"item": [1.0, 2.0]}, r"column 'item': expected a text or a whole number, not 1\.0 at"),
        ({"item": ["a", True]}, "column 'item': expected a text or a whole number, not True at"),
        ({"timestamp": [1, 2]}, "a column 'timestamp', of which nothing is read; drop it, or name"),
        ({"time": [1, math.inf]}, "column 'time' has no number in row 1"),
        ({"time": [True, False]}, "column 'time' holds truth values; expected numbers"),
    ],
)
def test_what_is_wrong_with_a_frame_is_named(columns: Any, words: str) -> None:
    frame = pd.DataFrame({"request": [1, 1], "item": ["a", "b"], **columns})
    with pytest.raises(InputError, match=f"^histories: .*{words}"):
        flatten(frame, VOCABULARY)


def test_a_frame_has_each_column_once() -> None:
    frame = pd.DataFrame([[1, "a", "b"]], columns=["request", "item", "item"])
    with pytest.raises(InputError, match="histories: the frame has two columns 'item'"):
        flatten(frame, VOCABULARY)


def test_histories_are_a_list_of_lists_of_tokens() -> None:
    found = flatten([("a", "b"), np.array(["c"]), pd.Series(["a"], index=[9])], VOCABULARY)
    assert found.item.tolist() == [1, 2, 3, 1]
    named: Any
    for named, words in (
        ("ab", "expected a list of histories, each a list of item tokens, not 'ab'"),
        ({"a": ["b"]}, "expected a list of histories"),
        ((one for one in [["a"]]), "expected a list of histories"),
        (["a"], "request 0: expected a list of item tokens, not the string 'a'"),
        ([["a"], {"a", "b"}], "request 1: expected a list of item tokens, not {"),
        ([["a"], [], ["b", None]], "request 2: expected a text or a whole number, not None at p"),
        ([["a"], ["b", "c", 2.0]], r"request 1: expected a text or a whole number, not 2\.0 at p"),
    ):
        with pytest.raises(InputError, match=f"^histories: {words}"):
            flatten(named, VOCABULARY)


def test_the_moments_of_requests_are_finite_numbers() -> None:
    reader = RequestReader(VOCABULARY, Needs([]), 1.0)
    requests = reader.together([["a"], ["b"]], times=[5, None])  # type: ignore[list-item]
    assert requests.times[0] == 5.0
    assert math.isnan(requests.times[1])
    times: Any
    for times, words in (
        ([1.0, math.inf], "times: a time is infinite"),
        (["1", "2"], "times: expected numbers"),
        ("12", "times: '12' is not a sequence of times"),
        (5.0, "times: expected a list, one of each request, not 5.0"),
    ):
        with pytest.raises(InputError, match=f"^{words}"):
            reader.together([["a"], ["b"]], times=times)
    with pytest.raises(InputError, match="draws: expected whole numbers from 0, not True at pl"):
        reader.together([["a"]], draws=[True])
    with pytest.raises(InputError, match="rankings: request 0 has a dict, not a Ranking or None"):
        reader.together([["a"]], rankings=[{"items": []}])  # type: ignore[list-item]


def test_the_request_with_wrong_times_is_named() -> None:
    with pytest.raises(InputError, match="item_times: request 1: 2 times for a history of 1 items"):
        checked_item_times([["a"], ["b"]], [None, [1.0, 2.0]])
    with pytest.raises(InputError, match="item_times: 1 for 2 requests"):
        checked_item_times([["a"], ["b"]], [None])
    with pytest.raises(InputError, match="item_times: 5 is not a sequence"):
        checked_item_times([["a"]], 5)  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match="request 0: expected a list of item tokens, not the string"
    ):
        checked_item_times(["a b"], [[1.0, 2.0]])


def test_an_item_without_a_time_has_none_and_not_nan() -> None:
    (found,) = checked_item_times([["a", "b"]], [[None, 2.0]])
    assert math.isnan(found[0]) and found[1] == 2.0
    words = "item_times: request 1: a time is NaN; write None where one is not known"
    with pytest.raises(InputError, match=words):
        checked_item_times([["a", "b"], ["b", "c"]], [None, np.array([math.nan, 2.0])])


def test_times_of_one_query_are_no_other_ones_and_as_many_as_its_items() -> None:
    reader = RequestReader(VOCABULARY, Needs([]), 1.0)
    untimed = Query(["b", "c"])
    requests = reader.of_queries([Query(["a", "b"], times=[0, 64]), untimed])
    assert gaps(requests.histories) == [0, 8, 0, 0]
    with pytest.raises(InputError, match="times: query 1 has 3 for a history of 1 items"):
        checked([untimed, Query(["a"], times=[0, 1, 64])])


def test_requests_take_arrays_as_they_take_lists() -> None:
    reader = RequestReader(VOCABULARY, Needs([]), 1.0)
    nothing, times = np.array([None, None]), np.array([[1.0, 3.0], [1.0, 1.0]])
    requests = reader.together([["a", "b"], ["c", "a"]], nothing, item_times=times)
    assert gaps(requests.histories) == [0, 3, 0, 1]

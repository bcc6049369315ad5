"""Entries: what they hold, and their binary form against damage of every kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.serving.entry import DamagedEntryError, Entry

ENTRY = Entry.of(["a", "ß 7", "c"], ["click", "like"], [[0.5, 1], [0.25, -3], [0, 1e-9]])


def test_the_binary_form_gives_the_entry_back() -> None:
    again = Entry.from_bytes(ENTRY.to_bytes())
    assert (again.items, again.objectives) == (ENTRY.items, ENTRY.objectives)
    np.testing.assert_array_equal(again.scores, ENTRY.scores)
    empty = Entry.of([], ["click"], [])
    assert Entry.from_bytes(empty.to_bytes()).items == ()


def test_it_is_compact() -> None:
    items = [f"video{number}" for number in range(100)]
    entry = Entry.of(items, list("abcde"), np.ones((100, 5)))
    assert len(entry.to_bytes()) < 100 * (5 * 4 + 12) + 100


@given(st.data())
def test_whatever_is_changed_or_cut_is_refused(data: st.DataObject) -> None:
    content = ENTRY.to_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(flipped), content[:place], content + b"x"):
        with pytest.raises(DamagedEntryError):
            Entry.from_bytes(damaged)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(DamagedEntryError):
        Entry.from_bytes(content)


@pytest.mark.parametrize(
    ("items", "scores", "words"),
    [
        (["a", "b"], [[1.0]], r"2 items and 1 objectives cannot have scores of shape \(1, 1\)"),
        (["a"], [[float("nan")]], "finite"),
        (["a", "a"], [[1.0], [2.0]], "twice"),
        (["a", "b"], [[1.0], [2.0, 3.0]], "rows of numbers, all as long"),
        (["a"], [["much"]], "rows of numbers"),
    ],
)
def test_what_is_no_ranking_is_refused(items: list, scores: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Entry.of(items, ["click"], scores)


def test_an_entry_loses_what_was_consumed() -> None:
    entry = Entry.of(["a", "b", "c"], ["x"], [[3.0], [2.0], [1.0]])
    left = entry.without(["b", "z"])
    assert left.items == ("a", "c")
    assert left.scores.tolist() == [[3.0], [1.0]]
    assert entry.without(["d"]) is entry
    assert entry.without(list("abc")).scores.shape == (0, 1)


def test_the_first_missing_objective_is_named() -> None:
    entry = Entry.of(["a"], ["x", "y"], [[3.0, 1.0]])
    assert entry.missing(["y", "x"]) is None
    assert entry.missing([]) is None
    assert entry.missing(["y", "v", "w"]) == "v"

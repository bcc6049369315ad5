"""Rankings: what they hold, and their binary form against damage of every kind."""

import struct
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.core.errors import InputError
from recbole_poem.serving.ranking import DamagedRankingError, Needs, Ranking

RANKING = Ranking.of(["a", "ß 7", "c"], ["click", "like"], [[0.5, 1], [0.25, -3], [0, 1e-9]])


def test_the_binary_form_gives_the_ranking_back() -> None:
    again = Ranking.from_bytes(RANKING.to_bytes())
    assert (again.items, again.objectives) == (RANKING.items, RANKING.objectives)
    np.testing.assert_array_equal(again.scores, RANKING.scores)
    empty = Ranking.of([], ["click"], [])
    assert Ranking.from_bytes(empty.to_bytes()).items == ()


def test_it_is_compact() -> None:
    items = [f"video{number}" for number in range(100)]
    ranking = Ranking.of(items, list("abcde"), np.ones((100, 5)))
    assert len(ranking.to_bytes()) < 100 * (5 * 4 + 12) + 100


@given(st.data())
def test_whatever_is_changed_or_cut_is_refused(data: st.DataObject) -> None:
    content = RANKING.to_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(flipped), content[:place], content + b"x"):
        with pytest.raises(DamagedRankingError):
            Ranking.from_bytes(damaged)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(DamagedRankingError):
        Ranking.from_bytes(content)


def test_a_head_that_is_too_deep_is_refused_though_its_checksum_is_right() -> None:
    head = b"[" * 100_000
    body = struct.pack("<I", len(head)) + head
    with pytest.raises(DamagedRankingError, match="no ranking: "):
        Ranking.from_bytes(struct.pack("<4sBI", b"POEM", 1, zlib.crc32(body)) + body)


@pytest.mark.parametrize(
    ("items", "scores", "words"),
    [
        (["a", "b"], [[1.0]], r"2 items and 1 objectives cannot have scores of shape \(1, 1\)"),
        (
            ["a", "b"],
            [[1.0], [float("nan")]],
            "finite numbers of float32, not nan for the item 'b'",
        ),
        (["a"], [[float("-inf")]], "not -inf for the item 'a' and the objective 'click'"),
        (["a"], [[1e39]], r"finite numbers of float32, not 1e\+39 for the item 'a'"),
        (["a"], [[10**400]], "finite numbers of float32, not inf for the item 'a'"),
        (["a"], np.array([[1e39]]), r"finite numbers of float32, not 1e\+39 for the item 'a'"),
        (["a", "a"], [[1.0], [2.0]], "items: a ranking names an item twice, 'a'"),
        (["a", "b"], [[1.0], [2.0, 3.0]], "rows of numbers, all as long"),
        (["a"], [["much"]], "rows of numbers"),
        (["a"], [["1"]], "rows of numbers"),
        (["a"], [[True]], "rows of numbers"),
        (["a"], np.array([[True]]), "rows of numbers"),
        (["a"], [[None]], "rows of numbers"),
        (["a"], [1.0], "rows of numbers"),
        (["a"], "1", "rows of numbers"),
        ("ab", [[1.0], [2.0]], "items: expected a list of item tokens, not the string 'ab'"),
        ({"a", "b"}, [[1.0], [2.0]], "items: expected a list of item tokens, not {"),
        (["a", None], [[1.0], [2.0]], "items: expected a text or a whole number, not None at pl"),
    ],
)
def test_what_is_no_ranking_is_refused(items: list, scores: list, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Ranking.of(items, ["click"], scores)


def test_objectives_are_a_list_of_different_names() -> None:
    with pytest.raises(InputError, match="objectives: expected a list of names, not the string"):
        Ranking.of(["a"], "c", [[1.0]])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="objectives: a ranking names an objective twice, 'click'"):
        Ranking.of(["a"], ["click", "like", "click"], [[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="items: expected a tuple, not 'a'"):
        Ranking("a", ("click",), np.ones((1, 1)))  # type: ignore[arg-type]


def test_a_frame_of_scores_is_refused_for_its_columns_may_stand_in_another_order() -> None:
    with pytest.raises(InputError, match=r"^scores: a frame has columns of its own"):
        Ranking.of(["a"], ["click", "like"], pd.DataFrame({"like": [1.0], "click": [2.0]}))


def test_scores_may_be_any_table_of_numbers_and_tokens_numbers() -> None:
    for scores in ([[2], [1]], np.array([[2], [1]]), torch.tensor([[2.0], [1.0]])):
        ranking = Ranking.of([np.int64(7), "b"], ["click"], scores)
        assert ranking.items == ("7", "b")
        assert ranking.scores.dtype == np.float32
        assert ranking.scores.tolist() == [[2.0], [1.0]]


def test_a_ranking_loses_what_was_consumed() -> None:
    ranking = Ranking.of(["a", "b", "c"], ["x"], [[3.0], [2.0], [1.0]])
    left = ranking.without(["b", "z"])
    assert left.items == ("a", "c")
    assert left.scores.tolist() == [[3.0], [1.0]]
    assert ranking.without(["d"]) is ranking
    assert ranking.without(list("abc")).scores.shape == (0, 1)
    assert Ranking.of([7, 8], ["x"], [[1.0], [2.0]]).without([7]).items == ("8",)
    with pytest.raises(InputError, match="items: expected a list of item tokens, not the string"):
        ranking.without("abc")


def test_what_is_missing_is_named() -> None:
    ranking = Ranking.of(["a"], ["x", "y"], [[3.0, 1.0]])
    assert Needs(["y", "x"]).lacking(ranking) is None
    assert Needs([]).lacking(ranking) is None
    words = "the objective 'v' is missing; the model reads y, v, w"
    assert Needs(["y", "v", "w"]).lacking(ranking) == words
    with pytest.raises(InputError, match="objectives: expected a list of names, not the string"):
        Needs("y").lacking(ranking)
    told = Ranking.of(["a"], ["x"], [[3.0]], ["shown"])
    nothing = Ranking.of([], ["x"], [])
    for one in (told, nothing):
        assert Needs(["x"], stages=True).lacking(one) is None
    assert Needs(["x"], stages=True).lacking(ranking) == (
        "the stages are missing, by which the model groups candidates (grouping)"
    )


def test_stages_travel_with_their_items() -> None:
    ranking = Ranking.of(["a", "b"], ["x"], [[1.0], [2.0]], ["rank_rest", "shown"])
    assert Ranking.from_bytes(ranking.to_bytes()).stages == ("rank_rest", "shown")
    assert ranking.without(["a"]).stages == ("shown",)
    assert Ranking.from_bytes(Ranking.of(["a"], ["x"], [[1.0]]).to_bytes()).stages is None


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (["shown"], "stages: a ranking of 2 items cannot have 1 stages"),
        (["shown", "seen"], "stages: 'seen' is none of shown, rerank_top"),
        ("shown", "stages: expected a list of names, not the string"),
    ],
)
def test_stages_that_do_not_fit_are_refused(stages: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Ranking.of(["a", "b"], ["x"], [[1.0], [2.0]], stages)


@pytest.mark.parametrize(("shift", "is_foreign"), [(0.0, False), (1.0, False), (1.8, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_scores_beside_all_that_a_fusion_knows_are_of_another_ranker(
    shift: float, is_foreign: bool, sign: int
) -> None:
    scores = np.linspace(-0.5, 0.5, 5) + 2 * sign * shift
    table = np.stack([np.zeros(5), scores], axis=1)
    ranking = Ranking.of(list("abcde"), ["y", "x"], table)
    needs = Needs(["x", "y"], spans=[(-1.0, 1.0), (-1.0, 1.0)])
    words = needs.lacking(ranking)
    assert (words is not None) is is_foreign
    if words is not None:
        assert words.startswith("the scores of 'x' go from ")
        assert "and the score fusion learned from -1 to 1; give those of the ranker" in words
    assert needs.lacking(Ranking.of(list("ab"), ["y", "x"], table[:2])) is None  # too few to tell
    assert needs._replace(spans=None).lacking(ranking) is None
    assert needs._replace(spans=[(0.0, 0.0)] * 2).lacking(ranking) is None  # no span

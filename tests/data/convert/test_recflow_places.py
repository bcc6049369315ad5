"""Places of candidates, against a loop that compares each one with each other one."""

import numpy as np
import pytest
import recflow_world as world

from recbole_poem.data.convert.recflow.columns import FLAGS
from recbole_poem.data.convert.recflow.places import (
    NEGATIVES,
    Position,
    rank_places,
    rerank_places,
    stages,
)
from recbole_poem.fusion.cascade_stages import STAGES


def level(kind, flags, index, how, is_ordered):
    """Return what a candidate is compared by, lower is better."""
    known = index >= how.first
    if f"{kind}_pos" in flags:
        return (0, index) if known else (1,)
    negative = f"{kind}_neg" in flags
    if negative and {"auto": is_ordered, "index": known, "tied": False}[how.negatives]:
        return (3 if kind == "rank" else 2, index)
    if kind == "rank":
        return (2,) if {"rerank_pos", "rerank_neg"} & flags else (3, np.inf) if negative else (
            (4,) if "coarse_neg" in flags else (5,)
        )  # fmt: skip
    if negative or "rank_pos" in flags:
        return (3,)
    return (4,) if "rank_neg" in flags else (5,) if "coarse_neg" in flags else (6,)


def places_by_a_loop(kind, drawn, how):
    index, names = drawn[f"{kind}_index"], [set(world.flag_names(b)) for b in drawn["flags"]]
    levels = []
    for one, ranking in enumerate(drawn["ranking"]):
        others = np.flatnonzero(drawn["ranking"] == ranking)
        best = [index[i] for i in others if f"{kind}_pos" in names[i] and index[i] >= how.first]
        rest = [
            index[i] for i in others if f"{kind}_neg" in names[i] and f"{kind}_pos" not in names[i]
        ]
        is_ordered = all(i >= how.first and i > max(best, default=-1) for i in rest)
        is_ordered &= len(rest) == 1 or len(set(rest)) > 1
        levels.append(level(kind, names[one], index[one], how, is_ordered))
    return [
        1 + sum(levels[i] < mine for i in np.flatnonzero(drawn["ranking"] == ranking))
        for mine, ranking in zip(levels, drawn["ranking"])
    ]


@pytest.mark.parametrize("negatives", NEGATIVES)
@pytest.mark.parametrize("first", [0, 1])
def test_places_equal_a_loop_over_pairs(first, negatives):
    how = Position(first, negatives)
    for seed in range(4):
        drawn = world.random_candidates(np.random.default_rng(seed), 25)
        given = drawn["ranking"], drawn["flags"]
        rank, _ = rank_places(*given, drawn["rank_index"], how)
        rerank, _ = rerank_places(*given, drawn["rerank_index"], how)
        assert list(rank) == places_by_a_loop("rank", drawn, how)
        assert list(rerank) == places_by_a_loop("rerank", drawn, how)


def test_what_positions_of_a_rest_look_like_is_counted_by_ranking():
    # ranking 0: behind the best and different; 1: one value; 2: among the best; 3: none; 4: alone
    ranking = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4])
    flags = np.array([8, 16, 16, 8, 16, 16, 8, 16, 8, 16, 16], dtype=np.uint8)
    index = np.array([0, 5, 6, 0, 9, 9, 7, 6, 0, -1, 3])
    places, found = rank_places(ranking, flags, index, Position())
    assert found == (1, 1, 2)
    assert list(places) == [1, 2, 3, 1, 2, 2, 1, 2, 1, 2, 1]


def test_a_candidate_has_the_stage_of_its_best_flag():
    names = ["realshow", "rerank_pos", "rank_pos", "rerank_neg", "rank_neg", "coarse_neg"]
    names.append("prerank_neg")
    bits = np.array([FLAGS[name] for name in names], dtype=np.uint8)
    assert list(stages(bits)) == list(range(len(STAGES)))
    assert list(stages(bits | FLAGS["prerank_neg"])) == list(range(len(STAGES)))
    assert list(stages(bits | FLAGS["realshow"])) == [0] * len(STAGES)


def test_no_candidates_have_no_places():
    nothing = np.zeros(0, dtype=np.int64)
    places, found = rank_places(nothing, nothing.astype(np.uint8), nothing, Position())
    assert len(places) == 0 and found == (0, 0, 0)


def test_the_command_offers_what_there_is() -> None:
    from recbole_poem.cli.convert import NEGATIVES
    from recbole_poem.data.convert.recflow import places

    assert NEGATIVES == places.NEGATIVES

"""Tiles: what they cover, what counting is said to take, and that their edges change no bit."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_item_to_item import ranker_of
from toy_logs import random_log, with_items

from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import open_map
from recbole_poem.retrieval import item_to_item, tiles
from recbole_poem.retrieval.tiles import check_room, kept_bytes, plan, warn_of_many

ALL = {
    "liked": {"feedback": {"rating": "[3,inf)"}, "shrinkage": 1.0},
    "regressed": {"similarity": "ease", "ridge": 3.0},
    "soon": {"similarity": "transition", "steps": 10, "discount": 0.9},
    "later": {"similarity": "transition", "steps": 4, "discount": 0.7, "within": 6},
    "near": {"similarity": "session", "steps": 7, "discount": 0.8},
}
WEIGHTS = [1, 1, 1, 1, 1]


def estimated(log, parallel_map=map, **changes):
    """Return the similarities without each fold, dense."""
    found = ranker_of(log, ALL, weights=WEIGHTS, **changes).estimate(parallel_map)
    return [matrix.toarray() for matrix in found.similarities]


@pytest.fixture
def many_tiles(monkeypatch):
    """Cut a toy catalogue into tiles of a few items."""
    monkeypatch.setattr(tiles, "TILE_PAIRS", 60)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_items=st.integers(1, 40),
    largest=st.sampled_from([0, 3, 10**9]),
    pairs=st.sampled_from([1, 50, 2**22]),
)
def test_tiles_cover_every_item_once(seed, n_items, largest, pairs):
    work = np.random.default_rng(seed).integers(0, largest + 1, (3, n_items))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE_PAIRS", pairs)
        found = plan(work, at_once=False)
    assert [item for tile in found.tiles for item in tile] == list(range(n_items))
    assert all(len(tile) for tile in found.tiles)
    assert found.n_pairs == work.sum()


def test_a_tile_has_about_as_many_pairs_as_it_may_or_one_item(many_tiles):
    work = np.zeros((2, 10), dtype=np.int64)
    work[:, 1:] = 10  # 20 entries an item, 3 items to a tile of 60 pairs
    work[0, 5] = 4  # less than the catalogue
    found = plan(work, at_once=False).tiles
    assert len(found) >= 3
    assert max(work[:, tile].sum() for tile in found) <= 60 + 20
    everything = plan(work, at_once=True).tiles
    assert everything == [range(10)]


def test_a_small_log_is_one_tile_and_a_large_one_is_many():
    small = ranker_of(random_log(0))._question(0).plan()
    assert len(small.tiles) == 1
    n_items = 900
    large = plan(np.full((5, n_items), 10**6), at_once=False)  # products of many rows
    assert len(large.tiles) == 64


@pytest.mark.parametrize("seed", range(2))
def test_tiles_change_no_bit(seed, monkeypatch):
    log = random_log(seed, n_users=40, n_items=30, longest=40)
    whole = estimated(log)
    assert sum((each > 0).sum() for each in whole) > 500
    for pairs in (60, 1000):
        monkeypatch.setattr(tiles, "TILE_PAIRS", pairs)
        for one, other in zip(estimated(log), whole):
            np.testing.assert_array_equal(one, other)


WHERE = {"threads": {"threads": 3}, "ray of one": {"ray": 1}, "ray of two": {"ray": 2}}


@pytest.mark.parametrize("where", WHERE.values(), ids=WHERE)
def test_workers_take_tiles_and_change_no_bit(where, many_tiles):
    log = random_log(4, n_users=40, n_items=30, longest=40)
    caps = {"max_items_per_user": 15, "max_users_per_item": 12}
    here = estimated(log, **caps)
    taken = []

    def seen(function, some):
        taken.append(len(some))
        return parallel_map(function, some)

    with open_map(**where) as parallel_map:
        there = estimated(log, seen, **caps)
    assert len(taken) == 2 * len(ALL)  # of each similarity the sums, and the weights
    assert sorted(taken)[2] > 3  # tiles, but for the similarity that takes all items at once
    for one, other in zip(there, here):
        np.testing.assert_array_equal(one, other)


# -- caps ------------------------------------------------------------------------------------------

CAPS = [{"max_items_per_user": 4}, {"max_users_per_item": 6}]


@pytest.mark.parametrize("caps", CAPS, ids=lambda caps: next(iter(caps)))
def test_a_cap_changes_the_similarities_and_one_that_holds_nothing_back_does_not(caps):
    log = random_log(7, n_users=40, n_items=20, longest=20)
    whole = estimated(log)
    capped = estimated(log, **caps)
    assert any((one != other).any() for one, other in zip(whole, capped))
    ample = {name: 1000 for name in caps}
    for one, other in zip(whole, estimated(log, **ample)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("caps", CAPS, ids=lambda caps: next(iter(caps)))
def test_with_caps_no_row_of_a_fold_moves_what_it_is_ranked_by(caps):
    """A user in the sample of an item would take another's place, and give itself away so."""
    log = random_log(11, n_users=40, n_items=12, longest=20)
    fold = ranker_of(log)._fold
    before = estimated(log, **caps)
    for f, own in enumerate(before):
        altered = np.flatnonzero((fold[log.user] == f) & log.training)
        rng = np.random.default_rng(f)
        changed = with_items(log, altered, rng.integers(1, log.n_items, len(altered)))
        after = estimated(changed, **caps)
        np.testing.assert_array_equal(after[f], own)
        assert any((one != other).any() for one, other in zip(after, before))


# -- room ------------------------------------------------------------------------------------------


def test_what_is_kept_is_at_most_what_is_said():
    log = random_log(3, n_users=40, n_items=30, longest=40)
    for top_k in (1, 5, 100):
        ranker = ranker_of(log, ALL, weights=WEIGHTS, top_k=top_k)
        plans = [ranker._question(m).plan() for m in range(len(ALL))]
        found = sum(8 * matrix.nnz for matrix in ranker.estimate(map).similarities)
        assert found <= kept_bytes(plans, 3, top_k) <= 4 * 8 * len(ALL) * 30 * min(top_k, 30)
    assert found > 0.2 * kept_bytes(plans, 3, top_k)


def test_pairs_that_memory_has_no_room_for_are_refused_before_any_is_formed(monkeypatch):
    log = random_log(3, n_users=40, n_items=30, longest=40)
    ranker = ranker_of(log, ALL, weights=WEIGHTS, top_k=9)
    plans = [ranker._question(m).plan() for m in range(len(ALL))]
    largest = max(each.tile_bytes for each in plans)
    monkeypatch.setattr(item_to_item, "free_memory", lambda: plans[0].tile_bytes - 1)

    def formed(*arguments):
        raise AssertionError

    monkeypatch.setattr("recbole_poem.retrieval.estimation._sums", formed)
    pairs = sum(each.n_pairs for each in plans)
    with pytest.raises(
        InputError, match=r"^objectives\.liked: of its [\d,]+ pairs of rows"
    ) as told:
        ranker.estimate(map)
    assert "set ranking_source.max_items_per_user or ranking_source.max_users_per_item" in str(
        told.value
    )
    free = largest + kept_bytes(plans, 3, 9) - 1
    monkeypatch.setattr(item_to_item, "free_memory", lambda: free)
    words = rf"^ranking_source\.neighbours: of {pairs:,} pairs of rows the 9 most similar items of "
    with pytest.raises(InputError, match=words) as told:
        ranker.estimate(map)
    assert "\n" not in str(told.value)
    fits = int(str(told.value).rpartition(" ")[2])
    assert 1 <= fits < 9
    check_room(plans, list(ALL), 3, fits, free)
    with pytest.raises(InputError, match=f"set at most {fits}$"):
        check_room(plans, list(ALL), 3, fits + 1, free)


def test_where_not_even_one_neighbour_has_room_fewer_items_are_the_way():
    plans = [plan(np.full((2, 1000), 2), at_once=False)]
    room = plans[0].tile_bytes + 100
    with pytest.raises(InputError, match=r"; take fewer items with item_inter_num_interval$"):
        check_room(plans, ["a"], 2, 5, room)


def test_a_similarity_of_all_items_at_once_needs_dense_matrices():
    found = plan(np.full((2, 100), 10**6), at_once=True)
    assert found.tile_bytes == 2 * 8 * 100**2


def test_very_many_pairs_are_told(caplog):
    plans = [plan(np.full((1, 10), 10**each), at_once=False) for each in (9, 11)]
    with caplog.at_level(logging.WARNING):
        warn_of_many(plans, ["few", "many"])
    assert [record.getMessage()[:47] for record in caplog.records] == [
        "objectives.many: 1,000,000,000,000 pairs of row"
    ]
    assert "ranking_source.max_items_per_user" in caplog.text

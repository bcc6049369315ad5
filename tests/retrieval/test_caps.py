"""Caps: which rows are counted, how many, and that a fold's rows move nothing of another's."""

from dataclasses import replace

import numpy as np
import pytest
from toy_components import similarity_of
from toy_logs import log_of, random_log, with_items

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import NEGATIVES, RANKING_SOURCES
from recbole_poem.retrieval.caps import Caps


def kept_items(log, kept):
    """Return the items that are kept of each user, a set each."""
    return [set(log.item[kept & (log.user == user)].tolist()) for user in range(1, log.n_users)]


def everything(log):
    return np.arange(len(log))


@pytest.mark.parametrize("in_order", [True, False])
def test_without_a_cap_or_below_it_everything_is_kept(in_order):
    log = random_log(0, n_users=20, n_items=12)
    for caps in (Caps(), Caps(12, 20), Caps(12, 60, n_folds=3)):
        assert caps.kept(log, everything(log), in_order).all()
    nothing = np.zeros(0, dtype=np.int64)
    assert len(Caps(1, 1).kept(log, nothing, in_order)) == 0


def test_in_order_the_latest_rows_of_a_user_are_kept():
    log = log_of([[1, 2, 3, 4], [5], [4, 4, 4]], n_items=6)
    kept = Caps(max_items_per_user=2).kept(log, everything(log), in_order=True)
    assert kept.tolist() == [False, False, True, True, True, False, True, True]


def test_out_of_order_a_user_keeps_a_sample_of_items_with_all_their_rows():
    log = log_of([[1, 2, 1, 3, 4, 2, 5]] * 200, n_items=6)
    kept = Caps(max_items_per_user=2, seed=1).kept(log, everything(log), in_order=False)
    items = kept_items(log, kept)
    assert all(len(each) == 2 for each in items)
    for user, each in enumerate(items, 1):
        own = log.user == user
        assert np.array_equal(kept[own], np.isin(log.item[own], list(each)))
    share = np.bincount(log.item[kept], minlength=6)[1:] / [400, 400, 200, 200, 200]
    np.testing.assert_allclose(share, 0.4, atol=0.1)  # two of five, whichever and however often


def test_an_item_keeps_a_sample_of_users_spread_over_the_folds():
    log = log_of([[1, 2]] * 90, n_items=3)
    rows = [everything(log)[log.user % 3 == fold] for fold in range(3)]
    for cap, of_fold in ((30, 10), (7, 3), (1, 1)):
        caps = Caps(max_users_per_item=cap, n_folds=3)
        for some in rows:
            kept = caps.kept(log, some, in_order=True)
            users = [log.user[some[kept & (log.item[some] == item)]] for item in (1, 2)]
            assert [len(np.unique(each)) for each in users] == [of_fold, of_fold]
            assert of_fold < 10 or set(users[0]) != set(users[1])  # each item draws for itself


def test_users_are_capped_before_items():
    # item 9 is the oldest of everyone but user 1, and no place in its sample goes to them
    log = log_of([[9]] + [[9, 1, 2]] * 30, n_items=10)
    kept = Caps(2, 1).kept(log, everything(log), in_order=True)
    assert log.user[kept & (log.item == 9)].tolist() == [1]


@pytest.mark.parametrize("caps", [Caps(3, None), Caps(None, 4), Caps(3, 4)])
@pytest.mark.parametrize("in_order", [True, False])
def test_the_seed_alone_decides_and_other_users_of_a_fold_move_no_users_sample(caps, in_order):
    log = random_log(2, n_users=40, n_items=15, longest=20)
    kept = caps.kept(log, everything(log), in_order)
    assert 0.1 < kept.mean() < 0.9
    assert np.array_equal(kept, caps.kept(log, everything(log), in_order))
    if caps.max_users_per_item is None:
        own = log.user == 5
        other = with_items(log, ~own, np.random.default_rng(0).integers(1, 15, (~own).sum()))
        assert np.array_equal(kept[own], caps.kept(other, everything(log), in_order)[own])
    drawn = caps.max_users_per_item is not None or not in_order
    another = caps._replace(seed=1).kept(log, everything(log), in_order)
    assert drawn != np.array_equal(kept, another)


def test_rows_that_are_not_kept_still_stand_between_the_others():
    """Else an item that is capped away would make neighbours of what lies on its two sides."""
    log = log_of([[1, 2, 3]], n_items=4)
    kept = np.array([True, False, True])
    for steps, found in ((1, 0), (2, 1)):
        similarity = similarity_of("transition", steps=steps, discount=1.0)
        pairs = similarity.pairs(log, everything(log), kept)
        assert pairs.of(range(4)).toarray()[1, 3] == found
        assert pairs.of(range(4)).sum() == found
    near = similarity_of("session", steps=2).pairs(log, everything(log), kept)
    assert near.of(range(4)).toarray().nonzero()[0].tolist() == [1, 3]
    together = similarity_of("cosine").pairs(log, everything(log), kept).of(range(4)).toarray()
    assert together[1, 3] == 1
    assert not together[2].any()


def test_a_sample_keeps_the_order_of_similar_items():
    """Pairs of one kind are frequent, and a sample of users' items still finds them so."""
    rng = np.random.default_rng(0)
    histories = [rng.permutation(20)[:12] + 1 + 20 * (user % 2) for user in range(300)]
    log = log_of([each.tolist() for each in histories], n_items=41)
    kept = Caps(max_items_per_user=4).kept(log, everything(log), in_order=False)
    assert kept.mean() == 4 / 12
    pairs = similarity_of("cosine").pairs(log, everything(log), kept).of(range(41)).toarray()
    assert not pairs[1:21, 21:].any()
    # a pair of the same kind is kept by (4 * 3) of (12 * 11) users that have it
    whole = similarity_of("cosine").pairs(log, everything(log), kept | True).of(range(41)).toarray()
    np.fill_diagonal(pairs, 0)
    np.fill_diagonal(whole, 0)
    assert pairs.sum() / whole.sum() == pytest.approx(12 / 132)


def test_a_log_of_several_columns_is_left_as_it_is():
    log = random_log(1)
    before = replace(log, item=log.item.copy())
    Caps(1, 1).kept(log, everything(log), in_order=False)
    assert np.array_equal(log.item, before.item)


@pytest.mark.parametrize("source", ["item_to_item", "time_blocks"])
def test_one_item_of_a_user_makes_no_pair_and_is_refused(source):
    block = {"name": source, "max_items_per_user": 1}
    with pytest.raises(InputError, match="max_items_per_user: expected a whole number from 2, or"):
        RANKING_SOURCES.choose(block, "ranking_source")
    RANKING_SOURCES.choose({**block, "max_items_per_user": 2}, "ranking_source")


@pytest.mark.parametrize("cap", ["max_items_per_user", "max_users_per_item"])
def test_swing_has_no_pairs_of_one_either(cap):
    with pytest.raises(InputError, match=f"{cap}: expected a whole number from 2, or ~"):
        NEGATIVES.choose({"name": "graph", cap: 1}, "negatives")

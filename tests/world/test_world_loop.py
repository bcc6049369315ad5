"""The closed loop: the same bits wherever it runs, and the rules of the platform."""

import copy
import dataclasses
from functools import partial
from typing import List

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_world import life_in, small_world

from recbole_poem.core.workers import open_map
from recbole_poem.world.cascade import best_places
from recbole_poem.world.catalogue import Catalogue
from recbole_poem.world.history import LENGTH, NONE, History
from recbole_poem.world.life import Life, blocks, lived, together, usual_life
from recbole_poem.world.lists import make_list
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.ranking_stage import fused
from recbole_poem.world.retrieval import Asked, without_doubles
from recbole_poem.world.served import Served
from recbole_poem.world.settings import ListSettings


def same(one: Life, other: Life) -> bool:
    """Tell whether two lives are the same to the bit."""
    columns = [name for name in Life._fields if name != "reactions"]
    equal = [np.array_equal(getattr(one, name), getattr(other, name)) for name in columns]
    equal += [np.array_equal(one.reactions[name], other.reactions[name]) for name in one.reactions]
    return all(equal)


def joined(parts: List[Life]) -> Life:
    """Put the lives of blocks behind each other."""
    names = [name for name in Life._fields if name != "reactions"]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    reactions = {
        name: np.concatenate([part.reactions[name] for part in parts])
        for name in parts[0].reactions
    }
    return Life(reactions=reactions, **columns)


@pytest.mark.parametrize("workers", [{}, {"threads": 3}, {"ray": 2}])
def test_blocks_are_the_same_bits_anywhere(workers: "dict[str, int]") -> None:
    world = small_world(retrieval="own")
    whole = usual_life(world, 5, np.arange(40))
    parts = [np.arange(0, 7), np.arange(7, 25), np.arange(25, 40)]
    with open_map(**workers) as run:
        assert same(whole, joined(list(run(partial(usual_life, world, 5), parts))))


def test_a_large_catalogue_makes_small_blocks() -> None:
    for items, size in ((60, 40), (200_000, 16), (10**8, 1)):
        settings = small_world().settings
        catalogue = dataclasses.replace(settings.catalogue, items=items)
        world = small_world()
        world.settings = dataclasses.replace(settings, catalogue=catalogue)
        parts = blocks(world)
        assert len(parts[0]) == min(size, 40)
        assert np.concatenate(parts).tolist() == list(range(40))


def test_the_seed_changes_everything() -> None:
    assert same(life_in(small_world()), life_in(small_world()))
    assert not np.array_equal(life_in(small_world()).item, life_in(small_world(seed=1)).item)


class Shuffled:
    """Sends all videos in an order of its own."""

    def candidates(self, asked: Asked) -> np.ndarray:
        order = np.random.default_rng(0).permutation(60)
        return np.broadcast_to(order, (len(asked.user), 60))


def test_the_order_of_the_candidates_says_nothing() -> None:
    world = small_world(ranking_stage__noise=0.0)
    until, everybody = Until(requests=4), np.arange(40)
    assert same(life_in(world, 4), lived(world, everybody, Shuffled(), until))


def test_nothing_is_shown_twice_and_time_goes_on() -> None:
    life = life_in(small_world(), requests=10)
    pairs = life.user * 60 + life.item
    assert len(np.unique(pairs)) == len(pairs)
    within = life.user[1:] == life.user[:-1]
    assert (np.diff(life.time)[within] >= 1).all()
    within = life.of_user[1:] == life.of_user[:-1]
    assert (np.diff(life.asked)[within] >= 1).all()


def test_a_twin_goes_on_alike_and_leaves_the_other_alone() -> None:
    world = small_world()
    lives = Lives(world, np.arange(40))
    list(lives.go(world.sources(), Until(requests=3)))
    before = copy.deepcopy(lives)
    one, other = (list(lives.twin().go(world.sources(), Until(days=2))) for _ in range(2))
    assert len(one) == len(other) > 2
    for first, second in zip(one, other):
        assert np.array_equal(first.shown, second.shown)
        assert np.array_equal(first.seconds, second.seconds)
    assert np.array_equal(lives.clock, before.clock)
    assert np.array_equal(lives.share_seen, before.share_seen)


def test_a_test_of_days_ends_for_each_user_by_its_own_clock() -> None:
    world = small_world()
    lives = Lives(world, np.arange(40))
    start = lives.clock.copy()
    for served in lives.go(world.sources(), Until(days=1.5)):
        assert (served.time < start[served.user] + 1.5 * 86_400).all()
    assert (lives.clock >= start + 1.5 * 86_400).all()


def test_days_of_the_calendar_end_for_all_at_once_and_change_nothing() -> None:
    world = small_world()
    by_days, at_once = Lives(world, np.arange(40)), Lives(world, np.arange(40))
    found: List[Served] = []
    for day in (1, 2, 3):
        today = list(by_days.go(world.sources(), Until(time=day * 86_400)))
        assert all((served.time // 86_400 == day - 1).all() for served in today)
        found += today
    whole = list(at_once.go(world.sources(), Until(time=3 * 86_400)))
    assert same(together(found), together(whole))
    assert np.array_equal(by_days.clock, at_once.clock)
    assert by_days.clock.min() >= 3 * 86_400


def test_what_is_gone_is_not_shown() -> None:
    world = small_world(catalogue__turnover=0.2, catalogue__days=10.0)
    life = life_in(world, requests=8)
    assert world.catalogue.there(life.item, life.asked[life_requests(life)]).all()
    assert len(np.unique(life.item)) > 20


def life_requests(life: Life) -> np.ndarray:
    """Return the place of each exposure's request."""
    width = life.number.max() + 1
    return np.searchsorted(life.of_user * width + life.number, life.user * width + life.request)


def test_boredom_is_what_was_seen_and_fades() -> None:
    world = small_world()
    life = life_in(world)
    for user in (0, 17):
        bored = np.zeros(6)
        for at in np.flatnonzero(life.of_user == user):
            assert life.bored[at] == pytest.approx(bored)
            bored = 0.8 * bored
            for item in life.item[(life.user == user) & (life.request == life.number[at])]:
                bored[world.catalogue.category[item]] += 1


def test_contexts_drift_as_they_are_said_to() -> None:
    life = life_in(small_world(people__users=1500), requests=8)
    context = life.context.reshape(1500, 8, 4)
    assert context.std() == pytest.approx(1, abs=0.03)
    for lag in (1, 3):
        found = np.corrcoef(context[:, lag:].ravel(), context[:, :-lag].ravel())[0, 1]
        assert found == pytest.approx(0.9**lag, abs=0.03)


@pytest.mark.parametrize("staleness", [0, 2])
def test_a_stale_ranking_stage_scores_by_a_former_context(staleness: int) -> None:
    world = small_world(
        ranking_stage__staleness=staleness,
        ranking_stage__taste_knowledge=0.5,
        ranking_stage__knowledge=0.25,
        ranking_stage__error=0.0,
        ranking_stage__noise=0.0,
        ranking_stage__objectives={"only": {"utility": 2.0, "duration": 0.0}},
    )
    life = life_in(world)
    for at in np.flatnonzero(life.of_user == 3):
        number = life.number[at]
        context = life.context[at - min(number, staleness)]
        wish = 0.5 * 0.5 * world.people.taste[3] + 0.25 * 0.75 * context
        item = life.ranked[at][life.ranked[at] != NONE]
        expected = 2 * (world.catalogue.vector[item] @ wish + world.catalogue.quality[item])
        assert life.scores[at, : len(item), 0] == pytest.approx(expected, abs=1e-5)
        assert (np.diff(expected) <= 1e-9).all()


def test_a_blind_ranking_stage_says_nothing_of_the_context() -> None:
    found = {}
    for knowledge in (0.0, 1.0):
        world = small_world(
            people__users=1500, catalogue__items=200, ranking_stage__knowledge=knowledge
        )
        life = life_in(world)
        before = np.flatnonzero(life.number < 5)  # each followed by a request of the same user
        liked = world.catalogue.vector[life.ranked[before]].mean(axis=1)
        found[knowledge] = np.corrcoef(liked.ravel(), life.context[before + 1].ravel())[0, 1]
    assert abs(found[0.0]) < 0.05
    assert found[1.0] > 0.4


def catalogue_of(category: np.ndarray) -> Catalogue:
    """Make a catalogue of which only the categories matter."""
    none = np.empty(0)
    return Catalogue(none, none, none, category, none, none, none)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 5.0]))
def test_a_list_is_that_of_a_slow_loop(seed: int, penalty: float) -> None:
    rng = np.random.default_rng(seed)
    category, by = rng.integers(0, 3, 20), -np.sort(-rng.normal(size=(2, 6)))
    ranked = np.stack([rng.permutation(20)[:6] for _ in range(2)])
    ranked[1, 3:] = NONE
    found = make_list(ListSettings(6, 4, penalty), catalogue_of(category), ranked, by)
    for row in range(2):
        left = {item: by[row, place] for place, item in enumerate(ranked[row]) if item != NONE}
        expected: List[int] = []
        while left and len(expected) < 4:
            best = max(left, key=lambda item: left[item])
            expected.append(best)
            del left[best]
            for item in left:
                left[item] -= penalty * (category[item] == category[best])
        assert found[row].tolist() == expected + [NONE] * (4 - len(expected))


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=12))
def test_later_doubles_go(items: List[int]) -> None:
    expected = [item if item not in items[:at] else NONE for at, item in enumerate(items)]
    assert without_doubles(np.array([items])).tolist() == [expected]


def test_of_equal_values_the_smaller_id_is_first() -> None:
    by, items = np.array([[1.0, 3.0, 1.0, 3.0]]), np.array([[4, 9, 2, 8]])
    assert best_places(by, items, 4).tolist() == [[3, 1, 2, 0]]
    assert best_places(by, items, 2).tolist() == [[3, 1]]


def test_a_history_keeps_the_latest_in_their_order() -> None:
    rng = np.random.default_rng(0)
    history, expected = History.empty(3, 3), {user: [] for user in range(3)}
    for _ in range(120):
        places = rng.permutation(3)[: rng.integers(1, 4)]
        item, n_seen = rng.integers(0, 99, (len(places), 4)), rng.integers(0, 5, len(places))
        happened = np.stack([item > 50, item % 2 == 0, item % 3 == 0], axis=-1)
        more = History(item, item * 2.0, item * 3.0, happened)
        history.add(places, more, n_seen)
        for row, place in enumerate(places):
            expected[place] += item[row, : n_seen[row]].tolist()
    for user, seen in expected.items():
        latest = seen[-LENGTH:]
        assert history.item[user].tolist() == [NONE] * (LENGTH - len(latest)) + latest
        assert history.time[user][-3:].tolist() == [2.0 * item for item in latest[-3:]]
        assert history.seconds[user][-3:].tolist() == [3.0 * item for item in latest[-3:]]
        assert history.long_view[user][-3:].tolist() == [item % 2 == 0 for item in latest[-3:]]
        third = history.reactions[user, -3:, 2].tolist()
        assert third == [item % 3 == 0 for item in latest[-3:]]


def test_the_platform_fuses_by_the_mean_of_the_scores() -> None:
    life = life_in(small_world())
    by = fused(life.scores.astype(float))
    whole = (life.ranked != NONE).all(axis=1)
    assert (np.diff(by[whole], axis=1) <= 1e-6).all()

"""What could be known: ranks by a slow loop, and bounds in their order."""

import numpy as np
import pytest
from toy_world import life_in, small_world

from recbole_poem.world.oracles import Targets, metrics, target_ranks, targets


def test_ranks_are_those_of_a_slow_loop() -> None:
    world = small_world()
    life = life_in(world, requests=8)
    rows = targets(life, "test")
    found = target_ranks(world, life, rows)
    people, vector = world.people.settings, world.catalogue.vector
    for at in range(0, len(rows.exposure), 7):
        exposure, request = int(rows.exposure[at]), int(rows.request[at])
        user, target = life.user[exposure], life.item[exposure]
        assert (life.of_user[request], life.number[request]) == (user, life.request[exposure])
        taste = people.taste * world.people.taste[user]
        before = life.context[request - 1] if life.number[request] else np.zeros(4)
        wishes = {
            "taste": taste,
            "previous": taste + people.context * people.drift * before,
            "now": taste + people.context * life.context[request],
        }
        seen = set(life.item[:exposure][life.user[:exposure] == user].tolist())
        for name, wish in wishes.items():
            worth = vector @ wish + world.catalogue.quality
            better = [i for i in range(60) if i not in seen and worth[i] > worth[target]]
            assert found[name][at] == 1 + len(better)


def test_rows_are_the_last_long_views_but_for_the_first_exposure() -> None:
    life = life_in(small_world(), requests=5)
    for part, back in (("test", 0), ("valid", 1)):
        expected = []
        for user in range(40):
            mine = np.flatnonzero(life.user == user)
            watched = [at for at in mine[1:] if life.reactions["long_view"][at]]
            if len(watched) >= back + 2:
                expected.append(watched[-1 - back])
        assert targets(life, part).exposure.tolist() == expected


def test_who_knows_more_finds_more() -> None:
    world = small_world(people__users=400, catalogue__items=200)
    life = life_in(world, requests=5)
    ndcg = {
        name: metrics(ranks)["NDCG@10"]
        for name, ranks in target_ranks(world, life, targets(life, "test")).items()
    }
    assert ndcg["now"] > ndcg["previous"] + 0.05 > ndcg["taste"] + 0.1


def test_metrics_are_those_of_the_evaluation() -> None:
    found = metrics(np.array([1, 3, 11, 60]))
    assert found["Hit@10"] == 0.5 and found["Hit@50"] == 0.75
    assert found["NDCG@10"] == pytest.approx((1 + 0.5) / 4)
    assert found["NDCG@50"] == pytest.approx((1 + 0.5 + 1 / np.log2(12)) / 4)


def test_a_world_without_targets_has_no_ranks() -> None:
    world = small_world(reactions__caught=-30.0, reactions__skip_seconds=0.01)
    life = life_in(world, requests=2)
    rows = targets(life, "test")
    assert len(rows.exposure) == 0
    assert metrics(target_ranks(world, life, rows)["now"])["NDCG@10"] == 0
    empty = Targets(np.empty(0, int), np.empty(0, int))
    assert target_ranks(world, life, empty)["taste"].tolist() == []

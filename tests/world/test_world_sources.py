"""The platform's own sources draw as they are said to: by appeal, and by liked categories."""

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from toy_world import small_world

from recbole_poem.world.history import NONE, History
from recbole_poem.world.retrieval import Asked, Mind
from recbole_poem.world.world import World

N = 20_000  # requests


def asked_by(user: int) -> Asked:
    """Return many requests of one user, of which the sources read the numbers alone."""
    nothing: Any = np.empty(0)
    history = History(nothing, nothing, nothing, nothing)
    mind = Mind(nothing, nothing, nothing)
    users = np.full(N, user)
    return Asked(users, np.arange(N), nothing, history, nothing, nothing, nothing, mind)


def world_of_one_draw(**dials: Any) -> World:
    return small_world(sources__candidates=1, list__candidates=4, list__shown=2, **dials)


def test_popular_videos_are_drawn_by_their_appeal() -> None:
    world = world_of_one_draw(sources__popular=1.0)
    drawn = world.sources().candidates(asked_by(3))
    share = np.bincount(drawn[:, 0], minlength=world.n_items) / N
    assert share == pytest.approx(softmax(world.catalogue.quality), abs=0.005)


@pytest.mark.parametrize("sharpness", [0.0, 0.5, 1.0])
def test_the_others_are_of_the_categories_that_the_user_likes(sharpness: float) -> None:
    world = world_of_one_draw(sources__popular=0.0, sources__sharpness=sharpness)
    drawn = world.sources().candidates(asked_by(3))[:, 0]
    liked = softmax(2 * sharpness * world.catalogue.centre @ world.people.taste[3])
    assert liked.max() - liked.min() > 0.1 or sharpness == 0
    category = world.catalogue.category
    share = np.bincount(category[drawn], minlength=len(liked)) / N
    assert share == pytest.approx(liked, abs=0.015)
    # within a category all are as likely
    one = liked.argmax()
    of_video = np.bincount(drawn, minlength=world.n_items)[category == one] / N
    assert of_video == pytest.approx(liked[one] / (category == one).sum(), abs=0.01)


def test_so_many_are_popular_and_doubles_go() -> None:
    world = small_world(sources__candidates=30, sources__popular=0.3)
    drawn = world.sources().candidates(
        asked_by(3)._replace(user=np.arange(40), request=np.ones(40, dtype=int))
    )
    blind = small_world(sources__candidates=30, sources__popular=0.3, sources__sharpness=0.0)
    other = blind.sources().candidates(
        asked_by(3)._replace(user=np.arange(40), request=np.ones(40, dtype=int))
    )
    assert drawn.shape == (40, 30)
    assert np.array_equal(drawn[:, :9], other[:, :9])  # who likes what moves the rest alone
    assert (drawn[:, 9:] != other[:, 9:]).mean() > 0.5
    for row in drawn:
        there = row[row != NONE]
        assert len(set(there)) == len(there) < 30

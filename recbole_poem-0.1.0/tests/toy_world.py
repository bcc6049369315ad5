"""Worlds small enough to look through."""

from typing import Any

import numpy as np

from recbole_poem.world.life import Life, lived
from recbole_poem.world.loop import Until
from recbole_poem.world.settings import world_settings
from recbole_poem.world.world import World

SMALL = {
    "people.users": 40,
    "catalogue.items": 60,
    "catalogue.categories": 6,
    "catalogue.dimensions": 4,
    "list.candidates": 12,
    "list.shown": 4,
    "sources.candidates": 30,
}


def small_world(**dials: Any) -> World:
    """Make a small world; a dial is written with two underscores for its dot."""
    given = {name.replace("__", "."): value for name, value in dials.items()}
    return World(world_settings({**SMALL, **given}))


def life_in(world: World, requests: int = 6) -> Life:
    """Let everybody live from the start."""
    everybody = np.arange(world.n_users)
    return lived(world, everybody, world.usual_retrieval(), Until(requests=requests))

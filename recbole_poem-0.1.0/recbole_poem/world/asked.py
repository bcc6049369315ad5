"""A data set that a plan of the benchmark asks of a world: written once, never another one."""

import dataclasses
from pathlib import Path
from typing import Any, Mapping

from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import Map
from recbole_poem.world.dataset import write_dataset
from recbole_poem.world.duel import read_world
from recbole_poem.world.settings import world_settings
from recbole_poem.world.world import World

#: of each user, where a plan does not say it
REQUESTS = 30


def ensure_world(
    folder: Path, asked: Mapping[str, Any], run: Map = map, show_progress: bool = True
) -> bool:
    """Write a data set that is not there, and see that one which is there is what is asked for.

    Parameters
    ----------
    folder : Path
        Of the data set.
    asked : mapping
        ``dials``, as `world_settings` has them, and ``requests`` of each user [30].
    run : Map
        Where the blocks of users live.
    show_progress : bool

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    InputError
        For what a world cannot be, and for a data set of another world.
    """
    where = f"worlds: {folder.name}: "
    requests = asked.get("requests", REQUESTS)
    if not isinstance(requests, int) or isinstance(requests, bool) or requests < 2:
        raise InputError(f"{where}requests: expected a whole number from 2, not {requests!r}")
    try:
        settings = world_settings(asked.get("dials") or {})
    except InputError as error:
        raise InputError(f"{where}dials: {error}") from error
    if not folder.is_dir():
        write_dataset(World(settings), requests, folder, run, show_progress)
        return True
    there, requests_there = read_world(folder)
    same = dataclasses.asdict(there.settings) == dataclasses.asdict(settings)
    if not (same and requests_there == requests):
        raise InputError(
            f"{folder} holds the data set of another world than '{folder.name}' of the plan; move "
            "it away or remove it, and it is written anew"
        )
    return False

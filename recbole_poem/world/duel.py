"""Two arms, by their names, in the world that a data set was written from."""

import json
from logging import getLogger
from pathlib import Path
from typing import Any, Dict, Tuple

from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import ORACLE
from recbole_poem.core.plurals import counted
from recbole_poem.core.workers import Map
from recbole_poem.world.ab import Arm, Tested, run_test
from recbole_poem.world.ab_report import Report
from recbole_poem.world.arms import WORDS, arm_of, file_of
from recbole_poem.world.comparison import CEILING, FLOOR, ceiling_share, compare, curves
from recbole_poem.world.settings import world_settings
from recbole_poem.world.world import World

_MUCH = 0.5  # of the catalogue
_FEWEST = 4  # users, so that each half has two


def duel(
    data: Path,
    a: str,
    b: str,
    days: int,
    n_candidates: int,
    alone: bool,
    run: Map = map,
    show_progress: bool = False,
    checkpoint_dir: str = "saved",
) -> Report:
    """Let two arms, the ceiling and the platform's own sources live with the same people.

    Parameters
    ----------
    data : Path
        Folder that `recbole_poem.world.dataset.write_dataset` wrote.
    a, b : str
        Arms, see `recbole_poem.world.arms.arm_of`.
    days : int
        Of the test, from 1.
    n_candidates, alone, checkpoint_dir
        See `recbole_poem.world.arms.arm_of`.
    run : Map
        Where the blocks of users live.
    show_progress : bool

    Raises
    ------
    InputError
        If the folder holds no world, or one of fewer than four users, or an arm is none.
    """
    world, before = read_world(data)
    if world.n_users < _FEWEST:
        raise InputError(
            f"--data: the world of {data} has {counted(world.n_users, 'user')}, and a test compares"
            f" two halves of at least two; write one of {_FEWEST} or more (simulate data --users)"
        )
    arms: Dict[str, Arm] = {CEILING: WORDS[CEILING], FLOOR: WORDS[FLOOR]}
    names, cascades = {}, {}
    for side, name in (("a", a), ("b", b)):
        names[side] = name if name in WORDS else side.upper()
        file = file_of(name)
        if file is not None:
            cascades[f"cascade of {side.upper()}"] = str(read_yaml(file))
        arms[names[side]] = arm_of(name, data, n_candidates, alone, checkpoint_dir)
    for name in names.values():
        arms[name](world)  # trains its parts; what cannot be is said before anybody lives
    tested = run_test(world, arms, before, days, run, show_progress)
    about: Dict[str, Any] = {
        "a": a, "b": b, "data": str(data), "users": world.n_users, "days": days,
        "candidates of a checkpoint": n_candidates,
        "beside a checkpoint": "nothing" if alone else "the platform's own sources",
        **cascades,
    }  # fmt: skip
    _warn_of_exhaustion(tested)
    shares = {side.upper(): ceiling_share(tested, name) for side, name in names.items()}
    one, other = names["a"], names["b"]
    return Report(about, names, compare(tested, one, other), shares, curves(tested, one, other))


def _warn_of_exhaustion(tested: Tested) -> None:
    """Tell where people have seen so much of the catalogue that all arms end in the same videos."""
    seen = float(max(outcome.share_seen.mean() for outcome in tested.outcomes.values()))
    if seen > _MUCH:
        getLogger().warning(
            f"at the end a user had seen {100 * seen:.0f} % of all videos, so the arms can hardly "
            "differ, and the ceiling is none; give the world more videos (simulate data --items)"
        )


def read_world(data: Path) -> Tuple[World, int]:
    """Return the world of a data set, and the requests of each user that its log has.

    Raises
    ------
    InputError
        If the folder holds none.
    """
    path = data / ORACLE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return World(world_settings(content["world"])), int(content["requests"])
    except FileNotFoundError as error:
        raise InputError(
            f"--data: there is no {path}; give a folder that `recbole-poem simulate data` wrote"
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"--data: {path} cannot be read as a world ({error}); give a folder that "
            "`recbole-poem simulate data` wrote"
        ) from error

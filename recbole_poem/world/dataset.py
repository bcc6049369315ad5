"""A world as a data set of RecBole: exposures, rankings, videos, and what could be known.

``<name>.inter`` holds a row for each exposure, also of those that came to nothing, with clues of
its request where the world gives any; ``.cand`` holds the ranking of each request. ``.item`` and
``.user`` say who and what there is, ``<name>.yaml`` has the keys that read them, and
``oracle.json`` the bounds of `recbole_poem.world.oracles` with the dials of the world.
"""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any, Collection, Dict, Iterable, List, Mapping, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import ORACLE
from recbole_poem.core.workers import Map
from recbole_poem.data.convert.writing import AtomicFiles
from recbole_poem.world.clues import clues
from recbole_poem.world.history import NONE
from recbole_poem.world.life import Life, blocks, usual_life
from recbole_poem.world.oracles import PARTS, metrics, target_ranks, targets
from recbole_poem.world.world import World

#: the world begins here, in seconds since 1970: 2026-01-01, 00:00 UTC
BEGIN = 1_767_225_600

_ROW = {"user_id": "token", "item_id": "token", "timestamp": "float"}
_WATCHED = ("watch_seconds", "duration_seconds")  # watched, and the video's length


class Told(NamedTuple):
    """What was written.

    Attributes
    ----------
    users, items, requests, exposures : int
    oracle : dict
        Part, then oracle, then metric.
    validated : int
        Rows that leave-one-out validates; without one there is no training.
    """

    users: int
    items: int
    requests: int
    exposures: int
    oracle: Dict[str, Dict[str, Dict[str, float]]]
    validated: int


def write_dataset(
    world: World, requests: int, output: Path, run: Map = map, show_progress: bool = True
) -> Told:
    """Let a world live and write its data set; nothing is left half-written.

    Parameters
    ----------
    world : World
    requests : int
        Of each user.
    output : Path
        Folder; its name is that of the data set.
    run : Map
        Where the blocks of users live.
    show_progress : bool

    Raises
    ------
    InputError
        If the folder holds files of something else, and for a name that two columns would have.
    """
    columns = _columns(world)
    parts = blocks(world)
    ranks: Dict[str, Dict[str, List[np.ndarray]]] = {part: {} for part in PARTS}
    n_exposures, happened = 0, dict.fromkeys(world.reactions, 0)
    with AtomicFiles(output, columns) as files:
        files.write("item", _items(world))
        files.write("user", pd.DataFrame({"user_id": user_tokens(world.n_users)}))
        found: Iterable[Life] = run(partial(usual_life, world, requests), parts)
        bar = tqdm(found, "Simulating", len(parts), unit=" blocks", disable=not show_progress)
        for life in bar:
            files.write("inter", _exposures(world, life))
            files.write("cand", _rankings(world, life))
            n_exposures += len(life.user)
            for name, of in life.reactions.items():
                happened[name] += int(of.sum())
            for part in PARTS:
                for name, of in target_ranks(world, life, targets(life, part)).items():
                    ranks[part].setdefault(name, []).append(of)
        oracle = {
            part: {name: metrics(np.concatenate(of)) for name, of in by.items()}
            for part, by in ranks.items()
        }
        told = Told(
            world.n_users, world.n_items, world.n_users * requests, n_exposures,
            oracle, sum(map(len, ranks["valid"]["taste"])),
        )  # fmt: skip
        files.write_beside(ORACLE, f"{json.dumps(_record(world, requests, oracle), indent=1)}\n")
        both = [name for name, number in happened.items() if 0 < number < n_exposures]
        files.write_beside(f"{files.name}.yaml", _keys(world, both))
    return told


def write_life(world: World, life: Life, output: Path) -> None:
    """Write the data set of what users lived through, however they did; no bounds are known.

    Parameters
    ----------
    world : World
    life : Life
    output : Path
        Folder; its name is that of the data set.

    Raises
    ------
    InputError
        As `write_dataset`.
    """
    with AtomicFiles(output, _columns(world)) as files:
        files.write("item", _items(world))
        files.write("user", pd.DataFrame({"user_id": user_tokens(world.n_users)}))
        files.write("inter", _exposures(world, life))
        files.write("cand", _rankings(world, life))
        both = [name for name, of in life.reactions.items() if 0 < of.sum() < len(of)]
        files.write_beside(f"{files.name}.yaml", _keys(world, both))


def _keys(world: World, answered: Collection[str]) -> str:
    """Return the YAML file of the keys that read the data set.

    Targets of a ranker are the objectives of the world, as far as both answers are in the log.
    """
    inter = [*_ROW, *_WATCHED, *world.reactions, *_clues(world)]
    n = world.settings.list.candidates
    targets = {name: f'{{feedback: {{{name}: "[1,1]"}}}}' for name in answered}
    targets["watch_time"] = "{target: watch_time} # seconds"
    known = [name for name in world.objectives if name in targets]
    predicted = "".join(f"\n  {name}: {targets[name]}" for name in known)
    play, duration = _WATCHED
    return f"""\
# Written by `recbole-poem simulate data`. What is watched for long is predicted.
load_col:
  inter: [{", ".join(inter)}]
  item: [item_id, category, duration]
time_unit: s
positive_feedback: {{long_view: "[1,1]"}}
ranking_source: {{name: logged, n_candidates: {n}}} # the rankings of the world, in .cand
category_field: category
mask_seen: True # nothing is shown twice
watch_time: {{play: {play}, duration: {duration}, unit: s}}
# What a ranker predicts: --model=MultiTaskRanker
targets:{predicted or " {}"}
"""


def _clues(world: World) -> List[str]:
    return [f"clue_{number}" for number in range(world.settings.clues.n)]


def _columns(world: World) -> Dict[str, Dict[str, str]]:
    """Return the columns of each file and their types.

    Raises
    ------
    InputError
        Naming the dial, for a name that another column has.
    """
    others = world.settings.reactions.others
    _refuse("reactions.others", others, (*_ROW, *_WATCHED, *_clues(world)))
    _refuse("ranking_stage.objectives", world.objectives, _ROW)
    return {
        "inter": {
            **_ROW, **dict.fromkeys((*_WATCHED, *world.reactions), "float"),
            **dict.fromkeys(_clues(world), "token"),
        },
        "item": {"item_id": "token", "category": "token", "duration": "float"},
        "user": {"user_id": "token"},
        "cand": {
            "user_id": "token", "timestamp": "float", "item_id": "token",
            **dict.fromkeys(world.objectives, "float"),
        },
    }  # fmt: skip


def _refuse(dial: str, names: Iterable[str], taken: Collection[str]) -> None:
    """Refuse names of a dial that the data set has another column for."""
    for name in names:
        if name in taken:
            raise InputError(f"{dial}: the data set has a column '{name}' already; rename it")


def _items(world: World) -> pd.DataFrame:
    catalogue = world.catalogue
    return pd.DataFrame(
        {
            "item_id": item_tokens(world.n_items),
            "category": _names("c", catalogue.category),
            "duration": catalogue.duration.round(1),
        }
    )


def _exposures(world: World, life: Life) -> pd.DataFrame:
    requests = life.of_user, life.number
    told = clues(world.settings.clues, world.chance, *requests, life.context)
    request = _places(*requests, life.user, life.request)
    rows = {
        "user_id": _names("u", life.user),
        "item_id": _names("v", life.item),
        "timestamp": BEGIN + life.time.astype(np.int64),
    }
    rows.update(feedback(world, life.item, life.seconds, life.reactions))
    rows.update((name, _names("k", of[request])) for name, of in told.items())
    return pd.DataFrame(rows)


def _places(
    of_user: np.ndarray, number: np.ndarray, user: np.ndarray, request: np.ndarray
) -> np.ndarray:
    """Return the place of each exposure's request (E,) among all requests (Q,), which ascend."""
    most = number.max(initial=0) + 1
    return np.searchsorted(of_user * most + number, user * most + request)


def feedback(
    world: World, item: np.ndarray, seconds: np.ndarray, reactions: Mapping[str, np.ndarray]
) -> Dict[str, np.ndarray]:
    """Return what came of exposures (E,), as ``.inter`` says it: columns by their names."""
    watched = seconds.round(2), world.catalogue.duration[item].round(1)
    happened = {name: reactions[name].astype(int) for name in world.reactions}
    return {**dict(zip(_WATCHED, watched)), **happened}


def _rankings(world: World, life: Life) -> pd.DataFrame:
    """Return a row for each candidate, best first; scores to the fifth digit."""
    there = life.ranked != NONE
    request = np.nonzero(there)[0]
    scores = life.scores[there].astype(np.float64).round(5)
    return pd.DataFrame(
        {
            "user_id": _names("u", life.of_user[request]),
            "timestamp": BEGIN + life.asked[request].astype(np.int64),
            "item_id": _names("v", life.ranked[there]),
            **{name: scores[:, number] for number, name in enumerate(world.objectives)},
        }
    )


def item_tokens(n_items: int) -> np.ndarray:
    """Return the token of each video of a world, (I,) of str: that of video 17 is ``v17``."""
    return _names("v", np.arange(n_items))


def user_tokens(n_users: int) -> np.ndarray:
    """Return the token of each user of a world, (U,) of str: that of user 17 is ``u17``."""
    return _names("u", np.arange(n_users))


def _names(kind: str, number: np.ndarray) -> np.ndarray:
    """Return tokens: ``u17``."""
    known, place = np.unique(number, return_inverse=True)
    names: np.ndarray = np.array([f"{kind}{one}" for one in known.tolist()], dtype=object)[place]
    return names


def _record(world: World, requests: int, oracle: Any) -> Dict[str, Any]:
    dials = dataclasses.asdict(world.settings)
    if not world.settings.clues.n:
        del dials["clues"]
    return {
        "oracle": oracle,
        "requests": requests,
        "world": dials,
        "shares": "a model's place on the way from taste, 0, to previous, 1, by a metric",
    }

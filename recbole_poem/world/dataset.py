"""A world as a data set of RecBole: exposures, rankings, videos, and what could be known.

``<name>.inter`` holds a row for each exposure, ``<name>.cand`` the ranking of each request, ``.item`` and
``.user`` who and what there is, ``<name>.yaml`` the keys that read them, and ``oracle.json`` the bounds of
`recbole_poem.world.oracles` with the world's settings.
"""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from recbole_poem.core.files import whole_file
from recbole_poem.core.workers import Map
from recbole_poem.data.convert.writing import AtomicFiles
from recbole_poem.world.life import Life, blocks, lived
from recbole_poem.world.oracles import PARTS, metrics, target_ranks, targets
from recbole_poem.world.retrieval import NONE, Everything
from recbole_poem.world.world import Until, World

#: the world begins here, in seconds since 1970: 2026-01-01, 00:00 UTC
BEGIN = 1_767_225_600


class Told(NamedTuple):
    """What was written.

    Attributes
    ----------
    users, items, requests, exposures : int
    oracle : dict
        Part, then oracle, then metric.
    """

    users: int
    items: int
    requests: int
    exposures: int
    oracle: Dict[str, Dict[str, Dict[str, float]]]


def write_dataset(
    world: World, requests: int, output: Path, run: Map = map, show_progress: bool = True
) -> Told:
    """Let a world live and write its data set; nothing is left half-written.

    Parameters
    ----------
    world : World
        All its videos are candidates of its ranking stage.
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
        If the folder holds files of something else.
    """
    columns = _columns(world)
    parts = blocks(world.n_users)
    ranks: Dict[str, Dict[str, List[np.ndarray]]] = {part: {} for part in PARTS}
    n_exposures = 0
    with AtomicFiles(output, columns) as files:
        files.write("item", _items(world))
        files.write("user", pd.DataFrame({"user_id": _names("u", np.arange(world.n_users))}))
        found: Iterable[Life] = run(partial(_block, world, requests), parts)
        bar = tqdm(found, "Simulating", len(parts), unit=" blocks", disable=not show_progress)
        for life in bar:
            files.write("inter", _exposures(life))
            files.write("cand", _rankings(world, life))
            n_exposures += len(life.user)
            for part in PARTS:
                for name, of in target_ranks(world, life, targets(life, part)).items():
                    ranks[part].setdefault(name, []).append(of)
        oracle = {
            part: {name: metrics(np.concatenate(of)) for name, of in by.items()}
            for part, by in ranks.items()
        }
        told = Told(
            world.n_users, len(world.catalogue.quality), world.n_users * requests, n_exposures,
            oracle,
        )  # fmt: skip
        _write(output / "oracle.json", json.dumps(_record(world, requests, oracle), indent=1))
        _write(output / f"{files.name}.yaml", KEYS.format(candidates=world.settings.list.candidates))
    return told


KEYS = """\
# Written by `recbole-poem simulate data`. What is watched for long is predicted; the rest is context.
load_col:
  inter: [user_id, item_id, timestamp, watch_seconds, click, long_view, like, comment, follow, forward]
  item: [item_id, category, duration]
time_unit: s
positive_feedback: {{long_view: "[1,1]"}}
ranking_source: {{name: logged, n_candidates: {candidates}}} # the rankings of the world, in .cand
category_field: category
mask_seen: True                 # nothing is shown twice
"""


def _block(world: World, requests: int, users: np.ndarray) -> Life:
    """Let a block of users live; runs in any process."""
    return lived(world, users, Everything(len(world.catalogue.quality)), Until(requests=requests))


def _columns(world: World) -> Dict[str, Dict[str, str]]:
    reactions = ["click", "long_view", *world.settings.reactions.others]
    row = {"user_id": "token", "item_id": "token", "timestamp": "float"}
    return {
        "inter": {**row, "watch_seconds": "float", **dict.fromkeys(reactions, "float")},
        "item": {"item_id": "token", "category": "token", "duration": "float"},
        "user": {"user_id": "token"},
        "cand": {
            "user_id": "token", "timestamp": "float", "item_id": "token",
            **dict.fromkeys(world.objectives, "float"),
        },
    }  # fmt: skip


def _items(world: World) -> pd.DataFrame:
    catalogue = world.catalogue
    return pd.DataFrame(
        {
            "item_id": _names("v", np.arange(len(catalogue.quality))),
            "category": _names("c", catalogue.category),
            "duration": catalogue.duration.round(1),
        }
    )


def _exposures(life: Life) -> pd.DataFrame:
    rows = {
        "user_id": _names("u", life.user),
        "item_id": _names("v", life.item),
        "timestamp": BEGIN + life.time.astype(np.int64),
        "watch_seconds": life.seconds.round(2),
    }
    return pd.DataFrame({**rows, **{name: of.astype(int) for name, of in life.reactions.items()}})


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


def _names(kind: str, number: np.ndarray) -> np.ndarray:
    """Return tokens: ``u17``."""
    known, place = np.unique(number, return_inverse=True)
    names: np.ndarray = np.array([f"{kind}{one}" for one in known.tolist()], dtype=object)[place]
    return names


def _record(world: World, requests: int, oracle: Any) -> Dict[str, Any]:
    return {
        "oracle": oracle,
        "requests": requests,
        "world": dataclasses.asdict(world.settings),
        "shares": "a model's place on the way from taste, 0, to previous, 1, by a metric",
    }


def _write(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(f"{text.rstrip()}\n".encode())

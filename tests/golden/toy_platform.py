"""The files of a toy platform: a log with feedback, tables of users and items, logged rankings."""

import csv
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pandas as pd

N_USERS, N_ITEMS, DAYS = 60, 80, 10
NAME = "toy"
TYPES = {
    "inter": {"user_id": "token", "item_id": "token"},
    "user": {"user_id": "token", "taste": "token"},
    "item": {"item_id": "token", "tags": "token_seq"},
    "cand": {"user_id": "token", "item_id": "token"},
}


def write_platform(folder: Path) -> Dict[str, Any]:
    """Write the files into a folder, and return the keys that load them."""
    log = _log()
    users, items = range(N_USERS), range(N_ITEMS)
    tables = {
        "inter": log,
        "user": pd.DataFrame(
            {"user_id": [f"u{u}" for u in users], "taste": [f"t{u % 4}" for u in users]}
        ).assign(height=[150.0 + u for u in users]),
        "item": pd.DataFrame(
            {
                "item_id": [f"i{i}" for i in items],
                "tags": [f"parity{i % 2} third{i % 3}" for i in items],
                "length": [5.0 + i % 7 for i in items],
            }
        ),
        "cand": _rankings(log),
    }
    (folder / NAME).mkdir(parents=True)
    for suffix, table in tables.items():
        header = [f"{name}:{TYPES[suffix].get(name, 'float')}" for name in table.columns]
        path = folder / NAME / f"{NAME}.{suffix}"
        table.to_csv(path, sep="\t", index=False, header=header, quoting=csv.QUOTE_NONE)
    read = ("inter", "user", "item")
    return {
        "dataset": NAME,
        "data_path": str(folder),
        "load_col": {suffix: list(tables[suffix].columns) for suffix in read},
    }


def _log() -> pd.DataFrame:
    """Make exposures in random order, without tied times.

    A user walks through the items in steps of 1 to 3, now and then by a jump; likes items of the
    own taste; and what was liked or played is not always known.
    """
    rng = np.random.default_rng(1)
    length = rng.integers(6, 19, N_USERS)
    user = np.repeat(np.arange(N_USERS), length)
    moment = np.sort(rng.choice(DAYS * 24 * 60, len(user), replace=False))
    of_user = rng.permutation(len(user))
    user, n = user[of_user], len(user)  # who acts at each moment
    step = np.where(rng.random(n) < 0.15, rng.integers(0, N_ITEMS, n), rng.integers(1, 4, n))
    walked = pd.Series(step).groupby(user).cumsum().to_numpy()
    item = (rng.integers(0, N_ITEMS, N_USERS)[user] + walked) % N_ITEMS
    likes = user % 4 == item % 4
    click = rng.random(n) < np.where(likes, 0.9, 0.4)
    like = np.where(rng.random(n) < 0.1, np.nan, rng.random(n) < np.where(likes, 0.6, 0.1))
    watched = 1000 * (3 * click + rng.integers(1, 4, n))
    log = pd.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in item],
            "click": click.astype(float),
            "like": like,
            "play": np.where(rng.random(n) < 0.1, -1, watched).astype(float),
            "duration": 5000.0 + 1000 * (item % 7),
            "timestamp": 1.6e9 + 60.0 * moment,
        }
    )
    return log.sample(frac=1, random_state=1).reset_index(drop=True)


def _rankings(log: pd.DataFrame) -> pd.DataFrame:
    """Make logged rankings: twelve items for every third moment of each user."""
    rng = np.random.default_rng(2)
    parts = []
    for user, times in log.groupby("user_id", sort=True)["timestamp"]:
        for time in np.sort(times.to_numpy())[::3]:
            items = rng.choice(N_ITEMS, 12, replace=False)
            scores = rng.random((12, 2)).round(4)
            parts.append(
                pd.DataFrame(
                    {
                        "user_id": user,
                        "timestamp": time,
                        "item_id": [f"i{i}" for i in items],
                        "click_score": scores[:, 0],
                        "like_score": scores[:, 1],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)

"""Exposures with clicks, likes and watch times, and tables of users and items beside them."""

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pandas as pd

TARGETS = {
    "click": {"feedback": {"click": "[1,1]"}},
    "like": {"feedback": [{"like": "[1,1]"}, {"follow": "[1,1]"}], "positive_weight": 2},
    "seconds": {"target": "watch_time", "weight": 0.5},
}

#: a ranker that learns in a moment
TINY = {
    "embedding_size": 4,
    "hidden_size": 4,
}
#: and its network
TINY_NETWORK = {"name": "mmoe", "n_experts": 2, "expert_sizes": [4], "tower_sizes": []}

#: POEM as small as it gets, fed by such rankers
TINY_POEM = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "requests_per_window": 3,
    "epochs": 1,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "metric_decimal_place": 8,
    "ranking_source": {
        "name": "time_blocks",
        "n_candidates": 8,
        "folds": 2,
        "blocks": 3,
        "epochs": 1,
        "training": {**TINY, "train_batch_size": 64, "MAX_ITEM_LIST_LENGTH": 4},
    },
    "ranker": TINY_NETWORK,
    "objectives": {
        "consumed": {"similarity": "cosine", "history": 5},
        "next": {"similarity": "transition", "steps": 2},
    },
}


def exposure_log(
    seed: int = 0, n_users: int = 20, n_items: int = 20, length: int = 12, planted: bool = False
) -> pd.DataFrame:
    """Make a log in random order, without tied times, whose likes and plays are not always known.

    A click is a matter of chance or, where it is `planted`, of the user's taste: user u clicks
    item i where they are equal modulo 2.
    """
    rng = np.random.default_rng(seed)
    user = rng.permutation(n_users * length) // length
    item = rng.integers(0, n_items, len(user))
    chance = rng.random(len(user)) < 0.4
    click = (user % 2 == item % 2) if planted else chance
    like = np.where(rng.random(len(user)) < 0.1, np.nan, rng.random(len(user)) < 0.3)
    watched = 1000 * (3 * click + rng.integers(1, 4, len(user)))
    play = np.where(rng.random(len(user)) < 0.1, -1, watched)
    return pd.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in item],
            "click": click.astype(float),
            "like": like,
            "follow": (rng.random(len(user)) < 0.1).astype(float),
            "play": play.astype(float),
            "duration": 5000.0,
            "timestamp": 1.6e9 + rng.permutation(len(user)) * 60.0,
        }
    )


def write_exposures(write_dataset: Any, log: pd.DataFrame) -> Dict[str, Any]:
    """Write a log and its tables; return the keys to load them, and the targets.

    Users have a taste and a height that some do not tell; items have tags, a length and a vector.
    """
    users = sorted(set(log["user_id"]), key=lambda name: int(name[1:]))
    items = sorted(set(log["item_id"]), key=lambda name: int(name[1:]))
    of_users = ["user_id:token\ttaste:token\theight:float"]
    of_users += [f"{u}\tt{int(u[1:]) % 2}\t{'' if u == 'u3' else 150 + int(u[1:])}" for u in users]
    of_items = ["item_id:token\ttags:token_seq\tlength:float\tvector:float_seq"]
    of_items += [f"{i}\tparity{int(i[1:]) % 2} third{int(i[1:]) % 3}\t{i[1:]}\t1 2" for i in items]
    keys = write_dataset(log, user="\n".join(of_users), item="\n".join(of_items))
    keys["load_col"].update(
        user=["user_id", "taste", "height"], item=["item_id", "tags", "length", "vector"]
    )
    watch = {"play": "play", "duration": "duration", "unit": "ms"}
    return {**keys, "targets": TARGETS, "watch_time": watch}


def write_with_context(write_dataset: Any, log: pd.DataFrame) -> Dict[str, Any]:
    """Write exposures whose requests have a tab, a token, and some of them a battery."""
    rng = np.random.default_rng(9)
    if "tab" not in log:
        log["tab"] = [f"t{tab}" for tab in rng.integers(0, 3, len(log))]
    log["battery"] = np.where(rng.random(len(log)) < 0.2, np.nan, rng.integers(1, 100, len(log)))
    keys = write_exposures(write_dataset, log)
    path = Path(keys["data_path"], "toy", "toy.inter")
    path.write_text(path.read_text().replace("tab:float", "tab:token", 1))
    return keys

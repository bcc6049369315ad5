"""Small models and logged rankings for the tests of the replay."""

import numpy as np
import pandas as pd

SMALL_POEM = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "ranking_reader.group_samples": 2,
    "topk": [1, 5],
    "metrics": ["Hit", "NDCG"],
    "epochs": 1,
    "train_batch_size": 60,
    "valid_metric": "NDCG@5",
}
SMALL_SASREC = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "topk": [1, 5],
    "metrics": ["Hit", "NDCG"],
    "valid_metric": "NDCG@5",
    "epochs": 1,
    "train_neg_sample_args": None,
}


def logged_rankings(log: pd.DataFrame) -> str:
    """Make a ``.cand`` file: a ranking of eight items for every third moment of each user."""
    rng = np.random.default_rng(0)
    items = log["item_id"].unique()
    lines = ["user_id:token\ttimestamp:float\titem_id:token\tclick:float\tlike:float"]
    for user, times in log.groupby("user_id")["timestamp"]:
        for time in np.sort(times.unique())[::3]:
            for item in rng.choice(items, 8, replace=False):
                click, like = rng.random(2)
                lines.append(f"{user}\t{time}\t{item}\t{click:.3f}\t{like:.3f}")
    return "\n".join(lines) + "\n"

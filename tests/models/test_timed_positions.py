"""Positions in a whole model: what only times tell is learned, recorded and served."""

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from toy_poem import make, rows

from recbole_poem import Recommender, run_recbole_poem
from recbole_poem.serving.interest import Interests

PRESETS = ["rote", "cape", "interpos"]
SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 16,
    "inner_size": 16,
    "topk": [1, 5],
    "valid_metric": "NDCG@5",
    "train_batch_size": 60,
}
SHORT, LONG = 60.0, 3 * 86_400.0


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_sequential_model_that_is_recorded_and_served_with_the_times_it_is_given(
    write_dataset: Any, preset: str
) -> None:
    log = random_log(1, n_users=40, n_items=25, ties=False, longest=20)
    keys = {**write_dataset(log), **SMALL, "preset": preset, "epochs": 1}
    result = run_recbole_poem(config_dict=keys)
    assert not (Path(keys["checkpoint_dir"]) / "request_cache").exists()
    recommender = Recommender.load(result["model_file"])
    model = recommender.model
    batch = rows(make(keys))
    interests = Interests(model, batch[:2])
    assert isinstance(interests._recorded, torch.jit.ScriptModule)
    with torch.no_grad():
        for found, expected in zip(interests(batch), model(batch)):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)

    tokens = recommender._vocabulary.tokens[[3, 7, 9]].tolist()
    times = [1.6e9, 1.6e9 + 50, 1.6e9 + 90_000]
    windows = torch.tensor([[3, 7, 9, 0, 0, 0]])
    for told in (times, None):
        given = {} if told is None or preset == "cape" else {"item_times": [told]}
        found = recommender.recommend([tokens], k=5, filter_seen=False, **given)
        known = torch.tensor([[*(told or [0, 0, 0]), 0, 0, 0]], dtype=torch.float64)
        states = model.history_encoder(model.item_embedding(windows), {"time": known})[0, 2]
        expected = (states @ model.item_embedding.weight[1:].T)[0].topk(5)
        torch.testing.assert_close(torch.tensor(found["score"].to_numpy()), expected.values)


def rhythm_log(n_users: int = 150, n_items: int = 12, length: int = 10) -> pd.DataFrame:
    """Make a world whose next item is told by the gap before the last one alone.

    After a minute comes the item behind it, after three days the sixth behind it.
    """
    rng = np.random.default_rng(0)
    is_long = rng.random((n_users, length)) < 0.5
    gap = np.where(is_long, LONG, SHORT)
    step = np.where(is_long, 6, 1)
    item = rng.integers(0, n_items, (n_users, 1)) + np.c_[
        np.zeros(n_users, int), step[:, :-1]
    ].cumsum(1)
    time = 1.6e9 + rng.integers(0, 10**7, (n_users, 1)) + gap.cumsum(axis=1)
    user = np.arange(n_users).repeat(length)
    columns = {
        "user_id": [f"u{u}" for u in user],
        "item_id": [f"i{i}" for i in (item % n_items).ravel()],
        "rating": 5.0,
        "timestamp": time.ravel(),
    }
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("preset", "settings", "least", "most"),
    [
        ("cape", {}, 0.3, 0.65),
        ("rote", {"history_encoder.position.levels": {"day": 1.0}}, 0.8, 1.0),
        ("interpos", {}, 0.8, 1.0),
    ],
)
def test_what_the_gap_alone_tells_is_learned_by_who_reads_times(
    write_dataset: Any, preset: str, settings: Dict[str, Any], least: float, most: float
) -> None:
    keys = {
        **SMALL,
        "preset": preset,
        **settings,
        "MAX_ITEM_LIST_LENGTH": 9,
        "hidden_size": 32,
        "hidden_dropout_prob": 0,
        "attn_dropout_prob": 0,
        "learning_rate": 0.01,
        "train_batch_size": 200,
        "epochs": 40,
        "eval_step": 40,
    }
    hits = run_recbole_poem(config_dict={**write_dataset(rhythm_log()), **keys})
    assert least <= hits["test_result"]["hit@1"] <= most

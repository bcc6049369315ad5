"""Targets of watch time in whole runs, each as the only one of a ranker."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from toy_exposures import TINY, TINY_NETWORK, exposure_log, write_exposures

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import load, run_recbole_poem

NAMES = pytest.mark.parametrize("name", ["d2co", "cwm"])


def tasteful_log() -> pd.DataFrame:
    """Whom a video is for watches most of it, others 1 s; videos last 5 to 14 s."""
    log = exposure_log(n_users=60, n_items=30, length=30, planted=True)
    item = log["item_id"].str[1:].astype(int)
    rng = np.random.default_rng(0)
    log["duration"] = 1000.0 * (5 + item % 10)
    part = np.where(rng.random(len(log)) < 0.5, 1.2, 0.8) * log["duration"]
    log["play"] = np.where(log["click"] > 0, part, 1000 * rng.uniform(0.5, 1.5, len(log)))
    return log


@NAMES
def test_a_ranker_of_one_target_learns_whom_a_video_is_for(write_dataset: Any, name: str) -> None:
    keys = write_exposures(write_dataset, tasteful_log())
    keys.update(model="MultiTaskRanker", embedding_size=8, hidden_size=8, learning_rate=0.02)
    keys["ranker"] = {"name": "mmoe", "n_experts": 2, "expert_sizes": [16], "tower_sizes": []}
    keys.update(targets={"t": {"target": name}}, train_batch_size=128, epochs=8)
    result = run_recbole_poem(config_dict=keys)
    test = result["test_result"]
    assert test["gauc"] == test["gauc t"]
    # half of whom a video is for watch all of it, by chance, so that order has its limits
    assert test["gauc t"] > {"d2co": 0.9, "cwm": 0.8}[name]
    assert test["xauc t"] > 0.7
    assert load(result["model_file"]).evaluate("test") == test


@NAMES
def test_rows_after_training_move_no_label_of_training(write_dataset: Any, name: str) -> None:
    log = tasteful_log()
    split = {"split_by_time": {"valid": "30000 seconds", "test": "last 30000 seconds"}}

    def labels(of: pd.DataFrame) -> Any:
        keys = write_exposures(write_dataset, of)
        keys.update(TINY, model="MultiTaskRanker", targets={"t": {"target": name}})
        keys.update(ranker=TINY_NETWORK, eval_args={"split": split, "order": "TO"})
        train = assemble(Config(config_dict=keys)).train_data
        return train.exposures.labels[train.rows], train.exposures.log.training

    before, training = labels(log)
    assert 0.2 < training.mean() < 0.9
    moment = log["timestamp"].max() - 60_000
    later = log.assign(play=log["play"].where(log["timestamp"] < moment, 700.0))
    assert (later["play"] != log["play"]).mean() > 0.2
    np.testing.assert_array_equal(labels(later)[0], before)
    earlier = log.assign(play=log["play"].where(log["timestamp"] >= moment, log["play"] / 2))
    assert not np.array_equal(labels(earlier)[0], before)

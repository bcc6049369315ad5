"""Targets of watch time as objectives of a request cache, and what no later row may move."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy_stage import begins_of, build, exposure_keys, prepared

from recbole_poem.cache.build import request_cache


@pytest.mark.parametrize("name", ["d2co", "cwm"])
def test_predictions_are_objectives_that_no_later_watch_time_moves(
    write_dataset: Any, name: str
) -> None:
    keys = exposure_keys(write_dataset)
    keys["targets"] = {"click": keys["targets"]["click"], "t": {"target": name}}
    config, dataset = prepared(keys)
    assert list(request_cache(config, dataset).objectives) == ["click", "t", "retrieval"]
    log, begins = dataset.log, begins_of(config, dataset)
    before, of = build(config, dataset), np.searchsorted(begins, log.time, side="right")
    for block in (1, 2):
        play = log.values["play"]
        other = np.where((of >= block) & (play >= 0), play * 1.7 + 300, play)
        after = build(config, dataset, replace(log, values={**log.values, "play": other}))
        moved = (before[1][:, :, 1] != after[1][:, :, 1]).any(axis=1)
        assert not moved[of <= block].any()
        assert moved[of > block].mean() > 0.9

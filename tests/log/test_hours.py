"""Trends of the hours against a count of rows by hand, and against a world that has hours."""

from typing import Any

import numpy as np
import pytest
import torch
from conftest import random_log
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_log import SMALL_POEM, log_at

from recbole_poem.core.fields import HOUR_STEP, REQUEST_ID
from recbole_poem.log.clock import Clock
from recbole_poem.log.hours import hour_trends
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import run_recbole_poem


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    hours=st.sampled_from([1, 3, 7]),
    days=st.integers(1, 6),
    unit=st.sampled_from([1, 1000]),
    ahead=st.sampled_from([0, 8, 5.5, -3.5]),
)
def test_an_hour_counts_its_own_rows_and_its_neighbours(
    seed: int, hours: int, days: int, unit: int, ahead: float
) -> None:
    rng = np.random.default_rng(seed)
    n_items, hour = 6, 3600 * unit
    log = log_at(
        1.6e9 * unit + rng.uniform(0, 5 * 24 * hour, 60),
        rng.integers(1, n_items, 60),
        n_items,
        np.r_[True, rng.random(59) < 0.7],
    )
    found = hour_trends(log, Clock(hour, ahead), hours, days)
    time, item = log.time[log.training], log.item[log.training]
    kept = time > time.max() - days * 24 * hour
    time, item = time[kept], item[kept]
    for h in range(24):
        distance = (time // 1 / hour + ahead) // 1 % 24 - h
        near = np.minimum(distance % 24, -distance % 24) <= hours // 2
        for i in range(1, n_items):
            share = ((item == i).sum() + 1) / (len(item) + n_items)
            count = ((item == i) & near).sum() + n_items * share
            expected = np.log(count / ((near.sum() + n_items) * share))
            assert found.logit[0, found.now + h, i] == pytest.approx(expected, abs=1e-5)
    assert not found.logit[:, 0].any()
    assert not found.logit[:, :, 0].any()


def test_the_users_clocks_tell_the_hour() -> None:
    midnight = 1.6e9 // 86400 * 86400
    log = log_at([midnight], [1], 2)
    times = midnight + 3600 * np.array([0, 0.99, 1, 23, 24.5, -0.5])
    utc = hour_trends(log, Clock(3600, 0), 3, 1)
    assert utc.step(times).tolist() == [1, 1, 2, 24, 1, 24]
    assert utc.step(np.array([np.nan])).tolist() == [0]
    beijing = hour_trends(log, Clock(3600, 8), 3, 1)
    assert beijing.step(times).tolist() == [9, 9, 10, 8, 9, 8]


HOUR = "logit_terms.hour_of_day"
KEYS = {
    **SMALL_POEM,
    "topk": [3],
    "valid_metric": "NDCG@3",
    "losses.system": "none",
    "losses.margin": "none",
}


def test_rows_of_the_evaluation_tell_their_hours(
    write_dataset: Any,
) -> None:
    log = random_log(1, n_users=40, n_items=25, longest=20, ties=False)
    log = log.assign(timestamp=1.6e9 + (log["timestamp"] - log["timestamp"].min()) * 900)
    keys = {**write_dataset(log), **KEYS, "utc_offset": 7200}
    experiment = assemble(
        Config(config_dict={**keys, HOUR: {"hours": 3, "days": 3}})
    )
    dataset = experiment.test_data._dataset
    batch = dataset[torch.arange(len(dataset))]
    time = dataset.log.time[batch[REQUEST_ID].numpy()]
    assert batch[HOUR_STEP].tolist() == [1 + int(t / 3600 + 2) % 24 for t in time]


def test_what_belongs_to_the_hour_is_recommended(write_dataset: Any) -> None:
    """In a world with one half of its items in the morning, and the other in the evening."""
    rng = np.random.default_rng(0)
    user, place = np.divmod(np.arange(120 * 4), 4)
    evening = rng.integers(0, 2, len(user))
    log = random_log(0).iloc[:0].assign(user_id=[f"u{u}" for u in user])
    log = log.assign(
        item_id=[f"i{3 * late + rng.integers(0, 3)}" for late in evening],
        rating=5.0,
        timestamp=1.6e9 // 86400 * 86400
        + 86400.0 * (rng.integers(0, 5, 120)[user] + place)
        + 3600 * (7 + 13 * evening)
        + rng.integers(0, 3600, len(user)),
    )
    keys = {**write_dataset(log), **KEYS, "train_batch_size": 60, "epochs": 3}
    informed, blind = (
        run_recbole_poem(config_dict={**keys, "logit_terms.hour_of_day": term})["test_result"][
            "hit@3"
        ]
        for term in ({"hours": 3, "weight": 4.0, "days": 9}, "none")
    )
    assert blind < 0.8
    assert informed > 0.95

"""Trends of the hours against a count of rows by hand, and against a world that has hours."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import random_log
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_log import SMALL_POEM, log_at

from recbole_poem.core.fields import HOUR_STEP, REQUEST_ID
from recbole_poem.log import hours as data_hours
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
    assert found.now == 1 + 24 * (len(found.begin) - 1)
    for place, begin in enumerate(found.begin):
        counted = log.training & (log.time < begin)
        counted &= log.time >= begin - days * 24 * hour
        expected = by_hand(log.time[counted] / hour + ahead, log.item[counted], n_items, hours)
        got = found.logit[0, 1 + 24 * place :][:24, 1:]
        np.testing.assert_allclose(got, expected[:, 1:], atol=1e-5)
    assert not found.logit[:, 0].any()
    assert not found.logit[:, :, 0].any()


def by_hand(hour: Any, item: Any, n_items: int, hours: int) -> Any:
    """Count rows at hours since 1970 by the definition, hour by hour: (24, n_items)."""
    trends = np.zeros((24, n_items))
    for h in range(24):
        distance = hour // 1 % 24 - h
        near = np.minimum(distance % 24, -distance % 24) <= hours // 2
        share = (np.bincount(item, minlength=n_items) + 1) / (len(item) + n_items)
        count = np.bincount(item[near], minlength=n_items) + n_items * share
        trends[h] = np.log(count / ((near.sum() + n_items) * share))
    return trends


def test_behind_the_training_part_all_its_last_days_count_to_the_last_bit() -> None:
    """What a service and a split by time read is the count of the whole training part."""
    rng = np.random.default_rng(3)
    log = log_at(1.6e9 + rng.uniform(0, 9 * 86400, 500), rng.integers(1, 40, 500), 40)
    found = hour_trends(log, Clock(3600, 0), 3, 5)
    kept = log.time > log.time.max() - 5 * 86400
    cell = (log.time[kept] // 3600 % 24).astype(int) * 40 + log.item[kept]
    at_hour = np.bincount(cell, minlength=24 * 40).reshape(24, 40)
    count = sum(np.roll(at_hour, by, axis=0) for by in (-1, 0, 1))
    share = (at_hour.sum(axis=0) + 1) / (at_hour.sum() + 40)
    expected = (count.sum(axis=1, keepdims=True) + 40) * share
    expected = np.log((count + 40 * share) / expected).astype(np.float32)
    later = log.time.max() + 3600 * np.arange(1, 99.0)
    step = found.step(later)
    assert set(step.tolist()) == set(range(found.now, found.now + 24))
    hour = (later // 3600 % 24).astype(int)
    assert np.array_equal(found.logit[0, step][:, 1:], expected[hour][:, 1:])


def test_what_comes_later_moves_no_day() -> None:
    rng = np.random.default_rng(0)
    log = log_at(1.6e9 + np.sort(rng.uniform(0, 6 * 86400, 200)), rng.integers(1, 9, 200), 9)
    found = hour_trends(log, Clock(3600, 0), 3, 2)
    assert len(found.begin) >= 6
    for place, begin in enumerate(found.begin[:-1]):
        other = log.item.copy()
        other[log.time >= begin] = 1
        moved = hour_trends(replace(log, item=other), Clock(3600, 0), 3, 2)
        until = 1 + 24 * (place + 1)
        assert torch.equal(moved.logit[:, :until], found.logit[:, :until])
        assert not torch.equal(moved.logit, found.logit)


def test_as_many_days_are_kept_as_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest; before them nothing is known."""
    log = log_at(1.6e9 + 3600 * np.arange(240.0), [1, 2] * 120, 3)
    many = hour_trends(log, Clock(3600, 0), 3, 2)
    monkeypatch.setattr(data_hours, "CELLS", 24 * 3 * 4)
    few = hour_trends(log, Clock(3600, 0), 3, 2)
    assert (len(few.begin), len(many.begin)) == (4, 10)
    assert torch.equal(few.logit[:, 1:], many.logit[:, -96:])
    assert few.step(few.begin[:1] - 1).tolist() == [0]


def test_the_users_clocks_tell_the_hour_and_the_steps_the_day() -> None:
    midnight = 1.6e9 // 86400 * 86400
    log = log_at([midnight, midnight + 86400], [1, 1], 2)
    times = midnight + 86400 + 3600 * np.array([1, 1.99, 2, 23.5, 25, 49, 0, -5, -24, -25])
    utc = hour_trends(log, Clock(3600, 0), 3, 1)
    # just behind each of the two rows a day begins
    assert utc.step(times).tolist() == [26, 26, 27, 48, 26, 26, 1, 20, 0, 0]
    assert utc.step(np.array([np.nan])).tolist() == [0]
    beijing = hour_trends(log, Clock(3600, 8), 3, 1)
    assert beijing.step(times[:4]).tolist() == [34, 34, 35, 32]


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
    experiment = assemble(Config(config_dict={**keys, HOUR: {"hours": 3, "days": 3}}))
    dataset = experiment.test_data._dataset
    batch = dataset[torch.arange(len(dataset))]
    time = dataset.log.time[batch[REQUEST_ID].numpy()]
    begin = dataset.trends[HOUR_STEP].begin
    day = [24 * ((begin <= t).sum() - 1) for t in time]
    assert min(day) < max(day)
    assert batch[HOUR_STEP].tolist() == [
        d + 1 + int(t / 3600 + 2) % 24 if d >= 0 else 0 for t, d in zip(time, day)
    ]


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

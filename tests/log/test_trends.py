"""Trends against a count of rows by hand, and what may not move them."""

from dataclasses import replace
from itertools import product
from typing import Any, List

import numpy as np
import pytest
import torch
from conftest import random_log
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_log import SMALL_POEM, log_at

from recbole_poem.core.blocks import laid
from recbole_poem.core.fields import REQUEST_ID, TARGET_ID, TREND_STEP
from recbole_poem.log import trends as data_trends
from recbole_poem.log.trends import item_trends
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import run_recbole_poem


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    windows=st.lists(st.floats(0.5, 30), min_size=1, max_size=3),
    step=st.floats(0.7, 30),
)
def test_a_step_counts_the_rows_of_its_windows_and_all_before_it(
    seed: int, windows: List[float], step: float
) -> None:
    rng = np.random.default_rng(seed)
    n_items = 6
    training = np.r_[True, rng.random(29) < 0.7]
    log = log_at(rng.uniform(0, 40, 30), rng.integers(1, n_items, 30), n_items, training)
    trends = item_trends(log, windows, step)
    time, item = log.time[log.training], log.item[log.training]
    assert np.all(np.diff(trends.begin) > 0)
    for (place, begin), (p, window) in product(enumerate(trends.begin), enumerate(windows)):
        before, lately = time < begin, (time < begin) & (time >= begin - window)
        for i in range(1, n_items):
            share = ((item == i) & before).sum() + 1
            share = share / (before.sum() + n_items)
            count = ((item == i) & lately).sum() + n_items * share
            expected = np.log(count / ((lately.sum() + n_items) * share))
            assert trends.logit[p, place + 1, i] == pytest.approx(expected, abs=1e-5)
    assert not trends.logit[:, 0].any()
    assert not trends.logit[:, :, 0].any()


def test_what_comes_later_moves_no_step() -> None:
    rng = np.random.default_rng(0)
    log = log_at(np.arange(100.0), rng.integers(1, 9, 100), 9)
    trends = item_trends(log, [20, 5], step=10)
    for place, begin in enumerate(trends.begin):
        other = log.item.copy()
        other[log.time >= begin] = 1
        moved = item_trends(replace(log, item=other), [20, 5], step=10)
        assert torch.equal(moved.logit[:, : place + 2], trends.logit[:, : place + 2])


def test_behind_the_training_part_is_the_last_step_and_before_the_first_none() -> None:
    log = log_at(np.arange(10.0), [1] * 10, 3, [True] * 8 + [False] * 2)
    trends = item_trends(log, [3], step=2)
    assert trends.begin == pytest.approx([1, 3, 5, 7])
    assert trends.step(np.array([-5.0, 0, 2, 6, 7, 8, 1e9, np.nan])).tolist() == [
        0, 0, 1, 3, 3, 4, 4, 4
    ]  # fmt: skip


def test_as_many_steps_are_kept_as_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest."""
    log = log_at(np.arange(0, 1e6, 1e3), [1, 2] * 500, 3)
    monkeypatch.setattr(data_trends, "CELLS", 2 * 3 * 32)
    few = item_trends(log, [4e3, 1e4], step=2e3)
    monkeypatch.undo()
    many = item_trends(log, [4e3, 1e4], step=2e3)
    assert (len(few.begin), len(many.begin)) == (32, 500)
    assert np.array_equal(few.begin, many.begin[-32:])
    assert torch.equal(few.logit[:, 1:], many.logit[:, -32:])


TREND = "logit_terms.popularity_trend"
KEYS = {
    **SMALL_POEM,
    "topk": [1],
    "valid_metric": "NDCG@1",
}


def test_batches_tell_the_step_of_each_target(write_dataset: Any) -> None:
    """In training of every position, in evaluation of the row; of the time of the target's row."""
    keys = {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20, ties=False)), **KEYS}
    experiment = assemble(Config(config_dict={**keys, TREND: {"hours": [100, 30], "step": 50}}))
    dataset = experiment.train_data._dataset
    trends = dataset.trends[TREND_STEP]
    of_row = trends.step(dataset.log.time)
    assert len(of_row.unique()) > 3
    steps = {}
    for batch in experiment.train_data:
        user = batch["user_id"].unsqueeze(1).expand_as(batch[TARGET_ID])
        kept = batch[TARGET_ID] > 0
        for u, i, s in zip(user[kept], batch[TARGET_ID][kept], batch[TREND_STEP][kept]):
            steps.setdefault((int(u), int(i)), []).append(int(s))
    expected: Any = {}
    for row in np.flatnonzero(dataset.log.training & (dataset.log.position > 0)):
        key = (int(dataset.log.user[row]), int(dataset.log.item[row]))
        expected.setdefault(key, []).append(int(of_row[row]))
    assert {k: sorted(v) for k, v in steps.items()} == {k: sorted(v) for k, v in expected.items()}
    split = experiment.test_data._dataset
    batch = split[torch.arange(len(split))]
    assert torch.equal(batch[TREND_STEP], of_row[batch[REQUEST_ID]])


def test_evaluation_takes_the_weights_that_are_given_and_training_its_own(
    write_dataset: Any,
) -> None:
    keys = {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20, ties=False)), **KEYS}
    keys = laid(keys, {"ranking_reader": "none", "losses": "feedback"})
    scores = {}
    for name, weights in {"given": [0.5, 0.25], "learned": None}.items():
        term = {"hours": [100, 30], "step": 50, "weights": weights}
        config = Config(config_dict={**keys, TREND: term})
        experiment = assemble(config)
        model, batch = experiment.model, next(iter(experiment.train_data))
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            sum(model.calculate_loss(batch)).backward()
            optimizer.step()
        trends = model.logit_terms["popularity_trend"]
        learned = trends.weight.tolist()
        assert min(map(abs, learned)) > 0
        row = experiment.valid_data._dataset[torch.arange(5)]
        with torch.no_grad():
            scores[name] = model.eval().full_sort_predict(row)
        assert trends.weight.tolist() == learned
    trend = trends.logit[:, row[TREND_STEP]]
    moved = torch.tensor([0.5, 0.25]) - torch.tensor(learned)
    expected = scores["learned"] + torch.einsum("p,pbi->bi", moved, trend)
    assert torch.allclose(scores["given"], expected, atol=1e-5)
    assert not torch.allclose(scores["given"], scores["learned"], atol=1e-3)


@pytest.mark.parametrize("training", ["joint", "stacked"])
def test_what_is_popular_lately_is_recommended(write_dataset: Any, training: str) -> None:
    """In a world where everybody consumes one of three items, three others every other day."""
    n_users, n_days, per_user = 120, 12, 4
    rng = np.random.default_rng(0)
    user, place = np.divmod(np.arange(n_users * per_user), per_user)
    day = rng.integers(0, n_days - per_user + 1, n_users)[user] + place
    log = random_log(0).iloc[:0].assign(user_id=[f"u{u}" for u in user])
    log = log.assign(
        item_id=[f"i{d // 2 * 3 + rng.integers(0, 3)}" for d in day],
        rating=5.0,
        timestamp=1.6e9 + 86400.0 * day + rng.integers(0, 80000, len(user)),
    )
    keys = {**write_dataset(log), **KEYS, "topk": [3], "valid_metric": "NDCG@3"}
    keys.update(train_batch_size=60, epochs=8, learning_rate=0.01, stopping_step=30)
    keys = laid(keys, {"losses": "feedback", "ranking_training": training})
    if training == "joint":
        keys = laid(keys, {"ranking_reader": "none"})
    informed = run_recbole_poem(config_dict={**keys, TREND: {"hours": [24, 6], "step": 6}})
    blind = run_recbole_poem(config_dict=keys)
    assert informed["best_valid_score"] > blind["best_valid_score"] + 0.1

"""What a ranker learns from: which rows, in which order of time, and what stands in a batch."""

from dataclasses import replace
from typing import Any, Dict

import numpy as np
import pytest
import torch
from toy_exposures import exposure_log, write_exposures

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import (
    RECENT_ITEM,
    REQUEST_GAP,
    REQUEST_ID,
    REQUEST_TIME,
    TASK_LABEL,
    UNEXPOSED_ITEM,
)
from recbole_poem.data.preparation import data_preparation
from recbole_poem.data.ranking_dataset import ExposureDataLoader
from recbole_poem.log.requests import first_rows
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

LOG = exposure_log()
BY_TIME = {
    "eval_args": {
        "split": {"split_by_time": {"valid": "2000 seconds", "test": "last 2000 seconds"}},
        "order": "TO",
        "mode": "labeled",
    }
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_exposures(write_dataset, LOG), "MAX_ITEM_LIST_LENGTH": 3}


def prepared(keys: Dict[str, Any]) -> Any:
    config = Config("MultiTaskRanker", config_dict=keys)
    dataset = create_dataset(config)
    return dataset, data_preparation(config, dataset)


@pytest.mark.parametrize("more", [{}, BY_TIME], ids=["by ratio", "by time"])
def test_earlier_exposures_teach_and_later_ones_test(
    keys: Dict[str, Any], more: Dict[str, Any]
) -> None:
    dataset, loaders = prepared({**keys, **more})
    rows = [loader.rows for loader in loaders]
    everything = np.sort(np.concatenate(rows))
    assert everything.tolist() == np.flatnonzero(dataset.log.position > 0).tolist()
    times = [dataset.log.time[part] for part in rows]
    assert times[0].max() < times[1].min() <= times[1].max() < times[2].min()
    if not more:
        assert [len(part) for part in rows] == [176, 22, 22]  # of 220


def test_every_row_that_some_target_has_a_label_for_is_a_row_to_learn_from(
    keys: Dict[str, Any],
) -> None:
    targets = {name: keys["targets"][name] for name in ("like", "seconds")}
    only = {**keys, "targets": targets, "positive_feedback": {"click": "[1,1]"}}
    dataset, loaders = prepared(only)
    log, values = dataset.log, dataset.log.values
    liked = ~np.isnan(values["like"]) | (values["follow"] == 1)
    known = (liked | (values["play"] >= 0)) & (log.position > 0)
    assert 0 < known.sum() < (log.position > 0).sum()
    rows = np.concatenate([loader.rows for loader in loaders])
    assert sorted(rows.tolist()) == np.flatnonzero(known).tolist()
    assert (values["click"][rows] == 0).any()  # positive_feedback has no say


def test_a_batch_holds_what_lay_before_each_exposure_and_what_came_of_it(
    keys: Dict[str, Any],
) -> None:
    dataset, (train, _, _) = prepared({**keys, "train_batch_size": 50})
    log, seen = dataset.log, []
    for batch in train:
        assert len(batch) <= 50
        for exposure in range(len(batch)):
            row = int(batch[REQUEST_ID][exposure])
            assert batch["user_id"][exposure] == log.user[row]
            assert batch["item_id"][exposure] == log.item[row]
            latest = log.item[max(log.first[row], row - 3) : row][::-1].tolist()
            assert batch[RECENT_ITEM][exposure].tolist() == latest + [0] * (3 - len(latest))
            assert batch[REQUEST_TIME][exposure] == log.time[row]
            assert batch[REQUEST_GAP][exposure] == log.time[row] - log.time[row - 1]
            like, follow, play = (log.values[name][row] for name in ("like", "follow", "play"))
            rare = 1.0 if like == 1 or follow == 1 else like  # NaN where it is not known
            seconds = play / 1000 if play >= 0 else np.nan
            np.testing.assert_array_equal(
                batch[TASK_LABEL][exposure].numpy(), [log.values["click"][row], rare, seconds]
            )
            seen.append(row)
        assert {batch[name].dtype for name in (REQUEST_TIME, REQUEST_GAP)} == {torch.int64}
        assert batch[TASK_LABEL].dtype == torch.float32
    assert seen != train.rows.tolist()  # shuffled
    assert sorted(seen) == sorted(train.rows.tolist())


def test_items_that_were_not_shown_stand_beside_each_exposure_to_learn_from(
    keys: Dict[str, Any],
) -> None:
    dataset, (train, valid, _) = prepared(
        {**keys, "train_batch_size": 50, "unexposed_negatives": 9}
    )

    def drawn(epoch: int, loader: Any) -> Dict[int, Any]:
        loader.set_epoch(epoch)
        rows = (zip(b[REQUEST_ID].tolist(), b[UNEXPOSED_ITEM].tolist()) for b in loader)
        return {row: items for batch in rows for row, items in batch}

    first = drawn(0, train)
    assert drawn(0, train) == first  # in other batches
    assert sum(drawn(1, train)[row] == items for row, items in first.items()) == 0
    count = np.bincount(np.concatenate(list(first.values())), minlength=dataset.item_num)
    assert count[0] == 0
    assert count[1:].min() > 0.5 * count[1:].mean()
    assert len(count) == dataset.item_num
    assert UNEXPOSED_ITEM not in next(iter(valid))
    _, (train, _, _) = prepared({**keys, "unexposed_negatives": 0})
    assert UNEXPOSED_ITEM not in next(iter(train))


def test_what_was_not_shown_is_drawn_whatever_comes_later(keys: Dict[str, Any]) -> None:
    """Nor does it matter where in the log the row stands, which later rows of others decide."""
    dataset, _ = prepared(keys)
    of, log = dataset.exposures, dataset.log
    kept = np.flatnonzero(log.time < np.quantile(log.time, 0.7))
    columns = {name: getattr(log, name)[kept] for name in ("user", "item", "time", "training")}
    past = replace(log, **columns, first=first_rows(log.user[kept]), values={})
    shorter = replace(
        of, log=past, labels=of.labels[kept], seconds=of.seconds[kept], gap=of.gap[kept]
    )
    for epoch in (0, 3):
        found = []
        for exposures, rows in ((of, kept), (shorter, np.arange(len(kept)))):
            loader = ExposureDataLoader(dataset.config, dataset, exposures, rows, n_unexposed=4)
            loader.set_epoch(epoch)
            found.append(torch.cat([batch[UNEXPOSED_ITEM] for batch in loader]))
        assert torch.equal(*found)


def test_what_is_evaluated_keeps_its_order(keys: Dict[str, Any]) -> None:
    _, (_, valid, test) = prepared({**keys, "train_batch_size": 7})
    for loader in (valid, test):
        rows = torch.cat([batch[REQUEST_ID] for batch in loader])
        assert rows.tolist() == loader.rows.tolist()


def test_a_loader_takes_any_rows_a_users_first_one_too(keys: Dict[str, Any]) -> None:
    dataset, _ = prepared(keys)
    rows = np.array([5, 0, 12])
    (batch,) = ExposureDataLoader(dataset.config, dataset, dataset.exposures, rows)
    assert batch[REQUEST_ID].tolist() == [5, 0, 12]
    assert batch[REQUEST_GAP][1:].tolist() == [-1, -1]
    assert not batch[RECENT_ITEM][1:].any()


@pytest.mark.parametrize("label", ["watch_gain", "duration_quantile"])
def test_labels_that_are_estimated_from_later_rows_are_refused(
    keys: Dict[str, Any], label: str
) -> None:
    targets = {
        "click": keys["targets"]["click"],
        "t": {"feedback": [{"like": "[1,1]"}, {label: "[0,1]"}]},
    }
    with pytest.raises(InputError, match=rf"^targets\.t\.feedback: {label} is estimated from many"):
        prepared({**keys, "targets": targets})


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (None, "^targets: a ranker needs at least one, such as {click: "),
        (["click"], r"^targets: expected a mapping from names of your own .*, not \['click'\]$"),
        ({"t": {"feedback": {"stars": "[1,1]"}}}, r"^targets\.t\.feedback: .* column 'stars'"),
        (
            {"t": {"feedback": {"duration": "[9,9]"}}},
            r"^targets\.t: all 240 labelled rows have",
        ),
    ],
)
def test_targets_that_the_log_cannot_answer_are_named(
    keys: Dict[str, Any], targets: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        prepared({**keys, "targets": targets})

"""The times of the log in training windows and prediction rows, and what is said of odd ones."""

from typing import Any, List

import pytest
import torch
from conftest import random_log

from recbole_poem.core.fields import REQUEST_ID, REQUEST_POSITION
from recbole_poem.data.dataloader import POEMTrainDataLoader
from recbole_poem.log.row_features.gap import gap_slots
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble, create_dataset

SMALL = {
    "model": "POEM",
    "MAX_ITEM_LIST_LENGTH": 6,
    "train_batch_size": 24,
    "ranking_source.n_candidates": 8,
    "requests_per_window": 3,
    "hidden_size": 8,
    "inner_size": 8,
}


def test_windows_know_the_times_of_the_log_but_for_those_that_go_without(
    write_dataset: Any,
) -> None:
    """A window begins anywhere in a history, and its first row knows the gap before it."""
    log = random_log(3, n_users=60, n_items=25, longest=20)
    keys = {**write_dataset(log), **SMALL, "row_features.gap.dropout": 0.3}
    loader = assemble(Config(config_dict=keys)).train_data
    of_log = loader._dataset.log
    expected = gap_slots(of_log.time, of_log.position == 0, 1.0)
    n_windows, without = 0, []
    for epoch in range(20):
        loader.set_epoch(epoch)
        for batch in loader:
            for gaps, start, length in zip(batch["row_gap"], *_windows(batch)):
                known = expected[start : start + length]
                assert not gaps[length:].any()
                if known.any():
                    n_windows += 1
                    if gaps.any():
                        assert gaps[:length].tolist() == known.tolist()
                    else:
                        without.append((epoch, start))
    assert 0.25 < len(without) / n_windows < 0.35
    assert len({start for _, start in without}) > 60  # others in other epochs


def _windows(batch: Any) -> "tuple[List[int], List[int]]":
    """Return the first rows and lengths of the windows of a batch, found by their requests."""
    request, position = batch[REQUEST_ID], batch[REQUEST_POSITION]
    asking = (request >= 0).float().argmax(dim=1, keepdim=True)
    start = (request - position).gather(1, asking)[:, 0] - 1
    return start.tolist(), (batch["item_id_list"] > 0).sum(dim=1).tolist()


def test_prediction_rows_know_the_times_of_the_log(write_dataset: Any) -> None:
    log = random_log(3, n_users=30, n_items=25, longest=20)
    split = assemble(Config(config_dict={**write_dataset(log), **SMALL})).test_data._dataset
    expected = gap_slots(split.log.time, split.log.position == 0, 1.0)
    batch = split[torch.arange(len(split.inter_feat))]
    lengths = batch["item_length"].tolist()
    for row, length, gaps in zip(batch[REQUEST_ID].tolist(), lengths, batch["row_gap"]):
        assert gaps[:length].tolist() == expected[row - length : row].tolist()
        assert not gaps[length:].any()
    assert torch.equal(split[0]["row_gap"], batch["row_gap"][0])


def test_times_that_look_like_milliseconds_are_told(
    write_dataset: Any, caplog: pytest.LogCaptureFixture
) -> None:
    log = random_log(3, n_users=30, n_items=25, longest=20)
    keys = {**write_dataset(log.assign(timestamp=1000 * log["timestamp"])), **SMALL}
    words = "which looks like milliseconds; set time_unit to ms"
    assemble(Config(config_dict=keys))
    assert words in caplog.text
    caplog.clear()
    assemble(Config(config_dict={**keys, "time_unit": "ms"}))
    assert words not in caplog.text


def test_a_raw_feature_is_in_windows_as_it_is_and_all_features_are_missed_together(
    write_dataset: Any,
) -> None:
    """Moments need double precision; a window without times is without any of them."""
    log = random_log(3, n_users=60, n_items=25, longest=20, ties=False)
    encoder = {"name": "transformer", "position": "interpos"}
    features = {"row_features": ["gap", "time"], "history_encoder": encoder}
    config = Config(config_dict={**write_dataset(log), **SMALL, **features})
    train, _, test = create_dataset(config).build()
    batch = test[torch.arange(len(test.inter_feat))]
    assert batch["row_time"].dtype == torch.float64
    for row, n, time in zip(batch[REQUEST_ID], batch["item_length"], batch["row_time"]):
        assert time[:n].tolist() == test.log.time[row - n : row].tolist()
        assert not time[n:].any()
    loader = POEMTrainDataLoader(config, train, {}, reads_rankings=False)
    told, untold = 0, 0
    for batch in loader:
        knows = batch["row_time"].any(dim=1)
        assert not batch["row_gap"][~knows].any()
        told, untold = told + int(knows.sum()), untold + int((~knows).sum())
    assert told > 0 < untold

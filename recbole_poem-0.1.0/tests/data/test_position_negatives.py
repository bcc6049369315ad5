"""Negatives of every target: what is drawn, what never is, and that batches do not matter."""

from types import SimpleNamespace
from typing import Any, Dict

import numpy as np
import pytest
import torch
from conftest import random_log
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import (
    BINARY_NEGATIVE,
    DRAW_ID,
    REQUEST_ID,
    REQUEST_POSITION,
    SET_NEGATIVE,
    SYSTEM_POSITIVE,
    TARGET_ID,
)
from recbole_poem.data.negatives import TrainingData
from recbole_poem.data.position_negatives import (
    UniformOthers,
    drawn_at_positions,
    draws_of_positions,
    target_shares,
)
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble

SMALL = {
    "model": "POEM",
    "ranking_reader": "none",
    "MAX_ITEM_LIST_LENGTH": 6,
    "ranking_source.n_candidates": 8,
    "requests_per_window": 3,
    "hidden_size": 8,
    "inner_size": 8,
}
ALL = {"losses": {"system": {}, "setrank": {"negatives": {"number": 3}}, "gbce": {"number": 4}}}


class Batch(dict):  # type: ignore[type-arg]
    @property
    def interaction(self) -> Dict[str, Any]:
        return self


def data_of(n_items: int) -> TrainingData:
    log = log_of([[1, 2, 1, 3], [2, 2]], n_items=n_items)
    rows = {REQUEST_ID: torch.tensor([1, 2, 5])}  # their items: 2, 1, 2
    return TrainingData({"seed": 3}, SimpleNamespace(log=log, inter_feat=rows), log, map)


def window(draws: int, targets: torch.Tensor) -> Any:
    """Return a window that carries a request at position 1, and the request's draw ids."""
    batch = Batch({TARGET_ID: targets.unsqueeze(0), REQUEST_POSITION: torch.tensor([[1]])})
    return torch.tensor([[draws + 1]]), batch


def test_all_items_but_the_target_are_drawn_alike() -> None:
    targets = torch.full((4000,), 3)
    targets[7] = 0
    drawn = UniformOthers(data_of(6), 5, "here").draw(*window(100, targets))
    assert drawn.shape == (1, 4000, 5)
    assert not drawn[0, 7].any()
    there = drawn[0, targets > 0].flatten()
    share = np.bincount(there.numpy(), minlength=6) / len(there)
    assert share == pytest.approx([0, 0.25, 0.25, 0, 0.25, 0.25], abs=0.012)


def test_a_catalogue_of_one_item_is_told() -> None:
    with pytest.raises(InputError, match=r"^losses\.gbce: the data set has one item"):
        UniformOthers(data_of(2), 5, "losses.gbce")


def test_shares_are_those_of_the_targets() -> None:
    assert target_shares(data_of(5)).tolist() == pytest.approx([0, 1 / 3, 2 / 3, 0, 0])


def test_a_source_is_asked_for_every_target_by_its_row_and_draw() -> None:
    asked: Dict[str, torch.Tensor] = {}

    def draw(requests: Any, draws: Any, preferred: Any) -> Any:
        asked.update(requests=requests, draws=draws, preferred=preferred)
        return torch.ones(1, 4, 2)

    draws, batch = window(12, torch.tensor([4, 0, 2, 5]))  # rows 2 to 5 of ten, second epoch
    batch[REQUEST_ID] = torch.tensor([[-1]])
    batch[SYSTEM_POSITIVE] = torch.tensor([[[3, 4]]])
    source: Any = SimpleNamespace(draw=draw)
    drawn_at_positions(source, draws, batch, 10)
    assert asked["requests"].tolist() == [[2, -1, 4, 5]]
    assert asked["draws"].tolist() == [[12, 13, 14, 15]]
    assert not asked["preferred"].any()
    batch[REQUEST_ID] = torch.tensor([[3]])
    drawn_at_positions(source, draws, batch, 10)
    assert asked["preferred"].tolist() == [[[0, 0], [3, 4], [0, 0], [0, 0]]]


def by_row(loader: Any, fields: Any) -> Dict[int, Any]:
    """Return the negatives of an epoch by the draw ids of their targets."""
    found = {}
    for batch in loader:
        draws = draws_of_positions(batch[DRAW_ID], batch)
        for window_, place in (batch[TARGET_ID] > 0).nonzero().tolist():
            drawn = tuple(tuple(batch[field][window_, place].tolist()) for field in fields)
            found[int(draws[window_, place])] = (int(batch[TARGET_ID][window_, place]), *drawn)
    return found


def test_a_row_has_the_same_negatives_in_whatever_batch_and_worker(write_dataset: Any) -> None:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    keys = {**write_dataset(log), **SMALL, **ALL}
    fields = (BINARY_NEGATIVE, SET_NEGATIVE)
    epochs = []
    for given in ({"train_batch_size": 600}, {"train_batch_size": 6}, {"worker": 2}):
        loader = assemble(Config(config_dict={**keys, **given})).train_data
        loader.set_epoch(2)
        epochs.append(by_row(loader, fields))
    assert epochs[0] == epochs[1] == epochs[2]
    loader.set_epoch(3)
    assert by_row(loader, fields).keys().isdisjoint(epochs[0])


def test_sets_hold_nothing_that_the_user_consumed(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL, **ALL}
    loader = assemble(Config(config_dict=keys)).train_data
    loader.set_epoch(1)
    read = loader._dataset.log
    drawn = 0
    for draw, (target, _, negatives) in by_row(loader, (BINARY_NEGATIVE, SET_NEGATIVE)).items():
        row = draw % len(read)
        assert read.item[row] == target
        mine = read.item[(read.user == read.user[row]) & read.training]
        assert not set(negatives) & set(mine.tolist())
        drawn += sum(item > 0 for item in negatives)
    assert drawn > 100

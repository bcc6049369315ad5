"""Rows that keep numbers alone against RecBole's `Interaction`, which keeps columns."""

import copy
from typing import Any, Callable

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.rows import HistoryLengths, LogRows

LOG = {"item": torch.arange(10) * 7 % 10, "embedding": torch.arange(20.0).view(10, 2)}
ROWS = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])


def both() -> Any:
    ours, reference = LogRows(LOG, ROWS), Interaction({k: v[ROWS] for k, v in LOG.items()})
    reference[REQUEST_ID] = ROWS
    for rows in (ours, reference):
        rows["label"] = torch.arange(8) % 3
    return ours, reference


def assert_equal(ours: Any, reference: Interaction) -> None:
    assert ours.columns == reference.columns and len(ours) == len(reference)
    assert len(ours.interaction) == len(reference.interaction)
    assert all(torch.equal(ours[field], reference[field]) for field in reference)


@pytest.mark.parametrize(
    "index",
    [[2, 0], np.array([2, 0]), torch.tensor([2, 0]), slice(1, 6, 2), range(1, 4), []],
    ids=lambda index: type(index).__name__,
)
def test_selected_rows(index: Any) -> None:
    ours, reference = both()
    assert_equal(ours[index], reference[index])


def drop(rows: Interaction) -> None:
    rows.drop("item")
    rows.drop("label")


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.sort(by="item"),
        lambda rows: rows.sort(by=["label", "item"]),
        lambda rows: torch.manual_seed(0) and rows.shuffle(),
        lambda rows: rows.update(Interaction({"item": torch.zeros(8), "new": torch.ones(8)})),
        drop,
    ],
)
def test_changed_rows(change: Callable[[Interaction], Any]) -> None:
    ours, reference = both()
    kept = copy.deepcopy(ours)
    change(ours)
    change(reference)
    assert_equal(ours, reference)
    assert_equal(kept, both()[1])
    assert_equal(ours.repeat(2), reference.repeat(2))


def test_a_column_of_the_log_can_be_replaced_unless_it_was_dropped() -> None:
    ours, _ = both()
    ours.replace("item", LOG["item"] + 1)
    assert torch.equal(ours["item"], LOG["item"][ROWS] + 1)
    ours.drop("item")
    ours.replace("item", LOG["item"])
    assert "item" not in ours


def test_lengths_of_windows_are_reckoned_of_the_rows_that_are_asked_for() -> None:
    first = np.array([0, 0, 0, 0, 4, 4])
    lengths = HistoryLengths(first, most=2)
    assert lengths[torch.tensor([[3, 0], [5, 2]])].tolist() == [[2, 0], [1, 2]]
    assert LogRows({"n": lengths}, torch.tensor([4, 1]))["n"].tolist() == [0, 1]
    assert lengths.shape == (6,) and lengths[torch.tensor([1])].dtype == lengths.dtype

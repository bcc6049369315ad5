"""Splits of all users at once against RecBole's loops over users."""

from logging import getLogger
from typing import Any, List

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction

from recbole_poem.data.splits import GroupedSplitMixin, Groups, halves


class Stock(Dataset):
    """RecBole's data set around a log in the order of time, without any file."""

    def __init__(self, users: List[int]) -> None:
        self.config, self.logger = {"unused_col": None}, getLogger()
        self.uid_field, self.time_field = "user", "time"
        row = torch.arange(len(users))
        self.inter_feat = Interaction({"user": torch.tensor(users), "row": row, "time": row // 3})


class Ours(GroupedSplitMixin, Stock):
    """The same data set with the plugin's splits."""


def assert_same_splits(users: List[int], split: Any) -> None:
    for ours, reference in zip(split(Ours(users)), split(Stock(users))):
        rows, wanted = ours.inter_feat["row"].tolist(), reference.inter_feat["row"].tolist()
        assert rows == wanted


logs = st.lists(st.integers(0, 7), min_size=1, max_size=60)
ratios = st.lists(st.floats(0.01, 10), min_size=2, max_size=4)


@given(logs, st.sampled_from(["valid_and_test", "valid_only", "test_only"]))
def test_leave_one_out(users: List[int], mode: str) -> None:
    assert_same_splits(users, lambda log: log.leave_one_out("user", mode))


@given(logs, ratios, st.sampled_from(["user", None]))
def test_ratios(users: List[int], shares: List[float], group_by: Any) -> None:
    assert_same_splits(users, lambda log: log.split_by_ratio(shares, group_by))


@given(logs)
def test_ratios_in_time(users: List[int]) -> None:
    assert_same_splits(users, lambda log: log.time_based_split([0.6, 0.2, 0.2], "user"))


def test_groups_come_in_the_order_of_their_first_rows() -> None:
    groups = Groups.of(np.array([7, 3, 7, 7, 3, 9]))
    assert [rows.tolist() for rows in groups] == [[0, 2, 3], [1, 4], [5]]
    first, rest = groups.cut(np.array([[1, 1, 0], [2, 1, 1]]))
    assert (first.tolist(), rest.tolist()) == ([0, 1], [2, 3, 4, 5])


@pytest.mark.parametrize("largest", [1, 2**16, 2**31])
def test_halves_sort_as_the_whole(largest: int) -> None:
    codes = np.random.default_rng(0).integers(0, largest, 1000)
    assert np.array_equal(np.lexsort(halves(codes)), np.argsort(codes, kind="stable"))

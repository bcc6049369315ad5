"""Comparing runs by the length of the history: lengths come from the data, values from the runs."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark.by_length import by_length
from recbole_poem.benchmark.results import read_run
from recbole_poem.benchmark.sides import Side
from recbole_poem.core.errors import InputError

N_ROWS = range(4, 14)  # of the users; the last row of each is its test row


@pytest.fixture
def sides(tmp_path: Path, write_dataset: Any) -> List[Side]:
    """One row that is right where the history has up to three rows, and one always second."""
    user = np.repeat([f"u{n:02}" for n in N_ROWS], N_ROWS)
    item = np.concatenate([np.arange(n) for n in N_ROWS])
    log = pd.DataFrame({"user_id": user, "item_id": item, "timestamp": np.arange(len(user))})
    given = {**write_dataset(log), "MAX_ITEM_LIST_LENGTH": 8}
    known = toy_ranks(0.5, 0, n_users=len(N_ROWS))
    named = {
        "user": np.array([f"u{n:02}" for n in N_ROWS]),
        "target": np.array([str(n - 1) for n in N_ROWS]),
    }
    ranks = {"first": np.where(np.array(N_ROWS) <= 4, 1, 90), "second": np.full(len(N_ROWS), 2)}
    return [
        [read_run(write_run(tmp_path, row, "POEM", 0, _with(known, named, rank), given=given))]
        for row, rank in ranks.items()
    ]


def _with(known: Dict[str, Any], named: Dict[str, Any], rank: np.ndarray) -> Dict[str, Any]:
    return {**known, **named, "rank_masked": rank, "rank_recbole": rank + 1}


def test_each_part_has_the_rows_of_its_lengths(sides: List[Side]) -> None:
    parts = by_length(sides[0], sides[1], metric="MRR@10", begins=[1, 4, 6])
    assert list(parts) == ["1 to 3", "4 to 5", "6 or more"]
    assert [found.n_rows for found in parts.values()] == [1, 2, 7]
    assert [found.one_mean for found in parts.values()] == [1, 0, 0]
    assert [found.other_mean for found in parts.values()] == [0.5, 0.5, 0.5]
    recbole = by_length(*sides, metric="MRR@10", protocol="recbole", begins=[1])
    assert recbole["1 or more"].one_mean == pytest.approx(0.05)


def test_a_length_is_of_what_is_read_and_parts_without_rows_are_left_out(sides: List[Side]) -> None:
    assert list(by_length(*sides, begins=[1, 2, 3, 8, 9])) == ["3 to 7", "8 to 8"]


@pytest.mark.parametrize("begins", [[], [0, 4], [4, 1], [4, 4]])
def test_lengths_that_do_not_ascend_are_refused(sides: List[Side], begins: List[int]) -> None:
    with pytest.raises(InputError, match="lengths: expected ascending whole numbers from 1"):
        by_length(*sides, begins=begins)

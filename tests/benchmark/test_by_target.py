"""Comparing runs by whether a target is new: that comes from the data, values from the runs."""

from pathlib import Path
from typing import Any, List

import numpy as np
import pandas as pd
import pytest
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark.by_target import by_target
from recbole_poem.benchmark.results import read_run
from recbole_poem.benchmark.sides import Side

ITEMS = {"u1": [1, 2, 3, 4], "u2": [4, 2, 3, 4], "u3": [1, 1, 2, 3], "u4": [3, 2, 5, 2]}


@pytest.fixture
def sides(tmp_path: Path, write_dataset: Any) -> List[Side]:
    """One row that is right where the target is new, and one that is right where it is not."""
    user = np.repeat(list(ITEMS), 4)
    item = np.concatenate(list(ITEMS.values()))
    log = pd.DataFrame({"user_id": user, "item_id": item, "timestamp": np.arange(len(user))})
    given = write_dataset(log)
    known = toy_ranks(0.5, 0, n_users=len(ITEMS))
    named = {"user": np.array(list(ITEMS)), "target": np.array(["4", "4", "3", "2"])}
    ranks = {
        "new": {"rank_masked": np.array([1, 4, 1, 4])},
        "seen": {"rank_masked": np.array([2, 1, 2, 1])},
    }
    return [
        [read_run(write_run(tmp_path, row, "POEM", 0, {**known, **named, **rank}, given=given))]
        for row, rank in ranks.items()
    ]


def test_each_part_has_its_targets(sides: List[Side]) -> None:
    """What a user dealt with twice before the target is no matter."""
    found = by_target(*sides, metric="MRR@10")
    assert {name: part.n_rows for name, part in found.items()} == {"new": 2, "seen": 2}
    assert (found["new"].one_mean, found["new"].other_mean) == (1, 0.5)
    assert (found["seen"].one_mean, found["seen"].other_mean) == (0.25, 1)


def test_a_part_without_rows_is_left_out(sides: List[Side], write_dataset: Any) -> None:
    items = [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 4, 3, 1, 3, 4, 2]  # the same targets, all new
    user = np.repeat(list(ITEMS), 4)
    write_dataset(pd.DataFrame({"user_id": user, "item_id": items, "timestamp": range(16)}))
    assert list(by_target(*sides)) == ["new"]

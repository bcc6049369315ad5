"""Comparing sides on parts of the test rows: by what their users had done before."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark.parts import by_length, by_target
from recbole_poem.benchmark.results import read_run
from recbole_poem.benchmark.sides import Side
from recbole_poem.core.errors import InputError

N_BEFORE = np.arange(3, 13)  # of ten users, each with one test row
SEEN = np.array([False, True] * 5)


def side(folder: Path, row: str, rank: np.ndarray, **known: np.ndarray) -> Side:
    ranks: Dict[str, Any] = {**toy_ranks(0.5, 0, n_users=10), **known}
    ranks.update(rank_masked=rank, rank_recbole=rank + 1)
    return [read_run(write_run(folder, row, "POEM", 0, ranks))]


@pytest.fixture
def sides(tmp_path: Path) -> List[Side]:
    """One row that is right where the user had three rows, or a seen target; one always second."""
    known = {"seen": SEEN, "n_before": N_BEFORE}
    first = np.where((N_BEFORE <= 3) | SEEN, 1, 90)
    return [
        side(tmp_path, "first", first, **known),
        side(tmp_path, "second", np.full(10, 2), **known),
    ]


def test_new_and_seen_targets(sides: List[Side]) -> None:
    found = by_target(*sides, metric="MRR@10")
    assert {name: part.n_rows for name, part in found.items()} == {"new": 5, "seen": 5}
    assert (found["new"].one_mean, found["new"].other_mean) == (0.2, 0.5)
    assert (found["seen"].one_mean, found["seen"].other_mean) == (1, 0.5)


def test_each_length_has_its_rows(sides: List[Side]) -> None:
    parts = by_length(*sides, metric="MRR@10", begins=[1, 3, 4, 6])
    assert list(parts) == ["1 to 2", "3", "4 to 5", "6 or more"][1:]
    assert [found.n_rows for found in parts.values()] == [1, 2, 7]
    assert [found.one_mean for found in parts.values()] == [1, 0.5, pytest.approx(4 / 7)]
    assert [found.other_mean for found in parts.values()] == [0.5, 0.5, 0.5]
    recbole = by_length(*sides, metric="MRR@10", protocol="recbole", begins=[12])
    assert recbole["12 or more"].one_mean == 0.5


@pytest.mark.parametrize("begins", [[], [0, 4], [4, 1], [4, 4]])
def test_lengths_that_do_not_ascend_are_refused(sides: List[Side], begins: List[int]) -> None:
    with pytest.raises(InputError, match="lengths: expected ascending whole numbers from 1"):
        by_length(*sides, begins=begins)


def test_one_side_that_says_it_is_enough(sides: List[Side], tmp_path: Path) -> None:
    former = side(tmp_path, "former", np.full(10, 3))
    for pair in ((sides[0], former), (former, sides[0])):
        assert list(by_target(*pair)) == ["new", "seen"]


@pytest.mark.parametrize("by", [by_length, by_target])
def test_runs_of_a_former_version_are_refused(tmp_path: Path, by: Any) -> None:
    former = side(tmp_path, "former", np.full(10, 3))
    words = f"{former[0].folder}: this run is of a former version, which did not keep what its"
    with pytest.raises(InputError) as error:
        by(former, former)
    assert str(error.value).startswith(words)

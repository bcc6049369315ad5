"""Comparing runs by the length of the history: lengths come from the data, values from the runs."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pytest
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark.by_length import by_length, main
from recbole_poem.core.errors import InputError

N_ROWS = range(4, 14)  # of the users; the last row of each is its test row


@pytest.fixture
def runs(tmp_path: Path, write_dataset: Any) -> List[Path]:
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
        write_run(tmp_path, row, "POEM", 0, _with(known, named, rank), given=given)
        for row, rank in ranks.items()
    ]


def _with(known: Dict[str, Any], named: Dict[str, Any], rank: np.ndarray) -> Dict[str, Any]:
    return {**known, **named, "rank_masked": rank, "rank_recbole": rank + 1}


def test_each_part_has_the_rows_of_its_lengths(runs: List[Path]) -> None:
    parts = by_length(runs[0], runs[1], metric="MRR@10", begins=[1, 4, 6])
    assert [part[:2] for part in parts] == [(1, 3), (4, 5), (6, None)]
    assert [part.found.n_rows for part in parts] == [1, 2, 7]
    assert [part.found.one_mean for part in parts] == [1, 0, 0]
    assert [part.found.other_mean for part in parts] == [0.5, 0.5, 0.5]
    recbole = by_length(*runs, metric="MRR@10", protocol="recbole", begins=[1])
    assert recbole[0].found.one_mean == pytest.approx(0.05)


def test_a_length_is_of_what_is_read_and_parts_without_rows_are_left_out(runs: List[Path]) -> None:
    assert [part[:2] for part in by_length(*runs, begins=[1, 2, 3, 8, 9])] == [(3, 7), (8, 8)]


def test_the_table(runs: List[Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(runs[0]), "--against", str(runs[1]), "--metric", "mrr@10"]
    assert main([*arguments, "--lengths", "3", "5"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "MRR@10, masked: first (1 seed) against second (1 seed)"
    assert said[1].startswith("    3 to 4:       2 rows, 0.5000 against 0.5000 (+0.0\xa0%, p = 1")
    assert said[2].startswith(" 5 or more:       8 rows, 0.0000 against 0.5000 (")


@pytest.mark.parametrize("begins", [[], [0, 4], [4, 1], [4, 4]])
def test_lengths_that_do_not_ascend_are_refused(runs: List[Path], begins: List[int]) -> None:
    with pytest.raises(InputError, match="lengths: expected ascending whole numbers from 1"):
        by_length(*runs, begins=begins)

"""What ended the training of a row, in marks and words."""

from pathlib import Path
from typing import List

import pytest
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark.endings import all_endings, cut_short, marks_of
from recbole_poem.benchmark.results import Run, read_run


def row(folder: Path, *endings: str, n_parameters: int = 9) -> List[Run]:
    ranks = toy_ranks(0.5, 0, n_users=3)
    paths = [
        write_run(folder, "x", "x", seed, ranks, stopped=ending, n_parameters=n_parameters)
        for seed, ending in enumerate(endings)
    ]
    return [read_run(path) for path in paths]


@pytest.mark.parametrize(
    ("endings", "marks", "early"),
    [
        (["early stopping"] * 2, "\u1d3e", ""),
        (["time limit"], "\u1d40", "the time limit (1 of 1 seed)"),
        (
            ["early stopping", "epochs", "time limit", "epochs"],
            "\u1d40\u1d31\u1d3e",
            "the time limit (1 of 4 seeds) and its number of epochs (2 of 4 seeds)",
        ),
    ],
)
def test_each_ending_has_a_mark(tmp_path: Path, endings: List[str], marks: str, early: str) -> None:
    runs = row(tmp_path, *endings)
    assert marks_of(runs) == marks
    assert cut_short(runs) == early


def test_all_endings_are_counted_and_failed_runs_are_not(tmp_path: Path) -> None:
    runs = [
        *row(tmp_path, "time limit", "early stopping"),
        read_run(write_run(tmp_path, "x", "x", 2)),
    ]
    assert all_endings(runs) == ("time limit (1 of 2 seeds)", "early stopping (1 of 2 seeds)")


def test_a_model_that_learns_nothing_has_no_ending(tmp_path: Path) -> None:
    runs = row(tmp_path, "epochs", n_parameters=1)
    assert (marks_of(runs), cut_short(runs), all_endings(runs)) == ("", "", ())

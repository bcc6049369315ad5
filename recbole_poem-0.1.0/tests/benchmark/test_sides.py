"""Finding the runs of a row in a folder of results."""

from pathlib import Path
from typing import List

import pytest
from toy_results import toy_ranks, write_plan, write_run

from recbole_poem.benchmark.sides import side_of, title_of
from recbole_poem.core.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return two rows: one of two seeds, a failed one and a trial, and one that has failed."""
    write_plan(tmp_path, {"POEM": "POEM", "Broken": "NARM"})
    for seed in (2021, 2020):
        write_run(tmp_path, "POEM", "POEM", seed, toy_ranks(0.5, seed))
    write_run(tmp_path, "POEM", "POEM", 2022)
    write_run(tmp_path, "POEM", "POEM", 2023, toy_ranks(0.9, 9), run="trial", purpose="trial")
    write_run(tmp_path, "Broken", "NARM", 2020)
    return tmp_path


def seeds(folder: Path, *arguments: object) -> List[int]:
    return [run.record["seed"] for run in side_of(folder, *arguments)]  # type: ignore[arg-type]


def test_a_side_has_the_finished_runs_of_its_row_by_their_seeds(folder: Path) -> None:
    assert seeds(folder, "POEM") == seeds(folder, "POEM", "toy") == [2020, 2021]
    assert seeds(folder, "POEM", None, [2021]) == [2021]
    assert title_of(side_of(folder, "POEM")) == "POEM (2 seeds)"
    assert title_of(side_of(folder, "POEM", None, [2020])) == "POEM (1 seed)"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["POEN"], "there is no row 'POEN'; the nearest is 'POEM'"),
        (["xyz"], "there is no row 'xyz'; known are Broken, POEM"),
        (["Broken"], "no run of 'Broken' has finished"),
        (["POEM", "tow"], "there is no data set 'tow'; the nearest is 'toy'"),
        (["POEM", None, [2020, 2022]],
         "no run of 'POEM' with seed 2022 has finished; there are those of 2020, 2021"),
    ],
)  # fmt: skip
def test_what_a_folder_does_not_hold_is_named(
    folder: Path, arguments: List[object], words: str
) -> None:
    with pytest.raises(InputError) as error:
        seeds(folder, *arguments)
    assert str(error.value) == f"{folder}: {words}"


def test_of_several_data_sets_one_has_to_be_named(folder: Path) -> None:
    write_plan(folder, {"POEM": "POEM"}, datasets=["toy", "tow"])
    with pytest.raises(InputError, match="holds results of toy, tow; name one of them by --datas"):
        side_of(folder, "POEM")
    assert seeds(folder, "POEM", "toy") == [2020, 2021]
    with pytest.raises(InputError, match="no run of 'POEM' has finished"):
        side_of(folder, "POEM", "tow")

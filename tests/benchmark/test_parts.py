"""What all comparisons by parts have in common: the data set has to be that of the runs."""

from pathlib import Path
from typing import Any, List

import pandas as pd
import pytest
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark.by_length import by_length
from recbole_poem.benchmark.by_target import by_target
from recbole_poem.benchmark.results import read_run
from recbole_poem.benchmark.sides import Side
from recbole_poem.core.errors import InputError


@pytest.fixture
def sides(tmp_path: Path, write_dataset: Any) -> List[Side]:
    log = {"user_id": ["u1"] * 5, "item_id": range(5), "timestamp": range(5)}
    given = write_dataset(pd.DataFrame(log))
    ranks = toy_ranks(0.5, 0, n_users=3)  # of other test rows
    paths = [write_run(tmp_path, row, "POEM", 0, ranks, given=given) for row in ("one", "two")]
    return [[read_run(path)] for path in paths]


@pytest.mark.parametrize("by", [by_length, by_target])
def test_other_data_than_the_runs_had_are_refused(sides: List[Side], by: Any) -> None:
    with pytest.raises(InputError, match="the test rows of toy are others now"):
        by(*sides)

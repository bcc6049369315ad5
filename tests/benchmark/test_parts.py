"""What all comparisons by parts have in common: the data set has to be that of the runs."""

from pathlib import Path
from typing import Any, List

import pandas as pd
import pytest
from toy_results import toy_ranks, write_run

from recbole_poem.benchmark import by_length, by_target


@pytest.fixture
def runs(tmp_path: Path, write_dataset: Any) -> List[str]:
    log = {"user_id": ["u1"] * 5, "item_id": range(5), "timestamp": range(5)}
    given = write_dataset(pd.DataFrame(log))
    ranks = toy_ranks(0.5, 0, n_users=3)  # of other test rows
    return [str(write_run(tmp_path, row, "POEM", 0, ranks, given=given)) for row in ("one", "two")]


@pytest.mark.parametrize("module", [by_length, by_target])
def test_other_data_than_the_runs_had_are_refused(
    runs: List[str], module: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert module.main([runs[0], "--against", runs[1]]) == 2
    assert "the test rows of toy are others now" in capsys.readouterr().err


@pytest.mark.parametrize("module", [by_length, by_target])
def test_the_help_says_where_to_call_it(module: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        module.main(["--help"])
    assert "call it where they ran" in " ".join(capsys.readouterr().out.split())

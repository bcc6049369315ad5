"""Nothing moves what the runs of ``runs.py`` learn, score and answer.

Where a change is meant to move it, freeze the results anew: ``runs.py`` says how.
"""

import json
from pathlib import Path

import pytest
from comparing import differences, is_close, without_bits
from runs import FROZEN, RUNS, has_index, result_of

GOLDEN = json.loads(FROZEN.read_text())


def test_every_run_is_frozen() -> None:
    assert list(GOLDEN) == list(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_gives_what_was_frozen(tmp_path: Path, name: str) -> None:
    frozen = dict(GOLDEN[name])
    if not has_index():
        frozen.pop("answers_by_index", None)
    found = result_of(name, tmp_path)
    assert differences(without_bits(frozen), without_bits(found), is_close, name) == []

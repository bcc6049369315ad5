"""Nothing moves what the runs of ``runs.py`` learn, score and answer.

Processors round differently, and training adds that up: trained models may differ by more.
Where a change is meant to move it, freeze the results anew: ``runs.py`` says how.
"""

import json
from pathlib import Path

import pytest
from comparing import differences, within, without_bits
from runs import FROZEN, RUNS, has_index, result_of

GOLDEN = json.loads(FROZEN.read_text())


def test_every_run_is_frozen() -> None:
    assert list(GOLDEN) == list(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_gives_what_was_frozen(tmp_path: Path, name: str) -> None:
    frozen = dict(GOLDEN[name])
    if not has_index():
        frozen.pop("answers_by_index", None)
    frozen, found = without_bits(frozen), without_bits(result_of(name, tmp_path))
    steps = frozen.pop("steps"), found.pop("steps")
    assert differences(*steps, within(1e-5, 1e-6), f"{name}/steps") == []
    assert differences(frozen, found, within(1e-4, 5e-4), name) == []

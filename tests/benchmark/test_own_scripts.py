"""Every script in ``benchmarks/`` finds what it calls in today's library."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_finds_what_it_imports(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    script = importlib.import_module(name)
    assert Path(script.__file__ or "").parent == FOLDER


def test_a_refusal_that_is_recorded_is_one_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not Python's, which knows no such module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    said = importlib.import_module("serving_faults").said
    for command in (["serve"], ["recommend", "--output=a.csv", "--all_users"]):
        found = said(*command, "--checkpoint", "nothing.pth")
        assert found["exit_status"] == 2
        assert found["says"] == "recbole_poem: nothing.pth: there is no such checkpoint"

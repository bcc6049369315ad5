"""The script that measures item tables learns the same by both of them."""

import importlib
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("item_tables")


def test_both_tables_are_measured(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "NEGATIVES", 50)
    found = {table: script.side(table, 3000, 4, 1, 2) for table in ("dense", "sharded")}
    assert set(found["sharded"]) - set(found["dense"]) == {"settle_s"}
    for table in found.values():
        assert table["sent_mib"] == 0
        assert 3 < table["loss"] < 5  # about log 51: nothing is learned yet
        assert table["step_s"] > 0


def test_processes_share_a_batch(script: Any) -> None:
    whole = script.batch_of(3, 1000, 0, 1)
    parts = [script.batch_of(3, 1000, rank, 2) for rank in range(2)]
    assert [len(part[0]) for part in parts] == [21, 20]
    for place in (0, 1):
        assert [*parts[0][place].tolist(), *parts[1][place].tolist()] == whole[place].tolist()
    assert (parts[0][2] == parts[1][2]).all()


def test_what_does_not_fit_is_left_out(script: Any) -> None:
    assert script.needed_gib("dense", 10_000_000, 64, 1) > script.LIMIT_GIB
    assert script.needed_gib("dense", 30_000_000, 8, 2) > script.LIMIT_GIB
    assert script.needed_gib("sharded", 30_000_000, 8, 2) < script.LIMIT_GIB

"""What a result belongs to, and what is said where that cannot be known."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from recbole_poem import stack
from recbole_poem.benchmark import machine


def test_commit_and_versions_are_those_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = machine.commit()
    assert commit is None or re.fullmatch("[0-9a-f]{12,}(-dirty)?", commit)
    assert machine.versions()["recbole"] == "1.2.1"
    monkeypatch.setenv("PATH", "")
    assert machine.commit() is None  # no git


def test_a_package_that_pip_does_not_know_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(stack.metadata, "version", version)
    assert machine.versions() == {name: None for name in ["recbole_poem", *stack.BOUNDS]}


def test_memory_is_measured_without_the_kernels_own_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def without_mark(path: Path, *arguments: Any, **options: Any) -> str:
        lines = read(path, *arguments, **options).splitlines()
        return "\n".join(line for line in lines if not line.startswith("VmHWM"))

    peak = machine.peak_memory()
    monkeypatch.setattr(Path, "read_text", without_mark)
    assert machine.peak_memory() > 0.9 * peak > 2**20

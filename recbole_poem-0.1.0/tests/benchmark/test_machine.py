"""What a result belongs to, and what is said where that cannot be known."""

import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from recbole_poem.benchmark import machine
from recbole_poem.core import stack


def test_commit_and_versions_are_those_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = machine.commit()
    assert commit is None or re.fullmatch("[0-9a-f]{12,}(-dirty)?", commit)
    assert machine.versions()["recbole"] == "1.2.1"
    monkeypatch.setenv("PATH", "")
    assert machine.commit() is None  # no git


def test_only_changed_code_makes_a_commit_dirty(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *arguments],
            cwd=tmp_path, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    assert machine.commit(tmp_path) is None  # no checkout
    git("init")
    assert machine.commit(tmp_path) is None  # no commit
    for name in ("recbole_poem/model.py", "results/plan.yaml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1")
    git("add", ".")
    git("commit", "-m", "Begin")
    commit = machine.commit(tmp_path)
    assert commit is not None and re.fullmatch("[0-9a-f]{12,}", commit)
    (tmp_path / "results/plan.yaml").write_text("2")
    assert machine.commit(tmp_path) == commit
    (tmp_path / "recbole_poem/model.py").write_text("2")
    assert machine.commit(tmp_path) == f"{commit}-dirty"
    git("checkout", "recbole_poem")
    (tmp_path / "recbole_poem/new.py").write_text("1")
    assert machine.commit(tmp_path) == f"{commit}-dirty"


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

"""``make`` on a machine whose Python is too new: a sentence and ways out, or uv."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict

import pytest

ROOT = Path(__file__).parents[1]
TOO_NEW = """#!/bin/sh
[ "$1" = --version ] && echo "Python 3.12.4" && exit 0
exit 1
"""
#: makes an "environment" whose Python fits and notes what it is asked to do
UV = """#!/bin/sh
echo "uv $*" >> asked
for last; do :; done
mkdir -p "$last/bin"
printf '#!/bin/sh\\necho "python $*" >> asked\\n' > "$last/bin/python"
chmod +x "$last/bin/python"
"""


def make(folder: Path, programs: Dict[str, str], *arguments: str) -> "subprocess.CompletedProcess":
    """Run make in `folder`, where some programs come before the machine's own."""
    for name in ("Makefile", "setup.cfg", "setup.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    tools = folder / "bin"
    tools.mkdir()
    for name in ("make", "sh", "rm", "mkdir", "head", "touch", "echo", "printf", "chmod"):
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    for name, text in programs.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
@pytest.mark.parametrize("arguments", [("run",), ("test", "PYTHON=python3")])
def test_a_python_that_is_too_new_is_named_with_three_ways_out(
    tmp_path: Path, arguments: "tuple[str, ...]"
) -> None:
    done = make(tmp_path, {"python3": TOO_NEW}, *arguments)
    sentences = [line for line in done.stderr.split("\n") if "recbole_poem needs" in line]
    assert done.returncode == 2 and len(sentences) == 1
    assert "needs Python 3.11" in sentences[0] and "says 'Python 3.12.4'" in sentences[0]
    for way in ("pip install uv", "pyenv install 3.11", "docker run"):
        assert way in sentences[0]
    assert not (tmp_path / ".venv").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_uv_brings_a_python_where_there_is_one(tmp_path: Path) -> None:
    done = make(tmp_path, {"python3": TOO_NEW, "uv": UV}, "run")
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().split("\n")
    assert asked[0] == "uv venv --seed --python 3.11 .venv"
    assert asked[1] == "python -m pip install -c constraints.txt --editable .[test]"
    assert asked[2].startswith("python run_recbole_poem.py --model=POEM")


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_help_names_every_command_and_ends_before_the_rules() -> None:
    # as from a shell, even where make itself runs the tests
    outside = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    words = subprocess.run(
        ["make", "help"], cwd=ROOT, env=outside, capture_output=True, text=True
    ).stdout
    rules = (ROOT / "Makefile").read_text().split(".PHONY: ")[1].split("\n")[0].split()
    said = [line.split()[1] for line in words.splitlines() if line.startswith("make ")]
    assert sorted(said) == sorted(rules)
    assert words.splitlines()[-1].startswith("PYTHON names another Python")

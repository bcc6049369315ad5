"""The stack: one table of bounds, and one sentence for each that is broken."""

import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recbole_poem.cli import doctor
from recbole_poem.core import stack

SETUP = Path(__file__).parents[2] / "setup.cfg"


def test_bounds_are_those_of_setup_cfg() -> None:
    parser = configparser.ConfigParser()
    parser.read(SETUP)
    lines = [line for line in parser["options"]["install_requires"].splitlines() if line.strip()]
    declared = {}
    for line in lines:
        if not line.startswith("#"):
            package, bounds = re.match(r"^([\w-]+)\s*(.*)$", line).groups()
            declared[package] = bounds
    assert declared == {package: bounds for package, (bounds, _) in stack.BOUNDS.items()}
    assert parser["options"]["python_requires"] == stack.PYTHON


def test_extras_are_those_of_setup_cfg() -> None:
    parser = configparser.ConfigParser()
    parser.read(SETUP)
    for extra, (own, others) in stack.EXTRAS.items():
        lines = parser["options.extras_require"][extra].splitlines()
        lines = [line.partition(";")[0].strip() for line in lines if line.strip()]
        within = {f"recbole_poem[{one}]" for one in others}
        declared = dict(re.match(r"^([\w-]+)\s*(.*)$", line).groups()
                        for line in lines if line not in within)  # fmt: skip
        assert declared == own, extra
        assert within <= set(lines), extra
    named = set(parser["options.extras_require"]) - {"test", "release"}
    assert named == set(stack.EXTRAS)


def test_an_extra_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"hyperopt": "0.2.7", "pyarrow": None}
    monkeypatch.setattr(stack, "installed", lambda package: versions.get(package, "1.9"))
    words = "not installed (hyperopt 0.2.7, needs ==0.2.5; pyarrow is missing): "
    assert stack.extra_words("tune") == words + "pip install 'recbole_poem[tune]'"
    assert stack.extra_words("index") == "installed"


def test_every_bound_of_setup_cfg_has_its_reason() -> None:
    lines = SETUP.read_text().split("install_requires =")[1].split("[options.extras")[0]
    lines = [line.strip() for line in lines.splitlines() if line.strip()]
    for before, line in zip(lines, lines[1:]):
        if not line.startswith("#"):
            assert before.startswith("#"), f"{line} has no comment above it"


def test_constraints_lie_within_the_bounds() -> None:
    pinned = dict(
        line.split("==")
        for line in (SETUP.parent / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    for package, (bounds, reason) in stack.BOUNDS.items():
        assert stack.Finding(package, bounds, pinned[package], reason).fits, package


def test_all_is_well_here() -> None:
    assert stack.problems() == []


@pytest.mark.parametrize(
    ("package", "version", "words"),
    [
        ("numpy", "2.1.0", "numpy 2.1.0 is installed, but .* pip install 'numpy>=1.23,<2'"),
        ("dgl", "2.1.0", "dgl 2.1.0 is installed, but .* pip install 'dgl==1.1.3'"),
        ("packaging", None, "packaging is not installed, but .* pip install 'packaging'"),
        ("setuptools", "82.0.0", "setuptools 82.0.0 .* pkg_resources"),
    ],
)
def test_a_wrong_version_is_one_sentence_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str, version: Any, words: str
) -> None:
    installed = stack.installed
    monkeypatch.setattr(
        stack, "installed", lambda name: version if name == package else installed(name)
    )
    with pytest.raises(stack.StackError, match=words) as caught:
        stack.require()
    assert "\n" not in str(caught.value)


def test_a_python_that_is_not_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ((3, 10, 13), (3, 12, 1)):
        monkeypatch.setattr(sys, "version_info", version)
        (sentence,) = stack.problems()
        assert "is running, but recbole_poem needs Python >=3.11,<3.12" in sentence


def test_the_doctor_reports_a_broken_stack(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(stack.BOUNDS, "torch", ("<2", "a reason"))
    assert doctor.report() == 1
    printed = capsys.readouterr().out
    assert "<-- wrong" in printed
    assert "pip install 'torch<2'" in printed


def test_the_doctor_reports_what_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fails() -> str:
        raise OSError("no such\nlibrary")

    monkeypatch.setattr(doctor, "CHECKS", [("a check", fails), ("another", lambda: "works")])
    assert doctor.report() == 1
    printed = capsys.readouterr().out
    assert "FAILS: OSError: no such library" in printed
    assert re.search(r"another\s+works", printed)


def test_importing_the_package_is_cheap() -> None:
    """Nothing heavy is loaded before a public name is used, so that the doctor can always run."""
    script = "import sys, recbole_poem; assert not {'torch', 'recbole', 'dgl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)

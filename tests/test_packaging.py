"""What an installation without ``-e`` gets."""

import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Set

ROOT = Path(__file__).parents[1]


def files(folder: Path, pattern: str = "*") -> Set[str]:
    """Return the paths of the files below a folder that fit a pattern."""
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_every_module_and_all_properties_are_installed_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(build, cwd=ROOT, check=True)
    modules = files(ROOT / "recbole_poem", "*.py")
    properties = {f"properties/{name}" for name in files(ROOT / "properties")}
    assert "benchmark/report/charts.py" in modules and "properties/preset/paper.yaml" in properties
    built = files(tmp_path / "built" / "recbole_poem")
    assert built == modules | properties | {"py.typed"}
    assert [path.name for path in (tmp_path / "built").iterdir()] == ["recbole_poem"]


def test_no_requirement_stands_twice() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = setup["options.extras_require"].values()
    lines = [line for content in extras for line in content.split("\n")]
    lines += setup["options"]["install_requires"].split("\n")
    names = [re.split(r"[ <>=;]", line)[0] for line in lines if line and not line.startswith("#")]
    required = [name for name in names if not name.startswith("recbole_poem[")]
    assert {"torch", "pyarrow", "redis", "pytest"} <= set(required)
    assert sorted(required) == sorted(set(required))


def test_the_citation_and_the_manifest_name_what_is_there() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert f"\nversion: {setup['metadata']['version']}\n" in citation
    assert f"\nlicense: {setup['metadata']['license']}\n" in citation
    for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines():
        verb, *names = line.split()
        if verb in ("include", "graft", "prune"):
            assert all((ROOT / name).exists() for name in names), line

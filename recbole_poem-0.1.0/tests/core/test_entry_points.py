"""Components of an installed package: found by its entry points, and named where it is broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = '''
"""A re-ranker from outside."""
from dataclasses import dataclass

from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import RERANKERS


@RERANKERS.register("upside_down")
class UpsideDown:
    """The worst item first."""

    @dataclass(frozen=True)
    class Settings:
        depth: int = setting(7, at_least(2), "items that are turned around")

    def __init__(self, settings):
        self.settings = settings
'''

CHOOSE = """
import sys
import recbole.model.sequential_recommender as models
from recbole_poem.cli.train import parse
from recbole_poem.core.stages import RERANKERS
from recbole_poem.training.config import Config

class SASRec(models.SASRec):
    stages = (RERANKERS,)

config = Config(SASRec, "ml-100k", config_dict=parse(sys.argv[1:])[1])
made = config.component("rerankers.upside_down").make()
print(type(made).__module__, made.settings.depth, config["rerankers"])
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder of installed packages: one, of one module."""
    site = tmp_path / "site"
    info = site / "toy_rerankers-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-rerankers\nVersion: 1.2\n")
    points = "[recbole_poem.components]\nturned = toy_rerankers_of_ours\n"
    (info / "entry_points.txt").write_text(points)
    (site / "toy_rerankers_of_ours.py").write_text(MODULE)
    return site


def run(site: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([str(site), root])
    return subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_a_component_from_outside_is_chosen_by_its_key(site: Path) -> None:
    done = run(site, "-c", CHOOSE, "--rerankers=upside_down", "--rerankers.upside_down.depth=3")
    assert done.stdout == "toy_rerankers_of_ours 3 {'upside_down': {'depth': 3}}\n", done.stderr


def test_its_settings_have_ranges(site: Path) -> None:
    done = run(site, "-c", CHOOSE, "--rerankers={upside_down: {depth: 1}}")
    words = "rerankers.upside_down.depth: expected a whole number from 2, not 1"
    assert done.stderr.splitlines()[-1].endswith(words)


LISTED = """
from recbole_poem.cli.verbs import main
from recbole_poem.core import stages
stages.STAGES = {"rerankers": stages.RERANKERS}
main(["components", "rerankers"])
"""


def test_it_is_listed_with_its_package(site: Path) -> None:
    done = run(site, "-c", LISTED)
    words = "The worst item first. (toy_rerankers_of_ours, package toy-rerankers 1.2)"
    assert words in done.stdout, done.stderr
    assert "depth    7        a whole number from 2  items that are turned around" in done.stdout


READ = """
import sys
from recbole_poem.cli.command import exit_status
from recbole_poem.core.stages import RERANKERS

sys.exit(exit_status(lambda: len(RERANKERS.components())))
"""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No module named 'toy_rerankers_of_ours'"),
        ("import a_package_that_is_nowhere", "No module named 'a_package_that_is_nowhere'"),
        ("raise RuntimeError", "RuntimeError"),
        (f"{MODULE}\nUpsideDown.__module__ = 'another'\nRERANKERS.register('upside_down')(type("
         "'Other', (), {}))", "rerankers: "),
    ],
)  # fmt: skip
def test_a_broken_package_is_named(site: Path, content: "str | None", words: str) -> None:
    module = site / "toy_rerankers_of_ours.py"
    if content is None:
        module.unlink()
    else:
        module.write_text(content)
    done = run(site, "-c", READ)
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "recbole_poem: the package 'toy-rerankers 1.2' registers the components of "
        f"toy_rerankers_of_ours, which cannot be imported; repair or uninstall it: {words}"
    )
    assert done.returncode == 2

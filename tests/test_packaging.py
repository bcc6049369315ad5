"""What an installation without ``-e`` gets."""

import configparser
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_is_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    there = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in (ROOT / "recbole_poem").rglob("__init__.py")
    }
    assert listed == there | {"recbole_poem.properties"}

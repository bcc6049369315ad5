"""A data set that a plan asks of a world: written once, and never taken for another one."""

from pathlib import Path
from typing import Any, Dict

import pytest
from toy_world import SMALL

from recbole_poem.core.errors import InputError
from recbole_poem.world.asked import ensure_world
from recbole_poem.world.duel import read_world

ASKED: Dict[str, Any] = {"dials": SMALL, "requests": 3}


def test_a_data_set_is_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "little"
    assert ensure_world(folder, ASKED, show_progress=False)
    world, requests = read_world(folder)
    assert (world.n_users, world.n_items, requests) == (40, 60, 3)
    before = (folder / "little.inter").stat().st_mtime_ns
    assert not ensure_world(folder, ASKED, show_progress=False)
    assert (folder / "little.inter").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "changed",
    [{"requests": 4}, {"dials": {**SMALL, "people.users": 41}}],
)
def test_the_data_set_of_another_world_is_refused(tmp_path: Path, changed: Dict[str, Any]) -> None:
    ensure_world(tmp_path / "little", ASKED, show_progress=False)
    with pytest.raises(InputError, match="little holds the data set of another world than"):
        ensure_world(tmp_path / "little", {**ASKED, **changed}, show_progress=False)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"requests": 1}, "worlds: little: requests: expected a whole number from 2, not 1"),
        ({"dials": {"people.user": 3}}, "worlds: little: dials: people.user: there is no such"),
    ],
)
def test_what_a_world_cannot_be(tmp_path: Path, asked: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ensure_world(tmp_path / "little", asked)
    assert not (tmp_path / "little").exists()

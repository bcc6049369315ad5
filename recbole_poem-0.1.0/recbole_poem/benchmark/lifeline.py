"""Runs that end with the benchmark that started them, however that one ends.

The standard input of a run is a pipe whose other end `recbole_poem.benchmark.runner` holds and
never writes to; the system closes it when the runner is gone, even by SIGKILL.
"""

import os
import signal
import stat
import threading


def end_with_runner() -> None:
    """Have this process, and what it has started, end when its runner does.

    One that was started by hand has no runner: it leads no session, or reads from no pipe.
    """
    if os.getsid(0) == os.getpid() and stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_end_after_input, daemon=True).start()


def _end_after_input() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)

"""Processes of a run end with the one that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

SCRIPT = """
import os, time
from pathlib import Path
from recbole_poem.training.several_processes import run_on_several

def wait(keys):
    Path(f"{keys['local_rank']}.pid").write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)

if __name__ == "__main__":
    run_on_several(wait, {"nproc": 2})
"""


def test_processes_in_the_background_end_with_their_parent(tmp_path: Path) -> None:
    """A shell has SIGINT ignored in what it starts there; SIGTERM ends the parent alone."""
    Path(tmp_path, "waiting.py").write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, "waiting.py"],
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    files = [Path(tmp_path, f"{rank}.pid") for rank in range(2)]
    try:
        wait_until(lambda: all(file.exists() and file.read_text() for file in files))
        children = [psutil.Process(int(file.read_text())) for file in files]
        for child in children:
            child.send_signal(signal.SIGINT)
        gone, _ = psutil.wait_procs(children, timeout=1)
        assert not gone, "Ctrl-C is not meant for them"
        parent.terminate()
        parent.wait()
        _, alive = psutil.wait_procs(children, timeout=30)
        for child in alive:
            child.kill()
        assert not alive
    finally:
        parent.kill()
        parent.wait()


def wait_until(condition) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)

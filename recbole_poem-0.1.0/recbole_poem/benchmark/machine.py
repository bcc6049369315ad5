"""What a result belongs to: the machine, the versions, the commit, and the memory it took."""

import os
import platform
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Optional

from recbole_poem.core.stack import BOUNDS, installed

#: Of the plugin; installed without its sources it is no git checkout.
_CHECKOUT = Path(__file__).resolve().parents[2]

#: What decides over a run, relative to the checkout.
_CODE = ("recbole_poem", "properties")


def describe() -> Dict[str, Any]:
    """Describe the machine."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        name = next((value.strip() for key, _, value in lines if "model name" in key), name)
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions() -> Dict[str, Optional[str]]:
    """Return the versions of the plugin and of what it stands on; None where pip knows none."""
    return {package: installed(package) for package in ["recbole_poem", *BOUNDS]}


def commit(folder: Path = _CHECKOUT) -> Optional[str]:
    """Return the commit of the checkout that the plugin runs from; None without one or git.

    It ends in ``-dirty`` where the code or its defaults are not those of the commit; recording
    into the checkout does not make it so.
    """
    if not (folder / ".git").exists() or shutil.which("git") is None:
        return None
    name = _git(folder, "describe", "--always", "--abbrev=12")
    changed = _git(folder, "status", "--porcelain", "--", *_CODE)
    return f"{name}-dirty" if name and changed else name or None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.stdout.strip()


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    for key, _, value in (line.partition(":") for line in lines):
        if key == "VmHWM":  # getrusage would count what the process was before it became Python
            return int(value.split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

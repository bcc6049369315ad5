"""The memory that a process may still take, and sizes in words."""

from pathlib import Path
from typing import Sequence

import psutil

#: where a control group (a container, a batch job) says its limit: version 2, version 1
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def free_memory(limits: Sequence[Path] = _LIMITS) -> int:
    """Return the bytes that this process may still take.

    That is what the machine has available, and no more than what the limit of its control group
    leaves beside what this process has.

    Parameters
    ----------
    limits : sequence of Path
        Files that may say a limit; those that are not there, or hold no number, say none.
    """
    free = int(psutil.virtual_memory().available)
    own = int(psutil.Process().memory_info().rss)
    words = [path.read_text().strip() for path in limits if path.is_file()]
    return min([free, *(max(int(word) - own, 0) for word in words if word.isdigit())])


def gib(n_bytes: float) -> str:
    """Return a size in GiB: ``0.5 GiB``, ``1,250 GiB``."""
    size = n_bytes / 2**30
    return f"{size:,.0f} GiB" if size >= 10 else f"{size:.1f} GiB"

"""A new checkpoint in the place of the old one takes over, while requests go on being answered."""

import threading
from logging import getLogger
from pathlib import Path
from typing import Callable, Tuple

from recbole_poem.core.errors import InputError

#: what tells a file from one that was in its place before
Look = Tuple[int, int, int]


class Watcher:
    """Looks at a file now and then, in a thread of its own.

    Parameters
    ----------
    path : Path
        Whose writer replaces it as a whole, as training does.
    seen : Look
        From `look`, before the file was read: one that came since is taken, too.
    take : function
        Called when the file is another one; what it raises is logged, an `InputError` as a
        sentence, and the watch goes on.
    tell : function
        Called with whether it was taken.
    seconds : float
        Between two looks.
    """

    def __init__(
        self,
        path: Path,
        seen: Look,
        take: Callable[[], None],
        tell: Callable[[bool], None],
        seconds: float = 1.0,
    ) -> None:
        self._path, self._take, self._tell, self._seconds = path, take, tell, seconds
        self._seen = seen
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds):
            seen = look(self._path)
            if seen in (self._seen, _MISSING):
                continue
            self._seen = seen  # a bad one is not tried again until it changes
            try:
                self._take()
            except InputError as error:
                getLogger().error(f"the new checkpoint is not taken: {error}")
                self._tell(False)
            except Exception:  # a defect, told with its traceback; the next file gets its chance
                getLogger().exception("the new checkpoint is not taken")
                self._tell(False)
            else:
                getLogger().info(f"{self._path} answers from now on")
                self._tell(True)


_MISSING: Look = (0, 0, 0)


def look(path: Path) -> Look:
    """Return what tells the file at a path from others."""
    try:
        found = path.stat()
    except OSError:
        return _MISSING  # being replaced, or taken away: the one in memory stays
    return found.st_mtime_ns, found.st_ino, found.st_size

"""What has started and not ended, on disk: the one trace a killed process leaves of a trial."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file
from recbole_poem.training.search_space import canonical


class Starts:
    """How often each trial has started without an end.

    Parameters
    ----------
    path : Path
        The file, which is there while a count is not 0: a number for each configuration.

    Raises
    ------
    InputError
        If the file holds something else.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._counts: Dict[str, int] = {}
        if path.exists():
            try:
                self._counts = {key: int(n) for key, n in json.loads(path.read_bytes()).items()}
            except (ValueError, TypeError, AttributeError) as error:
                raise InputError(f"output: {path} is damaged; delete it") from error

    def begin(self, params: Dict[str, Any]) -> None:
        """Note that a trial starts.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        key = canonical(params)
        self._counts[key] = self._counts.get(key, 0) + 1
        self._write()

    def end(self, params: Dict[str, Any]) -> None:
        """Take the last start back: the trial is over, or was interrupted.

        Where that cannot be written, nothing is raised that would hide what ended the trial.
        """
        key = canonical(params)
        left = self._counts.pop(key, 0) - 1
        if left > 0:
            self._counts[key] = left
        with suppress(OSError):
            self._write()

    def without_end(self, times: int) -> List[Dict[str, Any]]:
        """Return the configurations that have started so often without an end."""
        return [json.loads(key) for key, count in self._counts.items() if count >= times]

    def _write(self) -> None:
        if not self._counts:  # which takes no room on a full disk
            self.path.unlink(missing_ok=True)
            return
        with whole_file(self.path) as file:
            file.write(json.dumps(self._counts, indent=1).encode())

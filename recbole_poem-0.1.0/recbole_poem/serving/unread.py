"""What requests bring and a model does not read: told once, for it changes nothing."""

from logging import getLogger
from typing import Dict, Set


class Unread:
    """Tells of each kind of thing that comes in vain.

    Parameters
    ----------
    model : str
        Its name.
    reads : dict
        Whether it reads ``rankings``, ``times`` and ``item_times``.
    """

    def __init__(self, model: str, reads: Dict[str, bool]) -> None:
        self._model, self._reads = model, reads
        self._told: Set[str] = set()

    def tell(self, **comes: bool) -> None:
        """Warn of what comes and is not read, each kind once."""
        for name, there in comes.items():
            if there and not self._reads[name] and name not in self._told:
                self._told.add(name)
                getLogger().warning(f"{name}: {self._model} reads none, so they change nothing")

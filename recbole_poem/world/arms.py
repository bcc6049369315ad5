"""The arms of a test, by their names on a command line: words, or files of checkpoints.

An arm is made in the process where its block of users lives, so it holds names and no model.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Dict, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.serving.recommender import Recommender
from recbole_poem.world.ab import Arm
from recbole_poem.world.best_retrieval import BestRetrieval
from recbole_poem.world.checkpoint_retrieval import CheckpointRetrieval
from recbole_poem.world.retrieval import Beside, Everything, Retrieval
from recbole_poem.world.world import World

_LOADING = Lock()


def own(world: World) -> Retrieval:
    """Return the platform's own sources, alone."""
    return world.sources()


def everything(world: World) -> Retrieval:
    """Return all videos."""
    return Everything(world.n_items)


def best(world: World) -> Retrieval:
    """Return the fair ceiling."""
    return BestRetrieval(world)


WORDS: Dict[str, Arm] = {"own": own, "everything": everything, "best": best}


@dataclass(frozen=True)
class OfCheckpoint:
    """A trained model, alone or beside the platform's own sources.

    Attributes
    ----------
    path : str
        Of its file.
    data_path : str
        Folder that holds the folder of its data set.
    n_candidates : int
        R, from 1.
    alone : bool
    """

    path: str
    data_path: str
    n_candidates: int
    alone: bool

    def __call__(self, world: World) -> Retrieval:
        """Return the retrieval.

        Raises
        ------
        InputError
            If the checkpoint cannot answer, or reads what this world does not have.
        """
        with _LOADING:  # once in a process, however many threads ask
            recommender, turn = _loaded(self.path, self.data_path)
        found = CheckpointRetrieval(recommender, world, self.n_candidates, turn)
        return found if self.alone else Beside(found, world.sources())


@lru_cache(maxsize=4)
def _loaded(path: str, data_path: str) -> Tuple[Recommender, Lock]:
    """Return a recommender, and the lock of whoever asks it: it answers one thread at a time."""
    return Recommender.load(path, {"data_path": data_path}), Lock()


def arm_of(name: str, data: Path, n_candidates: int, alone: bool) -> Arm:
    """Return the arm of a name.

    Parameters
    ----------
    name : str
        One of `WORDS`, whose retrieval always stands alone; or a checkpoint's path.
    data : Path
        Folder of the data set.
    n_candidates : int
        That a checkpoint is asked for.
    alone : bool
        Whether a checkpoint's candidates are the only ones.

    Raises
    ------
    InputError
        If it is neither.
    """
    if name in WORDS:
        return WORDS[name]
    if not Path(name).is_file():
        raise InputError(
            f"'{name}' is neither the file of a checkpoint nor one of the arms {', '.join(WORDS)}"
        )
    path, data_path = Path(name).resolve(), data.resolve().parent
    return OfCheckpoint(str(path), str(data_path), n_candidates, alone)

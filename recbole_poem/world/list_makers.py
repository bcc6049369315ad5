"""Who makes the lists of a cascade, by what a file calls it; see `recbole_poem.world.makers`."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Callable, Mapping, Tuple

import numpy as np
from recbole.data.dataset import Dataset

from recbole_poem.core import recbole_warnings
from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.stage import NONE, Choice
from recbole_poem.core.stages import RERANKERS
from recbole_poem.rerankers.chain import Chain
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.world.cascade import Lists
from recbole_poem.world.dataset import item_tokens
from recbole_poem.world.lists import BestByScore, WorldLists
from recbole_poem.world.reranked_lists import RerankedLists, no_states
from recbole_poem.world.retrieval import Retrieval
from recbole_poem.world.retrieval_states import RetrievalStates
from recbole_poem.world.world import World

#: makes the lists of a world; it is given the retrieval, which may have user states
ListMaker = Callable[[World, Retrieval], Lists]

#: the word for the world's own re-ranker, which its dials describe
WORLD = "world"
#: a model that reads the log alone: what a re-ranker knows, it knows of the data set
_READER = {"ranking_reader": "none", "losses": "feedback", "row_features": "none"}
_READING = Lock()  # once in a process, however many threads ask


def of_world(world: World, retrieval: Retrieval) -> Lists:
    """Return the world's own lists."""
    return WorldLists(world)


def best_by_score(world: World, retrieval: Retrieval) -> Lists:
    """Return lists without a re-ranker."""
    return BestByScore(world.settings.list.shown)


@dataclass(frozen=True)
class ListsOf:
    """Re-rankers of the stage ``rerankers``, one behind the other.

    Attributes
    ----------
    choices : mapping of name to Choice
    data : str
        Folder of the world's data set, whose log and categories they know.
    where : str
        Where they stand, for the words of errors.
    """

    choices: Mapping[str, Choice]
    data: str
    where: str

    def __call__(self, world: World, retrieval: Retrieval) -> Lists:
        """Return the lists.

        Raises
        ------
        InputError
            If a re-ranker lacks what it goes by, or the data set is of another world.
        """
        with _READING:
            config, dataset = _read(self.data)
        ids = _ids(dataset, world, self.data)
        made = {name: choice.make(config, dataset) for name, choice in self.choices.items()}
        readers = [name for name, each in made.items() if each.reads_states]
        states = no_states
        if readers:
            try:
                states = RetrievalStates(retrieval, ids)
            except InputError as error:
                raise InputError(
                    f"{self.where}.{readers[0]}: it reads user states; {error}; leave it out, or "
                    "give a checkpoint of POEM as the retrieval"
                ) from error
        return RerankedLists(Chain(list(made.values())), ids, world.settings.list.shown, states)


def lists_of(value: Any, data: str, where: str) -> ListMaker:
    """Return the maker of lists.

    Parameters
    ----------
    value : str, list or mapping
        `WORLD`; ``none``, the best by score; or what the key ``rerankers`` takes.
    data, where
        See `ListsOf`.

    Raises
    ------
    InputError
        If it is none of these, or a setting is out of its range.
    """
    if value == WORLD:
        return of_world
    words = [WORLD, NONE, *RERANKERS.components()]
    if isinstance(value, str) and value not in words:
        raise InputError(f"{where}: there is no '{value}'{nearest(value, words)}")
    choices = RERANKERS.choose(value, where)
    return ListsOf(choices, data, where) if choices else best_by_score


@lru_cache(maxsize=2)
@recbole_warnings.ignored()
def _read(data: str) -> Tuple[Config, Dataset]:
    """Return the data set of a world as a model reads it, and its keys."""
    folder = Path(data)
    keys = {**_READER, "data_path": str(folder.parent), "use_gpu": False, "state": "ERROR"}
    config = Config("POEM", folder.name, config_dict=keys)
    return config, create_dataset(config).build()[0]


def _ids(dataset: Dataset, world: World, data: str) -> np.ndarray:
    """Return the id of each video in a data set, (I,)."""
    known = dataset.field2token_id[dataset.iid_field]
    missing = [token for token in item_tokens(world.n_items) if token not in known]
    if missing:
        raise InputError(f"{data}: it has no video '{missing[0]}', so it is of another world")
    return np.array([known[token] for token in item_tokens(world.n_items)], dtype=np.int64)

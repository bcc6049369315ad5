"""Who makes the parts of a cascade, by what a command line or a file calls them.

A part is made in the process where its block of users lives, so its maker holds names and no model.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Callable, Dict, Mapping, Tuple

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.settings import FROM_0
from recbole_poem.core.stages import SCORE_FUSIONS
from recbole_poem.fusion.learned import learns
from recbole_poem.serving.fusing import ServedFusion
from recbole_poem.serving.loading import Loaded, open_part
from recbole_poem.serving.recommender import Recommender
from recbole_poem.world.best_retrieval import BestRetrieval
from recbole_poem.world.cascade import Fused, Mean, Order, Ranker, WorldRanker
from recbole_poem.world.checkpoint_ranker import CheckpointRanker
from recbole_poem.world.checkpoint_retrieval import CheckpointRetrieval
from recbole_poem.world.learned_order import LearnedOrder
from recbole_poem.world.nominator import Nominator, NominatorSettings
from recbole_poem.world.retrieval import Beside, Everything, Retrieval
from recbole_poem.world.synchronised import SynchronisedNominator
from recbole_poem.world.world import World

#: makes the retrieval of a world; it is told whose scores it may read
RetrievalMaker = Callable[[World, Ranker], Retrieval]
RankerMaker = Callable[[World], Ranker]
#: makes the order of a world; it is told whose scores it orders by
OrderMaker = Callable[[World, Ranker], Order]

#: the word for the world's own ranker, and that for the mean of the scores
WORLD, MEAN = "world", "mean"
_LOADING = Lock()  # once in a process, however many threads ask


def own(world: World, ranker: Ranker) -> Retrieval:
    """Return the platform's own sources, alone."""
    return world.sources()


def everything(world: World, ranker: Ranker) -> Retrieval:
    """Return all videos."""
    return Everything(world.n_items)


def best(world: World, ranker: Ranker) -> Retrieval:
    """Return the fair ceiling."""
    return BestRetrieval(world)


def nominator(world: World, ranker: Ranker) -> Retrieval:
    """Return a nominator that the ranker corrects, beside the platform's own sources."""
    return Beside(SynchronisedNominator(world, NominatorSettings()), world.sources())


def naive_nominator(world: World, ranker: Ranker) -> Retrieval:
    """Return a nominator that learns from users alone, beside the platform's own sources."""
    return Beside(Nominator(world, NominatorSettings()), world.sources())


def mean(world: World, ranker: Ranker) -> Order:
    """Return the platform's own order."""
    return Mean()


RETRIEVALS: Dict[str, RetrievalMaker] = {
    "own": own,
    "everything": everything,
    "best": best,
    "nominator": nominator,
    "naive_nominator": naive_nominator,
}


@dataclass(frozen=True)
class OfCheckpoint:
    """A trained model as a retrieval, alone or beside the platform's own sources.

    Attributes
    ----------
    path : str
        Of its file.
    data : str
        Folder of the world's data set, by which it was trained.
    n_candidates : int
        R, from 1.
    alone : bool
    """

    path: str
    data: str
    n_candidates: int
    alone: bool

    def __call__(self, world: World, ranker: Ranker) -> Retrieval:
        """Return the retrieval.

        Raises
        ------
        InputError
            If the checkpoint cannot answer, or reads what this world does not have.
        """
        with _LOADING:
            recommender, turn = _recommender(self.path, self.data)
        found = CheckpointRetrieval(recommender, world, ranker, self.n_candidates, turn)
        return found if self.alone else Beside(found, world.sources())


@dataclass(frozen=True)
class RankerOf:
    """A trained ranker; see `OfCheckpoint`."""

    path: str
    data: str

    def __call__(self, world: World) -> Ranker:
        """Return the ranker.

        Raises
        ------
        InputError
            If the checkpoint is none, or of another world.
        """
        return CheckpointRanker(_part(self.path, self.data), world)


@dataclass(frozen=True)
class OrderOf:
    """A score fusion that a checkpoint learned; see `OfCheckpoint`."""

    path: str
    data: str

    def __call__(self, world: World, ranker: Ranker) -> Order:
        """Return the order.

        Raises
        ------
        InputError
            If the checkpoint has none, or reads scores that are not given, or another ranker's.
        """
        fusion = ServedFusion(_part(self.path, self.data))
        return LearnedOrder(fusion, world, ranker)


@dataclass(frozen=True)
class OrderBy:
    """A score fusion that is not learned.

    Attributes
    ----------
    block : mapping
        As of the key ``score_fusion``, whose ``weights`` may be a mapping from scores to numbers;
        scores that it does not name count 0.
    where : str
        Where the block stands, for the words of errors.
    """

    block: Mapping[str, Any]
    where: str

    def __call__(self, world: World, ranker: Ranker) -> Order:
        """Return the order.

        Raises
        ------
        InputError
            For a component or setting that there is not, one that has to be learned, and weights of
            scores that are not given.
        """
        objectives = ranker.objectives
        block, weights = dict(self.block), self.block.get("weights")
        if isinstance(weights, Mapping):
            for name, weight in weights.items():
                if name not in objectives:
                    raise InputError(
                        f"{self.where}.weights: the ranker gives no score '{name}'"
                        f"{nearest(name, objectives)}"
                    )
                if not FROM_0.holds(weight):
                    raise InputError(
                        f"{self.where}.weights.{name}: expected {FROM_0.words}, not {weight!r}"
                    )
            block["weights"] = [weights.get(name, 0) for name in objectives]
        choice = SCORE_FUSIONS.choose(block, self.where)
        if learns(choice.component):
            raise InputError(
                f"{self.where}: {choice.name} has to be learned; give the checkpoint of a model "
                "that learned it, such as of --model=Upstream"
            )
        return Fused(choice.component.of_cache(choice.settings, len(objectives)))


def retrieval_of(
    name: str, data: str, n_candidates: int, alone: bool, where: str
) -> RetrievalMaker:
    """Return the maker of a retrieval.

    Parameters
    ----------
    name : str
        One of `RETRIEVALS`, or the file of a checkpoint.
    data, n_candidates, alone
        See `OfCheckpoint`.
    where : str
        What names it, for the beginning of an error.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(name, str) and name in RETRIEVALS:
        return RETRIEVALS[name]
    return OfCheckpoint(_file(name, RETRIEVALS, where), data, n_candidates, alone)


def ranker_of(name: str, data: str, where: str) -> RankerMaker:
    """Return the maker of a ranker: `WORLD`, or the file of a checkpoint; see `retrieval_of`."""
    return WorldRanker if name == WORLD else RankerOf(_file(name, [WORLD], where), data)


def order_of(value: Any, data: str, where: str) -> OrderMaker:
    """Return the maker of an order.

    Parameters
    ----------
    value : str or mapping
        `MEAN`, a block of the stage ``score_fusion`` or a component's name, or the file of a
        checkpoint.
    data, where
        See `retrieval_of`.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if value == MEAN:
        return mean
    if isinstance(value, str) and value not in SCORE_FUSIONS.components():
        words = [MEAN, *SCORE_FUSIONS.components()]
        return OrderOf(_file(value, words, where), data)
    return OrderBy(SCORE_FUSIONS.blocks(value, where), where)


def _file(name: Any, words: Any, where: str) -> str:
    """Return the path of a checkpoint's file, from the root."""
    if isinstance(name, Mapping):
        raise InputError(
            f"{where}: the keys of a training name a model, such as {{model: POEM, epochs: 8}}, "
            f"and 'model' is not among {', '.join(map(str, name))}"
        )
    if not isinstance(name, str) or not Path(name).is_file():
        raise InputError(
            f"{where}: '{name}' is neither the file of a checkpoint nor one of {', '.join(words)}"
        )
    return str(Path(name).resolve())


@lru_cache(maxsize=4)
def _recommender(path: str, data: str) -> Tuple[Recommender, Lock]:
    """Return a recommender, and the lock of whoever asks it: it answers one thread at a time."""
    recommender = Recommender.load(path, _beside(data))
    _check_of(recommender.config["dataset"], path, data)
    return recommender, Lock()


def _part(path: str, data: str) -> Loaded:
    """Return a checkpoint whose parts answer any number of threads at a time."""
    with _LOADING:
        return _opened(path, data)


@lru_cache(maxsize=8)
def _opened(path: str, data: str) -> Loaded:
    loaded = open_part(path, _beside(data))
    _check_of(loaded.config["dataset"], path, data)
    return loaded


def _beside(data: str) -> Dict[str, str]:
    """Return the keys by which a checkpoint finds its data set."""
    return {"data_path": str(Path(data).parent)}


def _check_of(dataset: str, path: str, data: str) -> None:
    """Refuse what was trained in another world, whose people and videos have the same names."""
    if dataset != Path(data).name:
        raise InputError(
            f"{path}: it was trained on the data set '{dataset}', and the test is of "
            f"'{Path(data).name}'; train one on that, or name the other folder with --data"
        )

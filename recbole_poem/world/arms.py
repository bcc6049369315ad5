"""The arms of a test, by their names on a command line.

A name is a word, the file of a checkpoint that is a retrieval, or a YAML file of a cascade::

    retrieval: own                                      # or another word, a checkpoint
    ranker: saved/MultiTaskRanker-....pth               # or world
    score_fusion: {name: reciprocal_rank, weights: {watch_time: 1}} # or mean, a checkpoint
    rerankers: {category_penalty: {penalty: 0.02}}      # or world, or none
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping

from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.errors import InputError, nearest
from recbole_poem.world.ab import Arm
from recbole_poem.world.cascade import Cascade, RankingStage, WorldRanker
from recbole_poem.world.list_makers import ListMaker, lists_of, of_world
from recbole_poem.world.makers import (
    MEAN,
    RETRIEVALS,
    WORLD,
    OrderMaker,
    RankerMaker,
    RetrievalMaker,
    mean,
    order_of,
    ranker_of,
    retrieval_of,
)
from recbole_poem.world.world import World

#: how the file of a cascade ends
SUFFIXES = (".yaml", ".yml")
#: the parts of a cascade, with what stands where a file does not name them; None = it has to
PARTS = {"retrieval": None, "ranker": WORLD, "score_fusion": MEAN, "rerankers": WORLD}


@dataclass(frozen=True)
class CascadeOf:
    """An arm by the makers of its parts; all but the retrieval is the world's own as a rule.

    Attributes
    ----------
    retrieval : RetrievalMaker
    ranker : RankerMaker
    order : OrderMaker
    lists : ListMaker
    """

    retrieval: RetrievalMaker
    ranker: RankerMaker = WorldRanker
    order: OrderMaker = mean
    lists: ListMaker = of_world

    def __call__(self, world: World) -> Cascade:
        """Make the arm.

        Raises
        ------
        InputError
            If a part cannot be made, or fits neither this world nor the other parts.
        """
        ranker = self.ranker(world)
        stage = RankingStage(ranker, self.order(world, ranker.objectives))
        retrieval = self.retrieval(world, ranker.objectives)
        return Cascade(retrieval, stage, self.lists(world, retrieval))


WORDS: Dict[str, Arm] = {name: CascadeOf(maker) for name, maker in RETRIEVALS.items()}


def arm_of(name: str, data: Path, n_candidates: int, alone: bool) -> Arm:
    """Return the arm of a name.

    Parameters
    ----------
    name : str
        One of `WORDS`, which `alone` does not reach; a checkpoint's path; or that of a file of a
        cascade, see the module. Paths in it begin where the command runs.
    data : Path
        Folder of the data set.
    n_candidates : int
        That a checkpoint is asked for.
    alone : bool
        Whether a checkpoint's candidates are the only ones.

    Raises
    ------
    InputError
        If it is none of these, or the file names what is no part of a cascade.
    """
    if not name.endswith(SUFFIXES):
        if name not in WORDS and not Path(name).is_file():
            raise InputError(
                f"'{name}' is neither the file of a checkpoint or cascade nor one of the arms "
                f"{', '.join(WORDS)}"
            )
        folder = str(data.resolve())
        return CascadeOf(retrieval_of(name, folder, n_candidates, alone, "arm"))
    return cascade_of(read_yaml(Path(name)), data, n_candidates, alone, name)


def cascade_of(
    given: Mapping[str, Any], data: Path, n_candidates: int, alone: bool, where: str
) -> CascadeOf:
    """Return the arm of what a file of a cascade holds; `where` names it, see `arm_of`.

    Raises
    ------
    InputError
        For what is no part of a cascade, and a part that there is not.
    """
    folder = str(data.resolve())
    for part in given:
        if part not in PARTS:
            raise InputError(f"{where}: '{part}' is no part of a cascade{nearest(part, PARTS)}")
    if "retrieval" not in given:
        raise InputError(f"{where}: retrieval is missing; name one, such as retrieval: own")
    retrieval, ranker, fusion, rerankers = ({**PARTS, **given}[part] for part in PARTS)
    return CascadeOf(
        retrieval_of(retrieval, folder, n_candidates, alone, f"{where}: retrieval"),
        ranker_of(ranker, folder, f"{where}: ranker"),
        order_of(fusion, folder, f"{where}: score_fusion"),
        lists_of(rerankers, folder, f"{where}: rerankers"),
    )

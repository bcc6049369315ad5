"""The arms of a test, by their names on a command line.

A name is a word, the file of a checkpoint that is a retrieval, a file of ``properties/cascade`` by
its name, or any YAML file of a cascade::

    retrieval: own                                      # or another word, a checkpoint
    ranker: saved/MultiTaskRanker-....pth               # or world
    score_fusion: {name: reciprocal_rank, weights: {watch_time: 1}} # or mean, a checkpoint
    rerankers: {category_penalty: {penalty: 0.02}}      # or world, or none

In the place of a checkpoint may stand the keys of its training, ``model`` among them; see
`recbole_poem.world.trainings`.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional

from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.errors import InputError, nearest
from recbole_poem.training.properties import PROPERTIES
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
from recbole_poem.world.trained_parts import TRAINED
from recbole_poem.world.trainings import Trained, Training, is_training
from recbole_poem.world.world import World

#: how the file of a cascade ends
SUFFIXES = (".yaml", ".yml")
#: what stands where a file does not name a part of a cascade; only the retrieval has to be there
USUAL = {"ranker": WORLD, "score_fusion": MEAN, "rerankers": WORLD}


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
        stage = RankingStage(ranker, self.order(world, ranker))
        retrieval = self.retrieval(world, ranker)
        return Cascade(retrieval, stage, self.lists(world, retrieval))


WORDS: Dict[str, Arm] = {name: CascadeOf(maker) for name, maker in RETRIEVALS.items()}


def presets() -> Dict[str, Path]:
    """Return the files of whole cascades that there are, by their words."""
    return {file.stem: file for file in sorted((PROPERTIES / "cascade").glob("*.yaml"))}


def file_of(name: str) -> Optional[Path]:
    """Return the file of the cascade that an arm's name means; None for another arm."""
    return Path(name) if name.endswith(SUFFIXES) else presets().get(name)


def arm_of(
    name: str, data: Path, n_candidates: int, alone: bool, checkpoint_dir: str = "saved"
) -> Arm:
    """Return the arm of a name.

    Parameters
    ----------
    name : str
        One of `WORDS`, which `alone` does not reach; one of `presets`; a checkpoint's path; or that
        of a file of a cascade, see the module. Paths in it begin where the command runs.
    data : Path
        Folder of the data set.
    n_candidates : int
        That a checkpoint is asked for.
    alone : bool
        Whether a checkpoint's candidates are the only ones.
    checkpoint_dir : str
        Where the checkpoints lie of what a cascade trains.

    Raises
    ------
    InputError
        If it is none of these, or the file names what is no part of a cascade.
    """
    file = file_of(name)
    if file is not None:
        return cascade_of(read_yaml(file), data, n_candidates, alone, name, checkpoint_dir)
    if name not in WORDS and not Path(name).is_file():
        raise InputError(
            f"'{name}' is neither the file of a checkpoint or cascade nor one of the arms "
            f"{', '.join([*WORDS, *presets()])}"
        )
    return CascadeOf(retrieval_of(name, str(data.resolve()), n_candidates, alone, "arm"))


def cascade_of(
    given: Mapping[str, Any],
    data: Path,
    n_candidates: int,
    alone: bool,
    where: str,
    checkpoint_dir: str = "saved",
) -> CascadeOf:
    """Return the arm of what a file of a cascade holds; `where` names it, see `arm_of`.

    Nothing is trained before the arm is made.

    Raises
    ------
    InputError
        For what is no part of a cascade, and a part that there is not.
    """
    folder = str(data.resolve())
    makers: Dict[str, Callable[..., Any]] = {
        "retrieval": partial(retrieval_of, n_candidates=n_candidates, alone=alone),
        "ranker": ranker_of,
        "score_fusion": order_of,
        "rerankers": lists_of,
    }
    for part in given:
        if part not in makers:
            raise InputError(
                f"{where}: '{part}' is no part of a cascade{nearest(part, makers)}; keys of a "
                "training stand inside a part"
            )
        if given[part] is None and part != "rerankers":  # of these nothing is none, as in a run
            usual = USUAL.get(part, "own")
            raise InputError(f"{where}: {part} is empty; name one, such as {part}: {usual}")
    if "retrieval" not in given:
        raise InputError(f"{where}: retrieval is missing; name one, such as retrieval: own")
    found = []
    for part, maker in makers.items():
        value, place = given.get(part, USUAL.get(part)), f"{where}: {part}"
        of_checkpoint = partial(maker, data=folder, where=place)
        if is_training(value) and part in TRAINED:
            training = Training.of(part, value, folder, checkpoint_dir, place)
            found.append(Trained(training, of_checkpoint))
        else:
            found.append(of_checkpoint(value))
    return CascadeOf(*found)

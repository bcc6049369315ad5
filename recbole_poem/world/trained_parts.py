"""What a training has to be for the part of a cascade that is made of it, told before it runs."""

from typing import Callable, Dict, Tuple

from recbole.model.abstract_recommender import SequentialRecommender

from recbole_poem.core.errors import InputError
from recbole_poem.fusion.learned import learns
from recbole_poem.models.upstream import Upstream
from recbole_poem.training.config import Config


def check_retrieval(config: Config, where: str) -> None:
    """Refuse a model that no service could ask; `where` names the part.

    Raises
    ------
    InputError
        For a model that reads no history, and one that reads another ranking than the previous one
        alone.
    """
    kind, name = config.model_class, config.model_class.__name__
    if not issubclass(kind, SequentialRecommender) or issubclass(kind, Upstream):
        raise InputError(f"{where}.model: {name} reads no history; name a sequential model")
    if (number := config["n_rankings"] or 1) > 1:
        raise InputError(
            f"{where}.n_rankings is {number}, and a world keeps the last ranking of a user alone; "
            "set it to 1"
        )
    if (lag := config["request_lag"]) not in (None, 1):  # RecBole's models have no such key
        raise InputError(
            f"{where}.request_lag is {lag}, and a world hands on the ranking of the previous "
            "request; set it to 1"
        )


def check_ranker(config: Config, where: str) -> None:
    """Refuse a ranker that live requests cannot feed; see `check_retrieval`."""
    if "request_context" in (config.component("ranker_input") or {}):
        raise InputError(
            f"{where}.ranker_input: live requests of this world have no columns for "
            "request_context; leave it out"
        )


def check_fusion(config: Config, where: str) -> None:
    """Refuse a score fusion that has nothing to learn; see `check_retrieval`."""
    choice = config.component("score_fusion")
    if not learns(choice.component):
        raise InputError(
            f"{where}.score_fusion: {choice.name} learns nothing; write it by its name, in the "
            "place of a training"
        )


#: parts that may be trained: the models of which they are made (of a retrieval any), and the check
TRAINED: Dict[str, Tuple[Tuple[str, ...], Callable[[Config, str], None]]] = {
    "retrieval": ((), check_retrieval),
    "ranker": (("MultiTaskRanker",), check_ranker),
    "score_fusion": (("POEM", "Upstream"), check_fusion),
}


def check_part(part: str, config: Config, where: str) -> None:
    """Refuse a training that cannot be a part of a cascade.

    Parameters
    ----------
    part : str
        One of `TRAINED`.
    config : Config
        Of the training.
    where : str
        What names the part.

    Raises
    ------
    InputError
        For a model of which the part is not made, and no epoch to learn in.
    """
    models, check = TRAINED[part]
    if models and config["model"] not in models:
        expected = " or ".join(models)
        raise InputError(f"{where}.model: expected {expected}, not {config['model']!r}")
    if config["epochs"] < 1:
        raise InputError(f"{where}.epochs: expected a number from 1, not {config['epochs']!r}")
    check(config, where)

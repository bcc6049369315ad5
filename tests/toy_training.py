"""A training that is killed, and a model that cannot be made."""

from typing import Any, Dict, List

import pytest
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.progress import Quiet
from recbole_poem.training.registry import get_trainer


class _KilledError(Exception):
    pass


class Unmade(SequentialRecommender):
    """A model of nobody's that fails."""

    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        raise ValueError("not made")


def killed_after(epoch: int, keys: Dict[str, Any]) -> str:
    """Train until the checkpoint of `epoch`, from 0, is written, and return its file."""
    config = Config(config_dict=keys)
    experiment = assemble(config)
    trainer = get_trainer(config)(config, experiment.model)

    def kill(at: int, score: float) -> None:
        if at == epoch:
            raise _KilledError

    with pytest.raises(_KilledError):
        trainer.fit(experiment.train_data, experiment.valid_data, callback_fn=kill)
    return str(trainer.saved_model_file)


def losses_of(trainer: Any) -> List[float]:
    """Return a list that gets the parts of the loss of each epoch that is trained from now on."""
    told: List[float] = []

    class Listening(Quiet):
        def trained(self, losses: Dict[str, float], is_over: bool) -> None:
            told.extend(losses.values())

    trainer.progress = Listening()
    return told

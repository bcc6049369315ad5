"""A training that is killed, as a test needs it that continues one."""

from typing import Any, Dict

import pytest

from recbole_poem.config import Config
from recbole_poem.experiment import assemble
from recbole_poem.registry import get_trainer


class _KilledError(Exception):
    pass


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

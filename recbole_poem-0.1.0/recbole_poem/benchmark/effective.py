"""What a job's keys come to in its model."""

from typing import Any, Dict

from recbole_poem.benchmark.plan import SHARED, Job
from recbole_poem.benchmark.rows import is_untrained
from recbole_poem.training.config import Config


def effective_keys(job: Job) -> Dict[str, Any]:
    """Return the keys of a job without those that its model has no use for.

    These are keys of `SHARED` that it does not know, which would do nothing but have the log warn
    of it, and the epochs of one that learns nothing: each would be evaluated, or by ``eval_step``
    none. The job keeps them, because its id is made of them. An ``embedding_size`` that the model
    calls ``hidden_size`` holds under that name.
    """
    config = Config(job.model, job.dataset, config_dict=job.keys)
    idle = {key for key, _ in config.unknown_keys() if key in SHARED}
    if is_untrained(job.model):
        idle |= {"epochs", "eval_step"}
    keys = {key: value for key, value in job.keys.items() if key not in idle}
    if calls_it_hidden_size(config):
        keys["hidden_size"] = job.keys["embedding_size"]
    return keys


def calls_it_hidden_size(config: Config) -> bool:
    """Tell whether ``embedding_size`` is given, and alone, where the model has ``hidden_size``."""
    unknown = {key for key, _ in config.unknown_keys()}
    alone = "hidden_size" not in config.external_config_dict
    return "embedding_size" in unknown and alone and config["hidden_size"] is not None

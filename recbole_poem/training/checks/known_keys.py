"""The keys that there are: of the plugin, of RecBole's files and in its code."""

import re
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, FrozenSet, List, Optional, Tuple

import recbole

from recbole_poem.core.errors import InputError
from recbole_poem.core.renamed import RENAMED
from recbole_poem.core.settings import defaults_of
from recbole_poem.core.stages import NESTED, STAGES
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.registry import MODELS

#: Keys that the command and RecBole's launcher use, which stand in no properties file.
LAUNCH_KEYS = frozenset({
    "model", "dataset", "config_files", "nproc", "world_size", "ip", "port", "offset",
    "group_offset", "local_rank", "single_spec",
})  # fmt: skip

#: Keys that say where things lie, what is shown and what a machine has: no part of what is learned.
OF_MACHINE = LAUNCH_KEYS | {
    "checkpoint_dir", "data_path", "dataloaders_save_path", "dataset_save_path", "device",
    "encoding", "gpu_id", "log_wandb", "request_cache_dir", "resume", "save_dataloaders",
    "save_dataset", "show_progress", "state", "threads", "use_gpu", "verbose", "wandb_project",
    "worker",
}  # fmt: skip

#: Keys that are refused elsewhere, with what to give instead.
_UNLISTED = {"neg_sampling", "training_neg_sample_num"}


@lru_cache(maxsize=None)
def keys_of_all_models() -> FrozenSet[str]:
    """Return the keys in any properties file of RecBole or the plugin, and those of its models."""
    folders = (Path(recbole.__path__[0]) / "properties", PROPERTIES)
    files = [file for folder in folders for file in folder.rglob("*.yaml")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    ours = [defaults_of(model.keys) for model in MODELS.values()]
    return frozenset(re.findall(r"^(\w+):", text, re.MULTILINE)).union(*ours)


@lru_cache(maxsize=None)
def keys_in_code() -> FrozenSet[str]:
    """Return the keys that RecBole's code reads, and no properties file lists."""
    files = Path(recbole.__path__[0]).rglob("*.py")
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return frozenset(re.findall(r"""config\[["'](\w+)["']\]""", text)) - keys_of_all_models()


def unknown_keys(config: Any) -> List[Tuple[str, Optional[str]]]:
    """List the given keys that nothing reads, each with the nearest known key or None.

    Parameters
    ----------
    config : Config
    """
    known = (set(config.internal_config_dict) - set(STAGES)) | LAUNCH_KEYS | _UNLISTED
    known = known.union(*config.parameters.values(), keys_in_code())
    stages = {stage.key for stage in config.stages()}
    if config.model_class.__module__.split(".")[0] not in ("recbole", "recbole_poem"):
        return []  # keys of a model from outside stand in no file
    return [
        (key, next(iter(get_close_matches(key.partition(".")[0], known | stages, n=1)), None))
        for key in config.external_config_dict
        if key not in known | config.keys_beside_data and key.partition(".")[0] not in stages
    ]


def refuse_misspelt(config: Any) -> None:
    """Refuse a key that neither this model nor any other reads; those of others are told.

    Parameters
    ----------
    config : Config

    Raises
    ------
    InputError
        Naming the key and the nearest one.
    """
    stages = {stage.key for stage in config.stages()}
    for key, near in unknown_keys(config):
        head = key.partition(".")[0]
        anywhere = keys_of_all_models() | set(STAGES)
        if head in RENAMED and (head not in anywhere or RENAMED[head].partition(".")[0] in stages):
            raise InputError(f"{key}: this key has another name now; write {RENAMED[head]}")
        if head in (stage.key for stage in NESTED):
            raise InputError(
                f"{key}: it is a setting of another component, and no key of its own "
                f"(recbole-poem components {head} says where it stands)"
            )
        if head not in anywhere:
            near = near or next(iter(get_close_matches(head, anywhere, n=1)), None)
            hint = f"; the nearest is '{near}'" if near else ""
            raise InputError(f"{key}: there is no such key of {config.model} or RecBole{hint}")

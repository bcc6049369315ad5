"""Parts of a cascade that are trained where no checkpoint of them is there.

Such a part is a mapping of keys of a run, ``model`` among them, as a command line of ``train``
gives them: ``{model: POEM, preset: esasrec, epochs: 8}``. Its checkpoint lies in ``checkpoint_dir``
in a folder that is named by all it depends on: every key with its value, and the world of the data
set. So it is taken again where it fits, and two cascades share what is the same in both.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from threading import Lock
from typing import Any, Callable, Dict, Mapping

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import ORACLE
from recbole_poem.core.files import in_turn
from recbole_poem.training import checkpoint
from recbole_poem.training.checks.known_keys import OF_MACHINE
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import run_recbole_poem
from recbole_poem.world.trained_parts import check_part

#: what a part may not say of itself
_SAID_ELSEWHERE = ("dataset", "data_path", "checkpoint_dir", "resume", "nproc")
_TRAINING = Lock()  # one at a time in a process


@dataclass(frozen=True)
class Training:
    """A training whose checkpoint is a part of a cascade.

    Attributes
    ----------
    model : str
    keys : dict
        Of the run, ``data_path`` among them.
    dataset : str
    folder : Path
        Where its checkpoint lies, and nothing else.
    where : str
        What names the part, for the words of errors.
    """

    model: str
    keys: Dict[str, Any]
    dataset: str
    folder: Path
    where: str

    @classmethod
    def of(
        cls, part: str, keys: Mapping[str, Any], data: str, checkpoint_dir: str, where: str
    ) -> "Training":
        """Read the keys of a part, see the module.

        Parameters
        ----------
        part : str
            Of the cascade: one of `recbole_poem.world.trained_parts.TRAINED`.
        keys : mapping
        data : str
            Folder of the data set, which `recbole_poem.world.dataset.write_dataset` wrote.
        checkpoint_dir : str
        where : str

        Raises
        ------
        InputError
            For what is wrong with a key or its value, or of what the part cannot be made, before
            anything is trained.
        """
        for key in _SAID_ELSEWHERE:
            if key in keys:
                raise InputError(f"{where}.{key}: a cascade does not say it; leave it out")
        if not isinstance(keys["model"], str):
            raise InputError(
                f"{where}.model: expected the name of a model, such as POEM, not {keys['model']!r}"
            )
        keys = {**keys, "data_path": str(Path(data).parent)}
        model, dataset = keys.pop("model"), Path(data).name
        try:
            config = Config(model, dataset, config_dict=keys)
            for key, _ in config.unknown_keys():
                raise InputError(f"{key}: there is no such key of {config.model} or RecBole")
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        check_part(part, config, where)
        name = f"{dataset}-{config['model']}-{_digest(config, Path(data))}"
        return cls(str(model), keys, dataset, Path(checkpoint_dir).resolve() / name, where)

    def checkpoint(self) -> str:
        """Return the path of the checkpoint; train it where it is not there.

        Of several processes one trains, and the others wait for its checkpoint.

        Raises
        ------
        InputError
            If it cannot be trained.
        """
        with _TRAINING:
            found = self._found()
            if found is None:
                lock = self.folder.with_name(f".{self.folder.name}.lock")
                with in_turn(lock, f"it trains {self.folder.name}"):
                    found = self._found() or self._train()
        return str(found)

    def _found(self) -> "Path | None":
        return next(iter(sorted(self.folder.glob("*.pth"))), None)

    def _train(self) -> Path:
        """Train in a folder beside, which gets its name when the training has come to its end."""
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        keys = {**self.keys, "checkpoint_dir": str(unfinished)}
        try:
            run_recbole_poem(self.model, self.dataset, config_dict=keys)
        except InputError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise InputError(f"{self.where}: {error}") from error
        shutil.rmtree(self.folder, ignore_errors=True)  # of a checkpoint that somebody removed
        unfinished.rename(self.folder)
        found = next(iter(sorted(self.folder.glob("*.pth"))))
        getLogger().info(f"{self.where}: kept as [{found}]")
        return found


@dataclass(frozen=True)
class Trained:
    """Makes a part of a cascade of the checkpoint of a training.

    Attributes
    ----------
    training : Training
    maker : callable
        From the checkpoint's path to the maker of the part; see `recbole_poem.world.makers`.
    """

    training: Training
    maker: Callable[[str], Callable[..., Any]]

    def __call__(self, *arguments: Any) -> Any:
        """Make the part; the first call of all trains it."""
        return self.maker(self.training.checkpoint())(*arguments)


def is_training(part: Any) -> bool:
    """Tell whether a part of a cascade is the keys of a run."""
    return isinstance(part, Mapping) and "model" in part


def _digest(config: Config, data: Path) -> str:
    """Return a hash of every key that counts, and of the world of a data set."""
    keys = {k: str(v) for k, v in config.final_config_dict.items() if k not in OF_MACHINE}
    try:
        world = (data / ORACLE).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"--data: {data / ORACLE} cannot be read; give a folder that `recbole-poem simulate "
            "data` wrote"
        ) from error
    told = json.dumps([checkpoint.FORMAT, keys, world], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]

"""Data that several trials share: prepared once, and again where a key that shaped them changes.

Which keys those are is not a list kept by hand. The data are prepared from, and afterwards keep, a
`ConfigView` that remembers every key that was read through it. A later trial gets the same data if
none of these keys has another value now; the view then looks at that trial's configuration.
"""

from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Tuple

import torch
from recbole.data.dataloader import (
    FullSortEvalDataLoader,
    TrainDataLoader,
)

from recbole_poem.core.files import States, states
from recbole_poem.data.dataloader import POEMTrainDataLoader
from recbole_poem.data.preparation import Loaders
from recbole_poem.data.sampled_evaluation import RepeatableEvalDataLoader
from recbole_poem.data.seen import SeenMaskingDataLoader
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Prepared, prepare

#: Loaders that keep nothing of a training but their generator and the model. RecBole's
#: knowledge-based loader, say, stays in the mode and at the place where the last epoch left it.
_SHAREABLE = {
    POEMTrainDataLoader,
    TrainDataLoader,
    FullSortEvalDataLoader,
    RepeatableEvalDataLoader,
    SeenMaskingDataLoader,
}

_MISSING = "missing"


class ConfigView:
    """A configuration as those see it who read it through this view; what they do is remembered.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._read: Dict[Tuple[str, str], str] = {}
        self._written: Dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        self._remember("item", key)
        return self._config[key]

    def __contains__(self, key: str) -> bool:
        self._remember("membership", key)
        return key in self._config

    def __getattr__(self, name: str) -> Any:
        if name in ("_config", "_read", "_written"):  # not yet set, while a copy is made
            raise AttributeError(name)
        self._remember("attribute", name)
        return getattr(self._config, name)

    def is_given(self, key: str) -> bool:
        """Tell whether the user gave a key; see `recbole_poem.training.config.Config.is_given`."""
        self._remember("given", key)
        return self._config.is_given(key)

    def component(self, path: str) -> Any:
        """Return a component that was chosen; see `Config.component`."""
        self._remember("item", path)
        return self._config.component(path)

    def __setitem__(self, key: str, value: Any) -> None:
        self._written[key] = value
        self._config[key] = value

    def fits(self, config: Config) -> bool:
        """Whether all that was read is the same in `config`, and as it was when it was read."""
        return all(
            _spelt(config, *what) == text
            and (what[1] in self._written or _spelt(self._config, *what) == text)
            for what, text in self._read.items()
        )

    def turn_to(self, config: Config) -> None:
        """Look at `config` from now on, and write into it what was written through the view."""
        self._config = config
        for key, value in self._written.items():
            config[key] = value

    def _remember(self, kind: str, key: str) -> None:
        if key not in self._written:
            self._read.setdefault((kind, key), _spelt(self._config, kind, key))


class _Kept(NamedTuple):
    """Prepared data, and what tells whether they still hold."""

    view: ConfigView
    prepared: Prepared
    files: States
    generators: Tuple[torch.Tensor, ...]


class SharedPreparation:
    """`prepare` of `recbole_poem.training.experiment`, with the last call's data if they fit.

    The result is what `prepare` would return: a run on shared data equals one on its own, bit for
    bit. Of a model whose loaders keep a state that cannot be set back nothing is shared.
    """

    def __init__(self) -> None:
        self._kept: Optional[_Kept] = None

    def __call__(self, config: Config) -> Prepared:
        """Return the data for `config`."""
        files = states(Path(config["data_path"]))
        kept = self._kept
        if kept is not None and kept.files == files and kept.view.fits(config):
            kept.view.turn_to(config)
            _set_back(kept.prepared.loaders, kept.generators)
            return kept.prepared
        self._kept = kept = None  # first, so that two of them are never in memory
        view: Any = ConfigView(config)
        prepared = prepare(view)
        loaders = [loader for loader in prepared.loaders if loader is not None]
        if all(type(loader) in _SHAREABLE for loader in loaders):
            generators = tuple(loader.generator.get_state() for loader in loaders)
            self._kept = _Kept(view, prepared, files, generators)
        return prepared


def _spelt(config: Config, kind: str, key: str) -> str:
    """Spell what a look at a key finds: 1, 1.0 and True differ, and so do two other objects."""
    if kind == "item":
        return repr(config[key])
    if kind == "membership":
        return repr(key in config)
    if kind == "given":
        return repr(config.is_given(key))
    return repr(getattr(config, key, _MISSING))


def _set_back(loaders: Loaders, generators: Tuple[torch.Tensor, ...]) -> None:
    """Return the loaders to the state in which they were made."""
    for loader, state in zip((each for each in loaders if each is not None), generators):
        loader.generator.set_state(state)
        loader.model = None

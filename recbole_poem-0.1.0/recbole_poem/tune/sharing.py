"""Data that several trials share: prepared once, and again where a key that shaped them changes.

Which keys those are is not a list kept by hand. The data are prepared from, and afterwards keep, a
`ConfigView` that remembers every key that was read through it. A later trial gets the same data if
none of these keys has another value now; the view then looks at that trial's configuration.
"""

from pathlib import Path
from typing import Any, NamedTuple, Optional, Tuple

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
from recbole_poem.tune.config_view import ConfigView

#: Loaders that keep nothing of a training but their generator and the model. RecBole's
#: knowledge-based loader, say, stays in the mode and at the place where the last epoch left it.
_SHAREABLE = {
    POEMTrainDataLoader,
    TrainDataLoader,
    FullSortEvalDataLoader,
    RepeatableEvalDataLoader,
    SeenMaskingDataLoader,
}


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


def _set_back(loaders: Loaders, generators: Tuple[torch.Tensor, ...]) -> None:
    """Return the loaders to the state in which they were made."""
    for loader, state in zip((each for each in loaders if each is not None), generators):
        loader.generator.set_state(state)
        loader.model = None

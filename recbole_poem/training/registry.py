"""Names to classes: the plugin's own first, RecBole's after.

RecBole looks for models, trainers and data sets inside its own package only (utils/utils.py:55,
data/utils.py:28), so a plugin brings its own look-up. What RecBole finds passes through here too:
its data sets get the exact time order, its trainers the safe checkpoints, and importing its
sequential models does not leave autograd's anomaly detection on.
"""

import pkgutil
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Dict, List, Type

import recbole.data.dataset
import recbole.model
import recbole.utils
import torch
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.trainer.trainer import AbstractTrainer, Trainer
from recbole.utils import ModelType

from recbole_poem.core.errors import InputError
from recbole_poem.data.dataset import FlatSequentialDataset, POEMDataset
from recbole_poem.data.float_columns import FloatColumnsMixin
from recbole_poem.data.mapped import over_store
from recbole_poem.data.ranking_dataset import RankingDataset
from recbole_poem.data.request_log import PredictedRowsMixin, RequestLogMixin
from recbole_poem.data.time_order import TimeOrderMixin
from recbole_poem.models.poem import POEM
from recbole_poem.models.pop import Pop
from recbole_poem.models.table_fit import is_sharded
from recbole_poem.models.upstream import Upstream
from recbole_poem.rankers.multi_task_ranker import MultiTaskRanker
from recbole_poem.rankers.trainer import RankingTrainer
from recbole_poem.training.several_processes import WrapForDevice
from recbole_poem.training.sharded import ShardedTrainingMixin
from recbole_poem.training.trainer import TrainingMixin

#: The plugin's models by the name that ``--model`` takes.
MODELS: Dict[str, Type[AbstractRecommender]] = {
    "POEM": POEM,
    "Upstream": Upstream,
    "MultiTaskRanker": MultiTaskRanker,
}
#: RecBole's models that are mended; all else about them is as RecBole has it
_MENDED: Dict[str, Type[AbstractRecommender]] = {"Pop": Pop}
_DATASETS = {POEM: POEMDataset, Upstream: POEMDataset, MultiTaskRanker: RankingDataset}
_TRAINERS: Dict[str, Type[Trainer]] = {"MultiTaskRanker": RankingTrainer}

#: Kinds of models that learn which items a user consumes, not the labels of rows.
_RANKS_ITEMS = (ModelType.GENERAL, ModelType.TRADITIONAL, ModelType.KNOWLEDGE)

#: RecBole's models that read ``dataset.inter_feat`` at the windows' fields.
_READ_ALL_WINDOWS = {"FEARec"}


def model_names() -> List[str]:
    """Every name that ``--model`` takes; RecBole's are its file names, in lower case."""
    families = [
        str(Path(path) / family.name)
        for path in recbole.model.__path__
        for family in pkgutil.iter_modules([path])
        if family.ispkg
    ]
    return sorted(MODELS) + sorted(module.name for module in pkgutil.iter_modules(families))


def get_model(name: str) -> Type[AbstractRecommender]:
    """Return the model class called `name`.

    Raises
    ------
    InputError
        If neither the plugin nor RecBole has it; names the nearest one.
    """
    if name in MODELS:
        return MODELS[name]
    known = {known.lower(): known for known in model_names()}
    near = next(iter(get_close_matches(name.lower(), known, n=1)), None)
    if near == name.lower() and known[near] in MODELS:
        raise InputError(f"model: did you mean {known[near]}? ('{name}' differs in case)")
    if near != name.lower():
        hint = f"; the nearest name is {known[near]}" if near else ""
        raise InputError(
            f"model: there is no model named '{name}' in recbole_poem or RecBole{hint}"
        )
    # recbole/model/sequential_recommender/sine.py:25 turns anomaly detection on for the whole
    # process when its package is imported, which makes training 1.8 times slower.
    anomaly_detection = torch.is_anomaly_enabled()
    try:
        return _MENDED.get(name) or recbole.utils.get_model(name)
    except AttributeError as error:  # RecBole's file names are lower case, its class names are not
        classes = [name_ for name_ in dir(error.obj) if name_.lower() == name.lower()]
        raise InputError(f"model: did you mean {' or '.join(classes)}, not '{name}'?") from error
    except ImportError as error:
        raise InputError(f"model: {name} needs the package '{error.name}' as well") from error
    finally:
        torch.autograd.set_detect_anomaly(anomaly_detection)


def get_trainer(config: Any) -> Type[AbstractTrainer]:
    """Return the trainer for the model, RecBole's as a rule, with our checkpoints mixed in.

    The trainers of the decision-tree libraries, which keep no torch checkpoint, stay as they are.
    """
    name = config["model"]
    stock = _TRAINERS.get(name) or recbole.utils.get_trainer(config["MODEL_TYPE"], name)
    if not issubclass(stock, Trainer):
        return stock
    mixin = ShardedTrainingMixin if is_sharded(config) else TrainingMixin
    return type(stock.__name__, (mixin, stock, WrapForDevice), {})


def get_dataset(config: Any) -> Type[Dataset]:
    """Return the data set class for the model; RecBole's get the exact time order mixed in.

    Raises
    ------
    InputError
        If ``lazy_sequences`` is on and the model cannot do without materialised windows, or
        ``flat_store`` asks for a store that is not there or does not fit.
    """
    return over_store(config, _get_dataset(config))


def _get_dataset(config: Any) -> Type[Dataset]:
    """Return the data set class that reads the atomic files."""
    if config["model"] in MODELS:
        return _DATASETS[MODELS[config["model"]]]
    stock = getattr(recbole.data.dataset, config["model"] + "Dataset", None)
    if stock is None:
        stock = {
            ModelType.SEQUENTIAL: SequentialDataset,
            ModelType.KNOWLEDGE: recbole.data.dataset.KnowledgeBasedDataset,
        }.get(config["MODEL_TYPE"], Dataset)
    mixin: Type[TimeOrderMixin] = TimeOrderMixin
    if issubclass(stock, SequentialDataset):
        mixin = RequestLogMixin
    elif config["positive_feedback"] is not None and config["MODEL_TYPE"] in _RANKS_ITEMS:
        mixin = PredictedRowsMixin
    if config["lazy_sequences"] and mixin is RequestLogMixin:
        _check_lazy_sequences(config, stock)
        mixin = FlatSequentialDataset
    return type(stock.__name__, (mixin, FloatColumnsMixin, stock), {})


def _check_lazy_sequences(config: Any, stock: Type[SequentialDataset]) -> None:
    """Raise `InputError` where the model or its data set `stock` needs the windows in memory."""
    if stock.data_augmentation is not SequentialDataset.data_augmentation:
        reason = "brings a data set that makes windows of its own"
    elif config["model"] in _READ_ALL_WINDOWS:
        reason = "looks for windows in the whole data set while it trains"
    elif config["benchmark_filename"] is not None:
        reason = "is given windows by the files of benchmark_filename"
    else:
        return
    raise InputError(f"lazy_sequences: {config['model']} {reason}; set the key to False for it")

"""An experiment: a configuration, its data, and the model that is trained on them."""

from logging import getLogger
from pathlib import Path
from typing import Callable, Dict, NamedTuple, Optional, Sequence

import torch
from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
from recbole.data.dataset import Dataset
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_poem.core import recbole_warnings
from recbole_poem.core.errors import InputError
from recbole_poem.core.processes import place_of
from recbole_poem.core.refusals import comes_from_recbole, refusals_named
from recbole_poem.core.run_log import say
from recbole_poem.data.known_tokens import KnownTokens
from recbole_poem.data.preparation import Loaders, data_preparation
from recbole_poem.data.split_sizes import log_words
from recbole_poem.logits.on_top import with_terms
from recbole_poem.models.table_fit import require_sampled
from recbole_poem.rerankers.chain import chain_of
from recbole_poem.training.checks.columns import check_columns
from recbole_poem.training.config import Config
from recbole_poem.training.registry import get_dataset, get_trainer
from recbole_poem.training.restoring import tokens_of
from recbole_poem.training.seeding import seed_everything


class Experiment(NamedTuple):
    """A model with the data it is trained and evaluated on; what `load` returns."""

    config: Config
    model: AbstractRecommender
    dataset: Dataset
    train_data: AbstractDataLoader
    valid_data: Optional[AbstractDataLoader]
    test_data: AbstractDataLoader

    @recbole_warnings.ignored()
    def evaluate(self, phase: str = "test") -> Dict[str, float]:
        """Return the metrics of the ``valid`` or ``test`` rows.

        Raises
        ------
        InputError
            For another phase, and if the split has no such rows.
        """
        data = self._part(phase)
        trainer = get_trainer(self.config)(self.config, self.model)
        trainer.eval_collector.data_collect(self.train_data)  # coverage and the like ask for it
        return dict(trainer.evaluate(data, load_best_model=False))

    @torch.no_grad()
    def scores(self, rows: Sequence[int], phase: str = "test") -> torch.Tensor:
        """Score the catalogue for some of the ``valid`` or ``test`` rows.

        Parameters
        ----------
        rows : sequence of int
            Numbers (B,) of rows of the part, from 0.
        phase : str

        Returns
        -------
        (B, n_items) float32
            By the ids of ``dataset``, seen items like all others; of padding, item 0, minus
            infinity.

        Raises
        ------
        InputError
            As `evaluate`, and for a row that is not there.
        """
        part = self._part(phase)._dataset
        wrong = [row for row in rows if not 0 <= row < len(part)]
        if wrong:
            raise InputError(f"rows: there is no {phase} row {wrong[0]}, but {len(part):,} from 0")
        batch = part[list(rows)].to(self.config["device"])
        scores: torch.Tensor = self.model.eval().full_sort_predict(batch)
        scores = scores.view(len(rows), -1)
        scores[:, 0] = -torch.inf
        return scores

    def _part(self, phase: str) -> AbstractDataLoader:
        if phase not in ("valid", "test"):
            raise InputError(f"phase: expected 'valid' or 'test', not {phase!r}")
        data = self.test_data if phase == "test" else self.valid_data
        if data is None:
            raise InputError("eval_args: the split has no validation rows to evaluate")
        return data


class Prepared(NamedTuple):
    """What a model is trained and evaluated on: the whole data set, and the loaders of its split.

    The request cache and the item graph are part of them.
    """

    dataset: Dataset
    loaders: Loaders


def prepare(config: Config, known: Optional[KnownTokens] = None) -> Prepared:
    """Load the data, split it, build cache, graph and loaders.

    Parameters
    ----------
    config : Config
    known : KnownTokens, optional
        Of the checkpoint whose model is to read the data; default: that of the key ``resume``.

    Raises
    ------
    InputError
        If a file or a column is missing, RecBole cannot make sense of it, its items are not those
        of `known`, ``topk`` exceeds the items, or a part of the split is empty.
    """
    seed_everything(config["seed"], config["reproducibility"])
    if known is None and config["resume"] is not None:
        known = tokens_of(config["resume"])
    dataset = create_dataset(config, known)
    say("data", log_words(dataset))
    if max(config["topk"]) >= dataset.item_num:
        raise InputError(
            f"topk: {config['topk']} asks for more than {dataset.item_num - 1} items, which are "
            "all that the data set has; lower it"
        )
    require_sampled(config, dataset.item_num)
    check_columns(config, dataset)
    chain_of(config, dataset)  # what it lacks is said before there is any work
    return Prepared(dataset, data_preparation(config, dataset))


#: `prepare`, or what stands in for it and returns the same from less work
Preparation = Callable[[Config], Prepared]


def assemble(config: Config, preparation: Preparation = prepare) -> Experiment:
    """Prepare the data, and make the untrained model.

    Raises
    ------
    InputError
        As `prepare`, and if one of RecBole's models cannot be made with its keys.
    """
    if config["threads"] is not None:
        torch.set_num_threads(int(config["threads"]))
    dataset, loaders = preparation(config)
    seed_everything(config["seed"] + place_of(config), config["reproducibility"])
    with refusals_named(config, "cannot be made"):
        model = with_terms(config.model_class, config)(config, loaders[0]._dataset)
    return Experiment(config, model.to(config["device"]), dataset, *loaders)


def create_dataset(config: Config, known: Optional[KnownTokens] = None) -> Dataset:
    """Load and filter the data set of a configuration, in the class that its model needs.

    Parameters
    ----------
    config : Config
    known : KnownTokens, optional
        Tokens that are to have the ids of a training; see `recbole_poem.data.known_tokens`.

    Raises
    ------
    InputError
        If a file is missing or RecBole cannot make sense of it, or its items are not those of
        `known`.
    """
    for key in ("save_dataset", "save_dataloaders", "dataset_save_path", "dataloaders_save_path"):
        if config[key]:
            getLogger().warning(f"'{key}' does nothing here: it would write or run a pickle")
    path = Path(config["data_path"])
    file = path / f"{config['dataset']}.inter"
    if not path.is_dir():
        raise InputError(
            f"data_path: there is no folder {path}; put {file.name} there, or name another folder "
            "with --data_path"
        )
    if config["benchmark_filename"] is None and not file.is_file():
        raise InputError(
            f"data_path: there is no file {file}; put it there, or name another folder with "
            "--data_path"
        )
    try:
        return get_dataset(config)(config, known)
    except InputError:
        raise
    except (ValueError, LookupError, UnicodeDecodeError) as error:
        words = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise InputError(f"data set {config['dataset']} in {path}: {words}") from error
    except (AssertionError, AttributeError, TypeError) as error:  # of keys that RecBole reads
        if not comes_from_recbole(error):
            raise
        raise InputError(f"data set {config['dataset']} in {path}: {error}") from error

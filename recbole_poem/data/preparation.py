"""From a loaded data set to the three loaders, for the plugin's models and for RecBole's.

Unlike RecBole's function of the same name this one never reads or writes pickled data sets and
loaders: a pickle runs whatever it holds, and RecBole's ignores the plugin's keys.
"""

from logging import getLogger
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import numpy as np
import torch
from recbole.data.dataloader import (
    FullSortEvalDataLoader,
    KnowledgeBasedDataLoader,
    NegSampleEvalDataLoader,
)
from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
from recbole.data.dataset import Dataset
from recbole.data.utils import create_samplers, get_dataloader
from recbole.sampler import KGSampler
from recbole.utils import ModelType

from recbole_poem.cache.build import reads_labels, request_cache
from recbole_poem.cache.coverage import cache_words, coverage, say_coverage
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.core.processes import first_process_first
from recbole_poem.core.refusals import refusals_named
from recbole_poem.core.run_log import say
from recbole_poem.core.workers import open_map
from recbole_poem.data.dataloader import FieldMaker, POEMTrainDataLoader
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.data.enough_negatives import check_negatives
from recbole_poem.data.item_graph import item_graph_of
from recbole_poem.data.negatives import TrainingData
from recbole_poem.data.ranking_dataset import ExposureDataLoader, RankingDataset, training_loader
from recbole_poem.data.rankings_read import RankingsRead
from recbole_poem.data.request_log import LogMixin, PredictedRowsMixin
from recbole_poem.data.sampled_evaluation import RepeatableEvalDataLoader
from recbole_poem.data.seen import ContextMaskingDataLoader, SeenMaskingDataLoader
from recbole_poem.data.shared_negatives import SharedNegatives
from recbole_poem.data.split_sizes import check_split, predicted_words, split_words
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.targets import check_columns

#: for training, validation (None = the split asks for no such rows) and test
Loaders = Tuple[AbstractDataLoader, Optional[AbstractDataLoader], AbstractDataLoader]


def data_preparation(config: Any, dataset: Dataset) -> Loaders:
    """Split `dataset` and return the loaders for training, validation and test.

    Parameters
    ----------
    config : Config
    dataset : Dataset

    Raises
    ------
    InputError
        If a part of the split is empty, a user has nothing that could be a negative, or RecBole
        refuses the keys of a loader.
    """
    try:
        train, valid, test = dataset.build()
    except InputError:
        raise
    except (ValueError, NotImplementedError) as error:  # RecBole's words about eval_args
        raise InputError(f"eval_args: {error}") from error
    check_split(config, (train, valid, test))
    parts = split_words(dataset, (train, valid, test))
    say("split", f"{parts}; {predicted_words(config)}")
    if config["mask_seen"]:
        check_maskable(config)
    if config["positive_feedback"] is not None and not isinstance(dataset, LogMixin):
        raise InputError(
            f"positive_feedback: {config['model']} learns the labels of all rows and ranks no items"
        )
    if isinstance(dataset, POEMDataset):
        check_columns(config, dataset.log)
    if isinstance(dataset, RankingDataset):
        return _exposure_loaders(config, (train, valid, test))
    check_negatives(config, dataset, (train, valid, test))
    with refusals_named(config, "cannot make batches of these data"):
        samplers = create_samplers(config, dataset, [train, valid, test])
        if isinstance(dataset, POEMDataset):
            train_loader: AbstractDataLoader = _poem_train_loader(
                config, train, (train, valid, test)
            )
        else:
            train_loader = _stock_train_loader(config, dataset, train, samplers[0])
        valid_loader, test_loader = (
            _eval_loader(config, split, phase)(config, split, sampler, shuffle=False)
            if len(split)
            else None
            for phase, split, sampler in (
                ("valid", valid, samplers[1]),
                ("test", test, samplers[2]),
            )
        )
    return train_loader, valid_loader, test_loader


def check_maskable(config: Any) -> None:
    """Refuse files that are split beforehand, which do not tell what a user has seen.

    Raises
    ------
    InputError
        If the configuration names such.
    """
    if config["benchmark_filename"] is not None:
        raise InputError("mask_seen: needs one .inter file, not those of benchmark_filename")


def _poem_train_loader(
    config: Any, train: POEMDataset, splits: Sequence[POEMDataset]
) -> POEMTrainDataLoader:
    """Build the cache and the graph, let the `splits` read the cache, make the loader."""
    reads, labels = config.model_class.reads_rankings(config), reads_labels(config)
    terms = config.model_class.loss_terms(config).values()
    for term in terms:
        if hasattr(term.component, "check_columns"):
            term.component.check_columns(term.settings, train.log)
    fields: Dict[str, FieldMaker] = {}
    with open_map(torch.get_num_threads(), config["ray"]) as parallel_map:
        if reads or labels:
            rows = np.concatenate([split.inter_feat[REQUEST_ID].numpy() for split in splits])
            some = None
            if config["ranking_source"]["only_read"]:
                some = RankingsRead(config, splits, reads, labels)
                rows = rows[some.asking[rows]]
            cache = first_process_first(
                config, lambda: request_cache(config, train, parallel_map, some)
            )
            for split in splits:
                split.attach(cache)
            read = (config["request_lag"], config["n_rankings"]) if reads else (0, 1)
            found = coverage(cache, train.log, rows, *read)
            say_coverage(found)
            say("cache", cache_words(cache, found, config["time_unit"]))
        data = TrainingData(config, train, train.log, parallel_map)
        for term in terms:
            fields.update(term.component.fields(term.settings, data))
    train.item_graph = item_graph_of(config, train.log)
    shared = _shared_negatives(config, train.log)
    train.log_q = shared.log_q if shared is not None else None
    return POEMTrainDataLoader(config, train, fields, reads, shared, shuffle=config["shuffle"])


def _exposure_loaders(config: Any, splits: Sequence[RankingDataset]) -> Loaders:
    """Make the loaders of a multi-task ranker."""
    rows = [split.inter_feat[REQUEST_ID].numpy() for split in splits]
    train, valid, test = splits
    return (
        training_loader(config, train, train.exposures, rows[0]),
        ExposureDataLoader(config, valid, valid.exposures, rows[1]) if len(valid) else None,
        ExposureDataLoader(config, test, test.exposures, rows[2]),
    )


def _stock_train_loader(
    config: Any, dataset: Dataset, train: Dataset, sampler: Any
) -> AbstractDataLoader:
    """Make RecBole's own training loader for one of its models."""
    loader = get_dataloader(config, "train")
    if config["MODEL_TYPE"] != ModelType.KNOWLEDGE:
        return loader(config, train, sampler, shuffle=config["shuffle"])
    negative = config["train_neg_sample_args"]
    kg_sampler = KGSampler(dataset, negative["distribution"], negative["alpha"])
    return KnowledgeBasedDataLoader(config, train, sampler, kg_sampler, shuffle=True)


def _eval_loader(config: Any, split: Dataset, phase: str) -> Callable[..., AbstractDataLoader]:
    """Return an evaluation loader: RecBole's, one that repeats itself, or one that masks more."""
    loader = get_dataloader(config, phase)
    if loader is NegSampleEvalDataLoader:
        loader = RepeatableEvalDataLoader
    if isinstance(split, PredictedRowsMixin) and loader is FullSortEvalDataLoader:
        return ContextMaskingDataLoader
    if not config["mask_seen"] or config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
        return loader
    if loader is not FullSortEvalDataLoader:
        getLogger().warning("mask_seen: sampled evaluation is left as RecBole does it")
        return loader
    return SeenMaskingDataLoader


def _shared_negatives(config: Any, log: RequestLog) -> Optional[SharedNegatives]:
    limit = config["full_softmax_limit"]
    if log.n_items <= limit:
        for key in ("sampled_negatives", "negative_distribution"):
            if config.is_given(key):
                getLogger().warning(
                    f"'{key}' does nothing: up to full_softmax_limit, {limit:,}, items the softmax "
                    f"is exact, and there are {log.n_items - 1:,}"
                )
        return None
    number, seed = config["sampled_negatives"], config["seed"]
    return SharedNegatives(log, config["negative_distribution"], number, seed)

"""What the tests of the neural ranking stage share: splits, the cache of a data set, a counter."""

from typing import Any, Dict, Optional, Tuple

import numpy as np
import pytest
from toy_caches import padded
from toy_exposures import TINY_POEM, exposure_log, write_exposures

from recbole_poem.cache.blocks import block_begins
from recbole_poem.cache.build import cache_folder, request_cache
from recbole_poem.cache.sources import SourceContext
from recbole_poem.data.ranking_dataset import exposures_of
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.multi_task_ranker import MultiTaskRanker
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.training.ranking_stage import ranker_config

LEAVE_ONE_OUT: Dict[str, Any] = {}
BY_TIME = {
    "eval_args": {
        "split": {"split_by_time": {"valid": "1500 seconds", "test": "last 1500 seconds"}},
        "order": "TO",
        "mode": "full",
    }
}
SPLITS = pytest.mark.parametrize(
    "split", [LEAVE_ONE_OUT, BY_TIME], ids=["leave one out", "by time"]
)


def exposure_keys(write_dataset: Any) -> Dict[str, Any]:
    """Write a data set of exposures, and return the keys of a tiny POEM on it.

    Its cache keeps the scores themselves, so that no change of one goes unseen.
    """
    keys = {**write_exposures(write_dataset, exposure_log()), **TINY_POEM, "model": "POEM"}
    return {**keys, "ranking_source": {**TINY_POEM["ranking_source"], "raw_scores": True}}


class Counted:
    """Counts the batches that rankers learn from; may end the run at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches, self.ends_at = 0, None  # type: int, Optional[int]
        learn = MultiTaskRanker.calculate_loss

        def counting(model: MultiTaskRanker, interaction: Any) -> Any:
            self.batches += 1
            if self.batches == self.ends_at:
                raise KeyboardInterrupt
            return learn(model, interaction)

        monkeypatch.setattr(MultiTaskRanker, "calculate_loss", counting)


def prepared(keys: Dict[str, Any]) -> Tuple[Config, Any]:
    """Return the configuration and a data set that knows its training part."""
    config = Config(config_dict=keys)
    return config, create_dataset(config).build()[0]


def build(config: Config, dataset: Any, log: Optional[RequestLog] = None) -> Any:
    """Open or build the cache of the data set, with another log in its place if one is given."""
    kept = dataset.log
    dataset.log = kept if log is None else log
    try:
        return padded(request_cache(config, dataset))
    finally:
        dataset.log = kept


def begins_of(config: Config, dataset: Any) -> np.ndarray:
    source = config["ranking_source"]
    of_ranker = ranker_config(config, source["training"], "ranking_source.training")
    return block_begins(exposures_of(of_ranker, dataset.log), source["blocks"])


def source_of(config: Config, dataset: Any) -> Any:
    """Return what ranks for the cache of the data set."""
    context = SourceContext(config, dataset, cache_folder(config, dataset))
    return config.component("ranking_source").make(context)


def with_source(keys: Dict[str, Any], **settings: Any) -> Dict[str, Any]:
    """Return keys with some settings of the ranking source changed."""
    return {**keys, **{f"ranking_source.{name}": value for name, value in settings.items()}}


def with_training(keys: Dict[str, Any], **flat: Any) -> Dict[str, Any]:
    """Return keys with some flat keys of the ranker changed."""
    training = {**keys["ranking_source"]["training"], **flat}
    return with_source(keys, training=training)

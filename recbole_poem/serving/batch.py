"""Requests as the batches that RecBole's models read."""

from typing import Any, Dict, Mapping

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender

from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, CACHE_STAGE, OLDER, REQUEST_ID
from recbole_poem.core.times import PER_SECOND
from recbole_poem.data.windows import gather_windows, row_windows
from recbole_poem.log.clock import Dated
from recbole_poem.log.row_features import features_of, field_of
from recbole_poem.serving.ranking_batch import RankingBatch
from recbole_poem.serving.requests import Requests


class BatchMaker:
    """Makes batches for one model.

    Parameters
    ----------
    config : Config
    model : SequentialRecommender
    trends : mapping
        What is known of all items when, by the field of a request's step.

    Attributes
    ----------
    device : torch.device
        Of the model and the batches.
    """

    def __init__(
        self, config: Any, model: SequentialRecommender, trends: Mapping[str, Dated]
    ) -> None:
        self._trends = trends
        self._row_features = features_of(config)
        self._per_second = PER_SECOND[config["time_unit"]]
        self._width, self.device = config["MAX_ITEM_LIST_LENGTH"], config["device"]
        self._items, self._length, self._user = model.ITEM_SEQ, model.ITEM_SEQ_LEN, model.USER_ID

    def ask_now(self, requests: Requests) -> np.ndarray:
        """Tell which requests are made in steps in which somebody may still ask: (B,)."""
        now = np.ones(len(requests), dtype=bool)
        for trends in self._trends.values():
            step = trends.step(requests.times).numpy()
            now &= (step >= trends.now) | (step == 0)  # where nothing is known nothing is added
        return now

    def __call__(self, requests: Requests) -> Interaction:
        """Return the windows of requests with at least one known item, and their rankings."""
        histories = requests.histories
        length = np.minimum(histories.length, self._width)
        start = histories.begin[1:] - length
        item, first, n = map(torch.from_numpy, (histories.item, start, length))
        batch = {
            self._items: gather_windows(item, first, n, self._width),
            self._length: n,
            self._user: torch.zeros_like(n),  # nobody whom training saw
        }
        for name, feature in self._row_features.items():
            values = feature.of_request(histories.time, histories.first, self._per_second)
            batch[field_of(name)] = row_windows(torch.from_numpy(values), first, n, self._width)
        for field, trends in self._trends.items():
            batch[field] = trends.step(requests.times)
        if requests.rankings.items.shape[-1]:
            batch.update(_fields_of(requests.rankings))
            draws = torch.from_numpy(requests.draws)
            batch[REQUEST_ID] = torch.where(draws < 0, _key(batch[self._items]), draws)
        return Interaction(batch).to(self.device)


def _fields_of(rankings: RankingBatch) -> Dict[str, torch.Tensor]:
    """Return rankings as fields of a batch: the youngest ones, and those before them."""
    told = {CACHE_ITEM: rankings.items, CACHE_SCORE: rankings.scores}
    if rankings.stages is not None:
        told[CACHE_STAGE] = rankings.stages
    fields = {name: values[:, 0] for name, values in told.items()}
    if rankings.items.shape[1] > 1:
        fields.update((OLDER[name], values[:, 1:]) for name, values in told.items())
    return fields


def _key(windows: torch.Tensor) -> torch.Tensor:
    """Return a number for each window (B, L) that depends on its items and their places: (B,)."""
    factor = torch.arange(1, 2 * windows.shape[1], 2) * 0x9E3779B1
    return (windows * factor).sum(dim=1) & (2**31 - 1)

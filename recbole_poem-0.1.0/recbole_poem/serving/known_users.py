"""The users of a data set, by their tokens: what they dealt with, and what they were ranked last.

A recommender has read the data set of its checkpoint. So a user of it can be named, and is asked
for behind the last row of the log: with all rows as history, and with the ranking that a request
after them would read. The request cache is opened where it lies, and never built.
"""

from functools import cached_property
from logging import getLogger
from typing import Any, Optional, Sequence

import numpy as np
import pandas as pd
import torch

from recbole_poem.cache.build import cache_folder, existing_cache
from recbole_poem.cache.rankings import stacked
from recbole_poem.cache.reading import read_latest
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.errors import InputError, nearest
from recbole_poem.serving.histories import FlatHistories
from recbole_poem.serving.ranking import Needs
from recbole_poem.serving.ranking_batch import RankingBatch, empty
from recbole_poem.serving.tokens import listed

_MANY = 100_000  # users, among whom no name is looked for that resembles another


class KnownUsers:
    """The users with rows in a log, in the order in which RecBole numbers them.

    Parameters
    ----------
    config : Config
    dataset : Dataset
        The training split of a sequential model; its `log` has the rows of all splits.
    needs : Needs
        What the model reads in a ranking.

    Raises
    ------
    InputError
        If the data set is split beforehand into files, whose rows are no log.
    """

    def __init__(self, config: Any, dataset: Any, needs: Needs) -> None:
        if config["benchmark_filename"] is not None:
            raise InputError(
                "users: the files of benchmark_filename hold single rows and no log; give the "
                "histories themselves"
            )
        self._config, self._dataset, self._log = config, dataset, dataset.log
        #: names of the columns of `rankings`
        self.objectives, self._needs = tuple(needs.objectives), needs
        is_last = self._log.user[1:] != self._log.user[:-1]
        self._last = np.flatnonzero(np.r_[is_last, True])
        names = dataset.field2id_token[dataset.uid_field]
        #: (U,) object, the user tokens
        self.tokens = np.array([str(name) for name in names], object)[self._log.user[self._last]]

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _places(self) -> pd.Index:
        return pd.Index(self.tokens)

    def places(self, users: Any) -> np.ndarray:
        """Return the places of users among `tokens`, (B,) int64.

        Parameters
        ----------
        users : iterable of str or int
            User tokens, each once.

        Raises
        ------
        InputError
            For one that the data set does not have, one that is there twice, and what is no token.
        """
        asked = list(map(str, listed("users", users, "user tokens")))
        found: np.ndarray = self._places.get_indexer(np.array(asked, object)).astype(np.int64)
        unknown = [asked[place] for place in np.flatnonzero(found < 0)]
        if unknown:
            name, more = self._dataset.dataset_name, len(unknown) - 1
            others = f", nor {more} more of those asked for" if more else ""
            near = nearest(unknown[0], self.tokens.tolist()) if len(self) <= _MANY else ""
            raise InputError(f"users: the data set {name} has no user '{unknown[0]}'{others}{near}")
        if len(np.unique(found)) < len(found):
            twice = next(user for place, user in enumerate(asked) if user in asked[:place])
            raise InputError(f"users: '{twice}' is there twice; name each user once")
        return found

    def histories(self, places: np.ndarray, longest: Optional[int] = None) -> FlatHistories:
        """Return all rows of users, by their places (B,), or so many of the last ones."""
        end = self._last[places] + 1
        begin = self._log.first[self._last[places]]
        if longest is not None:
            begin = np.maximum(begin, end - longest)
        length = end - begin
        offset = np.r_[0, np.cumsum(length)]
        row = np.arange(offset[-1]) + np.repeat(begin - offset[:-1], length)
        item, time = self._log.item[row], self._log.time[row]
        return FlatHistories(self.tokens[places], item, time, offset, np.zeros_like(length))

    def rankings(self, places: np.ndarray) -> RankingBatch:
        """Return the rankings that the next requests of users (B,) read; empty where is no cache.

        Raises
        ------
        InputError
            For whatever the ranking source finds wrong with its input.
        """
        if self._cache is None:
            return empty(len(places), self._needs)
        youngest, last = self._config["request_lag"], self._last[places]
        lags = range(youngest, youngest + self._needs.n_rankings)
        read = [read_latest(self._cache, self._log, last, lag) for lag in lags]
        found = stacked(read, axis=1)
        columns = [self._cache.objectives.index(name) for name in self.objectives]
        of_model = torch.from_numpy(found.scores[..., columns])
        stages = None
        if self._needs.stages and found.stages is not None:
            stages = torch.from_numpy(found.stages).long()
        none = np.zeros(len(places), np.int64)
        return RankingBatch(torch.from_numpy(found.items), of_model, none, stages)

    @property
    def has_rankings(self) -> bool:
        """Whether there is a request cache to read."""
        return self._cache is not None

    @property
    def latest_first(self) -> np.ndarray:
        """(U,) int64, the places of the users, of the latest row first."""
        return np.argsort(-self._log.time[self._last], kind="stable")

    @cached_property
    def _cache(self) -> Optional[RequestCache]:
        if not self.objectives or self._config["request_lag"] < 1:
            return None
        cache: Optional[RequestCache] = getattr(self._dataset, "cache", None)
        cache = existing_cache(self._config, self._dataset) if cache is None else cache
        if cache is None or _lacks(cache.objectives, self.objectives):
            folder = cache_folder(self._config, self._dataset)
            getLogger().warning(
                f"users: no request cache of this checkpoint and its data lies in {folder}, so "
                "users are asked for without a ranking; --request_cache_dir names another folder, "
                "and training builds it"
            )
            return None
        return cache


def _lacks(there: Sequence[str], asked: Sequence[str]) -> bool:
    return not set(asked) <= set(there)

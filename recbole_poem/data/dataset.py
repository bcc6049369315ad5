"""The flat sequential data set: the log is kept once, windows are cut when a batch is made.

RecBole's `SequentialDataset` copies, for every prediction row, the padded window of every field:
memory grows with interactions x length x fields. `FlatSequentialDataset` keeps one row per
interaction and yields the same rows, windows, lengths, targets and splits.
"""

from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
import torch
from recbole.data.dataset import Dataset, SequentialDataset
from recbole.data.interaction import Interaction
from scipy import sparse

from recbole_poem.cache.distinct import distinct
from recbole_poem.cache.rankings import Rankings, stacked
from recbole_poem.cache.reading import (
    read_items,
    read_outcomes,
    read_passed_over,
    read_rankings,
    written_at,
)
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import (
    CACHE_ITEM,
    CACHE_SCORE,
    CACHE_STAGE,
    OLDER,
    RANKING_PLACE,
    REQUEST_ID,
)
from recbole_poem.core.times import PER_SECOND
from recbole_poem.data.controls import ShuffledCache, without_history, without_target
from recbole_poem.data.known_tokens import KnownTokens
from recbole_poem.data.request_log import RequestLogMixin
from recbole_poem.data.rows import HistoryLengths, LogRows, in_parts
from recbole_poem.data.time_order import to_single_precision
from recbole_poem.data.windows import gather_windows, row_windows
from recbole_poem.log.requests import ROWS_AT_ONCE
from recbole_poem.log.row_features import RowFeature, features_of, field_of


class FlatSequentialDataset(RequestLogMixin, SequentialDataset):
    """RecBole's `SequentialDataset` in memory proportional to the interactions.

    `flat` holds one row per interaction and is shared by all splits; `inter_feat` is the prediction
    rows among them, by number (own fields, ``item_length`` and ``request_id``). Indexing adds the
    ``*_list`` fields.
    """

    flat: Interaction

    def __init__(self, config: Any, known: Optional[KnownTokens] = None) -> None:
        if config["benchmark_filename"] is not None:
            raise InputError(
                "benchmark_filename: files that are split beforehand carry no flat log to cut "
                "windows from; give one .inter file and eval_args instead"
            )
        super().__init__(config, known)

    def data_augmentation(self) -> None:
        """Index the prediction rows; no window is materialised."""
        self._aug_presets()
        # `_change_feat_format` has sorted the rows by user and time already
        self.flat, exact_time = self.inter_feat, self.inter_feat[self.time_field]
        to_single_precision(self.flat)
        length = HistoryLengths(self.log.first, self.max_item_list_len)
        columns = {**self.flat.interaction, self.item_list_length_field: length}
        columns[self.time_field] = exact_time
        self.inter_feat = LogRows(columns, self._rows_to_predict())

    def _round(self, datasets: List[Dataset]) -> None:
        for dataset in (self, *datasets):
            dataset.inter_feat.replace(self.time_field, self.flat[self.time_field])

    @property
    def avg_actions_of_users(self) -> float:
        """Return the mean number of rows of the users that have any."""
        return self._rows_each(self.uid_field)

    @property
    def avg_actions_of_items(self) -> float:
        """Return the mean number of rows of the items that have any."""
        return self._rows_each(self.iid_field)

    def _rows_each(self, field: str) -> float:
        """Count as RecBole does, which makes a number of Python's of each row."""
        feat, has_row = self.inter_feat, np.zeros(self.num(field), dtype=bool)
        feat = feat.in_any_order() if isinstance(feat, LogRows) else feat
        for ids in in_parts(feat, field, ROWS_AT_ONCE):
            has_row[np.asarray(ids)] = True
        return len(feat) / int(np.count_nonzero(has_row))

    def inter_matrix(self, form: str = "coo", value_field: Optional[str] = None) -> Any:
        """Return the user-item matrix of these rows, and of a user's first row with the second.

        See RecBole's data set for the parameters. Shape (n_users, n_items).
        """
        rows = self.inter_feat[REQUEST_ID]
        first = rows[self.inter_feat[self.item_list_length_field] == 1] - 1
        interactions = LogRows(self.flat.interaction, torch.cat([rows, first]))
        return self._create_sparse_matrix(
            interactions, self.uid_field, self.iid_field, form, value_field
        )

    def __getitem__(self, index: Any, join: bool = True) -> Interaction:
        """Return prediction rows with their windows, as RecBole's data set does."""
        index = index if isinstance(index, slice) else torch.as_tensor(index)
        single = isinstance(index, torch.Tensor) and index.dim() == 0
        rows = self.inter_feat[index.reshape(1) if single else index]
        batch = Interaction(dict(rows.interaction))
        length = batch[self.item_list_length_field]
        start = batch[REQUEST_ID] - length
        for field in self.flat:
            if field != self.uid_field:
                window = gather_windows(self.flat[field], start, length, self.max_item_list_len)
                batch[getattr(self, f"{field}_list_field")] = window
        batch = batch[0] if single else batch
        return self.join(batch) if join else batch


class POEMDataset(FlatSequentialDataset):
    """The flat data set whose rows also carry what the ranking stage said before.

    Once a cache is attached, every row has the raw ranking that its request reads:
    ``cache_item`` (N,) int64, 0 where there is no candidate, and ``cache_score`` (N, M) float32,
    which are minus competition ranks unless the cache keeps raw scores; and ``cache_stage`` (N,)
    int64 where the source tells how far a candidate came. Where the key ``n_rankings`` asks for
    several, ``older_item`` (A - 1, N) and so on hold those before it, the youngest first.
    The keys ``shuffle_rankings`` and, in evaluation, ``hide_target`` tamper with it; see
    `recbole_poem.data.controls`.
    """

    #: what the ranking stage said, and what the model reads: the same unless it is shuffled
    cache: Optional[RequestCache] = None
    read_cache: Optional[RequestCache] = None
    #: row features by their names, and the value of each at every row of the log, (R,)
    row_features: Mapping[str, RowFeature] = {}
    row_values: Mapping[str, torch.Tensor] = {}
    #: log probability of each item as a sampled negative, (n_items,); None = the softmax is exact
    log_q: Optional[torch.Tensor] = None
    #: what a history encoder knows of all items, (n_items, n_items); of the training split alone
    item_graph: Optional[sparse.csr_matrix] = None
    #: names of the M objectives of a ranking
    objectives: Tuple[str, ...] = ()

    def build(self) -> List[Dataset]:
        """Split, and give all splits the row features."""
        datasets = super().build()
        per_second = PER_SECOND[self.config["time_unit"]]
        features = features_of(self.config)
        values = {
            name: torch.from_numpy(feature.of_log(self.log, per_second))
            for name, feature in features.items()
        }
        for dataset in datasets:
            dataset.row_features, dataset.row_values = features, values
        return datasets

    def attach(self, cache: RequestCache) -> None:
        """Let the rows of this split carry rankings of `cache`."""
        self.cache = self.read_cache = cache
        self.objectives = tuple(cache.objectives)
        if self.config["shuffle_rankings"]:
            self.read_cache = ShuffledCache.of(cache, self.log, self.config["seed"])

    def rankings(self, requests: np.ndarray, lag: int) -> Dict[str, torch.Tensor]:
        """Read what `requests` (...) see at `lag`, by the fields of a batch."""
        return _fields_of(self._rankings(requests, lag))

    def several_rankings(self, requests: np.ndarray) -> Tuple[Dict[str, torch.Tensor], np.ndarray]:
        """Read the A rankings that each of `requests` (...) reads, those in common once.

        Returns
        -------
        Fields of U rankings, with ``ranking_place`` (..., A), and the request at which each was
        written, (U,) int64; of an empty one it says nothing.
        """
        cache, lags = self._to_read, self._lags
        read = [self._rankings(requests, lag) for lag in lags]
        written = [written_at(cache, self.log, requests, lag) for lag in lags]
        found = distinct(stacked(read, requests.ndim), np.stack(written, axis=-1))
        place = {RANKING_PLACE: torch.from_numpy(found.place)}
        return {**_fields_of(found.rankings), **place}, found.written

    @property
    def _lags(self) -> List[int]:
        """Requests between a reader and each of the rankings that it reads."""
        youngest: int = self.config["request_lag"]
        return list(range(youngest, youngest + self.config["n_rankings"]))

    @property
    def _to_read(self) -> RequestCache:
        if self.read_cache is None:
            raise RuntimeError("the data set has no request cache; call attach() first")
        return self.read_cache

    def _rankings(self, requests: np.ndarray, lag: int) -> Rankings:
        rankings = read_rankings(self._to_read, self.log, requests, lag)
        if self.config["shuffle_rankings"]:
            rankings = without_history(rankings, self.log, requests)
        return rankings

    def top_of_rankings(self, requests: np.ndarray, k: int) -> torch.Tensor:
        """Return what the rankings of `requests` (...) themselves put on top, (..., k); 0 = none.

        What was consumed from one by then is no part of it. They are labels: the controls leave
        them alone.
        """
        if self.cache is None:
            raise RuntimeError("the data set has no request cache; call attach() first")
        items = read_items(self.cache, self.log, requests, lag=0)
        best = (items == 0).argsort(axis=-1, kind="stable")[..., :k]
        return torch.from_numpy(np.take_along_axis(items, best, axis=-1))

    def scores_of_rankings(self, requests: np.ndarray) -> torch.Tensor:
        """Return the scores of the rankings of `requests` (...) themselves, (..., N, M).

        They go with labels, and the controls leave them alone as well.
        """
        if self.cache is None:
            raise RuntimeError("the data set has no request cache; call attach() first")
        return torch.from_numpy(read_rankings(self.cache, self.log, requests, lag=0).scores)

    def outcomes_of_rankings(self, requests: np.ndarray, meets: np.ndarray) -> torch.Tensor:
        """Return what came of the candidates of `requests` (...), (..., N, L) int8.

        1 where one of the rows in `meets` (L, R) consumed it from that ranking, else 0; -1 where
        there is no candidate.
        """
        if self.cache is None:
            raise RuntimeError("the data set has no request cache; call attach() first")
        items, labels = read_outcomes(self.cache, self.log, requests, meets)
        return torch.from_numpy(np.where(items[..., None] > 0, labels, -1).astype(np.int8))

    def passed_over(self, requests: np.ndarray, taken: np.ndarray, k: int) -> torch.Tensor:
        """Return what the rankings of `requests` (...) had on top, and none of `taken` (R,) took.

        They are labels, (..., k) int64, 0 = none; see `recbole_poem.cache.reading`.
        """
        if self.cache is None:
            raise RuntimeError("the data set has no request cache; call attach() first")
        return torch.from_numpy(read_passed_over(self.cache, self.log, requests, taken, k))

    def row_windows(
        self, start: torch.Tensor, length: torch.Tensor, width: int
    ) -> Dict[str, torch.Tensor]:
        """Return the row features of windows (B,) of the log, (B, width) each, 0 beyond them."""
        return {
            name: row_windows(values, start, length, width)
            for name, values in self.row_values.items()
        }

    def __getitem__(self, index: Any, join: bool = True) -> Interaction:
        """Return prediction rows with windows and, once attached, rankings of the cache.

        Features of users and items are never joined: no model of this data set reads them.
        """
        batch = super().__getitem__(index, False)
        length = batch[self.item_list_length_field]
        one = length.dim() == 0  # a single row
        begin, n = (each.reshape(-1) for each in (batch[REQUEST_ID] - length, length))
        for name, values in self.row_windows(begin, n, self.max_item_list_len).items():
            batch[field_of(name)] = values[0] if one else values
        if self.cache is not None:
            requests = batch[REQUEST_ID].numpy()
            youngest, *older = (self._evaluated(requests, lag) for lag in self._lags)
            fields = _fields_of(youngest)
            if older:
                more = _fields_of(stacked(older, requests.ndim))
                fields.update((OLDER[name], values) for name, values in more.items())
            for name, values in fields.items():
                batch[name] = values
        return batch

    def _evaluated(self, requests: np.ndarray, lag: int) -> Rankings:
        rankings = self._rankings(requests, lag)
        if self.config["hide_target"]:
            rankings = without_target(rankings, self.log, requests)
        return rankings


def _fields_of(rankings: Rankings) -> Dict[str, torch.Tensor]:
    """Return rankings as fields of a batch: stages where they are told."""
    items, scores, stages = rankings
    found = {CACHE_ITEM: torch.from_numpy(items), CACHE_SCORE: torch.from_numpy(scores)}
    return found if stages is None else {**found, CACHE_STAGE: torch.from_numpy(stages).long()}

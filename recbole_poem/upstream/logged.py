"""Real rankings: what a ranking stage logged, from the atomic file ``<dataset>.cand``.

One row per candidate, tab-separated like every atomic file::

    user_id:token  timestamp:float  item_id:token  click:float  like:float  ...

All rows of one user with one timestamp are one ranking; every other float column is an objective's
raw score. The entry of a request is the user's latest ranking whose timestamp is not after the
time of the request's row: the list that the user was looking at, less what was consumed from it.
All rows that fall to one ranking are one request, so the previous request is the previous ranking.
"""

import hashlib
from logging import getLogger
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Tuple

import numpy as np
import pandas as pd

from recbole_poem.errors import InputError
from recbole_poem.upstream.requests import RequestLog
from recbole_poem.upstream.selection import Fusion, in_fused_order

_TYPES = ("token", "token_seq", "float", "float_seq")


class LoggedRanker:
    """Serves the rankings of a ``.cand`` file by request.

    Parameters
    ----------
    path : Path
        The file.
    log : RequestLog
    user_ids, item_ids : mapping of token to internal id
        RecBole's; rows with a token that the log does not have are dropped and counted.
    fields : (user, time, item) column names
    separator : str
        Between columns.
    n_candidates : int
        N; of a longer ranking the N best by fused score are kept.
    fusion : function of M
        Returns how the objectives that the file turns out to have are fused.

    Raises
    ------
    InputError
        Naming the file and the column or line: a missing file or column, a column without a type,
        a score that is no finite number, a candidate listed twice in one ranking.
    """

    def __init__(
        self,
        path: Path,
        log: RequestLog,
        user_ids: Mapping[str, int],
        item_ids: Mapping[str, int],
        fields: Tuple[str, str, str],
        separator: str,
        n_candidates: int,
        fusion: Callable[[int], Fusion],
    ) -> None:
        table, self.objectives = _read(path, fields, separator)
        user_field, time_field, item_field = fields
        user = table[user_field].map(user_ids).to_numpy(float)
        item = table[item_field].map(item_ids).to_numpy(float)
        known = ~(np.isnan(user) | np.isnan(item))
        if not known.any():
            raise InputError(f"{path}: none of its users and items occur in the .inter file")
        if not known.all():
            getLogger().warning(
                f"{path}: {(~known).sum()} of {len(known)} candidates dropped, their user or item "
                "is not in the log"
            )
        scores = table[list(self.objectives)].to_numpy(np.float32)
        time = table[time_field].to_numpy(float)
        line = np.flatnonzero(known)
        order = line[np.lexsort((item[line], time[line], user[line]))]
        self._user, self._time = user[order].astype(np.int64), time[order]
        self._item, self._scores = item[order].astype(np.int64), scores[order]
        twice = _same_as_before(self._user, self._time, self._item)
        if twice.any():
            second = table.index[order[twice][0]] + 2
            raise InputError(f"{path}: line {second}: the candidate is listed twice in one ranking")
        starts = ~_same_as_before(self._user, self._time)
        self._begin = np.flatnonzero(starts)
        self._end = np.r_[self._begin[1:], len(starts)]
        self._log, self._n_candidates = log, n_candidates
        self._by = fusion(len(self.objectives))

    def depends_on(self) -> Dict[str, Any]:
        """Return every setting that the ranking depends on; the file enters by its content."""
        content = hashlib.blake2b(digest_size=16)
        for column in (self._user, self._time, self._item, self._scores):
            content.update(np.ascontiguousarray(column).data)
        return {
            "upstream": "logged",
            "objectives": list(self.objectives),
            "content": content.hexdigest(),
            "n_candidates": self._n_candidates,
            "weights": [float(weight) for weight in self._by.weights],
            "kappa": self._by.kappa,
            "power": self._by.power,
        }

    def request_start(self) -> np.ndarray:
        """Return the first row of each row's ranking: all rows consumed from it are one request."""
        ranking = self._latest(np.arange(len(self._log)))
        is_new = np.r_[True, ranking[1:] != ranking[:-1]] | (self._log.position == 0)
        return np.flatnonzero(is_new)[np.cumsum(is_new) - 1]

    def rank(self, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return the logged ranking of `requests` (B,): items (B, N) and scores (B, N, M)."""
        ranking = self._latest(requests)
        begin = np.where(ranking < 0, 0, self._begin[ranking])
        length = np.where(ranking < 0, 0, self._end[ranking] - begin)
        width = max(int(length.max(initial=0)), self._n_candidates)
        offset = np.arange(width)
        inside = offset < length[:, None]
        row = np.minimum(begin[:, None] + offset, len(self._item) - 1)
        kept = inside & ~self._consumed_since(requests, ranking, self._item[row])
        # in the order of the item ids, which ties then keep
        items = np.where(kept, self._item[row], 0)
        return in_fused_order(items, self._scores[row], self._by, self._n_candidates)

    def _consumed_since(
        self, requests: np.ndarray, ranking: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """Mark `items` (B, W) that the user consumed between the ranking and the request."""
        log = self._log
        index, row = log.rows_before(requests)
        since = log.time[row] >= self._time[self._begin[ranking[index]]]
        consumed = index[since] * log.n_items + log.item[row[since]]
        return np.isin(np.arange(len(items))[:, None] * log.n_items + items, consumed)

    def _latest(self, requests: np.ndarray) -> np.ndarray:
        """Index of each request's ranking, -1 where the user has none by then."""
        user, time = self._log.user[requests], self._log.time[requests]
        of_ranking = np.stack([self._user[self._begin], self._time[self._begin]])
        # rank (user, time) pairs of both sides together; a ranking comes before a request at a tie
        keys = np.concatenate([of_ranking, np.stack([user, time])], axis=1)
        side = np.repeat([0, 1], [of_ranking.shape[1], len(requests)])
        order = np.lexsort((side, keys[1], keys[0]))
        count = np.cumsum(side[order] == 0)
        latest = np.empty(len(order), dtype=np.int64)
        latest[order] = count - 1
        latest = latest[of_ranking.shape[1] :]
        known = (latest >= 0) & (self._user[self._begin[np.maximum(latest, 0)]] == user)
        return np.where(known, latest, -1)


def _same_as_before(*columns: np.ndarray) -> np.ndarray:
    """Mark the rows that equal the row before them in all columns."""
    equal = [np.r_[False, column[1:] == column[:-1]] for column in columns]
    return np.logical_and.reduce(equal)


def _read(
    path: Path, fields: Tuple[str, str, str], separator: str
) -> Tuple[pd.DataFrame, Tuple[str, ...]]:
    """Read and validate the file; columns lose their types, the index + 2 is the line."""
    try:
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, skip_blank_lines=False
        )
    except FileNotFoundError as error:
        raise InputError(f"{path}: upstream 'logged' needs this file") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as an atomic file: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path}: its lines have more columns than its header")
    blank = (table == "").all(axis=1)
    table = table.drop(index=table.index[blank])
    names, types = [], []
    for column in table.columns:
        name, colon, kind = str(column).rpartition(":")
        if not colon:
            raise InputError(f"{path}: column '{column}' has no type; write '{column}:float'")
        if kind not in _TYPES:
            raise InputError(
                f"{path}: column '{column}' has the unknown type '{kind}'; known are "
                f"{', '.join(_TYPES)}"
            )
        names.append(name)
        types.append(kind)
    table.columns = pd.Index(names)
    time_field = fields[1]
    for field in fields:
        if field not in names:
            raise InputError(f"{path}: column '{field}' is missing (found: {', '.join(names)})")
    if table.empty:
        raise InputError(f"{path}: the file has no candidates")
    objectives = tuple(
        name for name, kind in zip(names, types) if kind == "float" and name not in fields
    )
    if not objectives:
        raise InputError(f"{path}: no float column holds an objective's score")
    for field in (time_field, *objectives):
        values = pd.to_numeric(table[field], errors="coerce").to_numpy(float)
        bad = np.flatnonzero(~(np.abs(values) <= np.finfo(np.float32).max))
        if len(bad):
            raise InputError(
                f"{path}: line {table.index[bad[0]] + 2}: '{table[field].iloc[bad[0]]}' in column "
                f"'{field}' is no finite number"
            )
        table[field] = values
    return table, objectives

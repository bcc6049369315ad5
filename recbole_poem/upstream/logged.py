"""Real rankings: what a ranking stage logged, from the atomic file ``<dataset>.cand``.

One row per candidate, tab-separated like every atomic file::

    user_id:token  timestamp:float  item_id:token  click:float  like:float  ...

All rows of one user with one timestamp are one ranking; every other float column is an objective's
raw score, or those that the key ``objectives`` lists. The entry of a request is the user's latest
ranking whose timestamp is not after the time of the request's row: the list that the user was
looking at, less what was consumed from it. All rows that fall to one ranking are one request, so
the previous request is the previous ranking.
"""

import hashlib
from logging import getLogger
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import pandas as pd

from recbole_poem.atomic import AtomicFile, Format, Table
from recbole_poem.atomic.alike_tokens import warn_of_alike_tokens
from recbole_poem.atomic.row_counts import RowCounts
from recbole_poem.errors import InputError
from recbole_poem.times import span_in_words
from recbole_poem.upstream.requests import RequestLog
from recbole_poem.upstream.selection import Fusion, in_fused_order

_FEW = 0.05  # of the requests, below which hardly any has a ranking


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
    form : Format
        Of the file.
    n_candidates : int
        N; of a longer ranking the N best by fused score are kept.
    fusion : function of M
        Returns how the objectives that the file turns out to have are fused.
    objectives : sequence of str, optional
        The float columns to read; None = all of them.
    time_unit : str
        Of the log's time, for the words of errors.

    Raises
    ------
    InputError
        Naming the file and the column or line: a missing file or column, an objective that is no
        float column, an empty field, a candidate listed twice in one ranking. And if no request of
        the log has a ranking by its time.
    """

    def __init__(
        self,
        path: Path,
        log: RequestLog,
        user_ids: Mapping[str, int],
        item_ids: Mapping[str, int],
        fields: Tuple[str, str, str],
        form: Format,
        n_candidates: int,
        fusion: Callable[[int], Fusion],
        objectives: Optional[Sequence[str]] = None,
        time_unit: str = "s",
    ) -> None:
        table, self.objectives = _read(path, fields, form, objectives)
        frame, (user_field, time_field, item_field) = table.frame, fields
        user, item = _ids(frame[user_field], user_ids), _ids(frame[item_field], item_ids)
        for field, ids in ((user_field, user_ids), (item_field, item_ids)):
            warn_of_alike_tokens(f"{path.name}, {field}", [frame[field], list(ids)])
        _count_unknown(path, user, item)
        scores = frame[list(self.objectives)].to_numpy(np.float32)
        time = frame[time_field].to_numpy(float)
        row = np.flatnonzero((user > 0) & (item > 0))
        order = row[np.lexsort((item[row], time[row], user[row]))]
        self._user, self._time = user[order], time[order]
        self._item, self._scores = item[order], scores[order]
        twice = _same_as_before(self._user, self._time, self._item)
        if twice.any():
            second = frame.index[order[twice][0]] + 2
            raise InputError(f"{path}: line {second}: the candidate is listed twice in one ranking")
        starts = ~_same_as_before(self._user, self._time)
        self._begin = np.flatnonzero(starts)
        self._end = np.r_[self._begin[1:], len(starts)]
        self._log, self._n_candidates = log, n_candidates
        self._by = fusion(len(self.objectives))
        self._check_times(path, time_unit)

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

    def _check_times(self, path: Path, unit: str) -> None:
        """Refuse rankings of which none is there by the time of a request; warn of few.

        Raises
        ------
        InputError
            Naming the times of both.
        """
        n_found = int((self._latest(np.arange(len(self._log))) >= 0).sum())
        if n_found >= _FEW * len(self._log):
            return
        words = (
            f"{path}: {n_found or 'none'} of {len(self._log):,} requests has a ranking by its "
            f"time; the rankings are {span_in_words(self._time, unit)}, the log is "
            f"{span_in_words(self._log.time, unit)}{_other_unit(self._time, self._log.time)}"
        )
        if not n_found:
            raise InputError(words)
        getLogger().warning(words)


def _other_unit(rankings: np.ndarray, log: np.ndarray) -> str:
    """Say so where two sets of times look like being of different units."""
    ratio = np.median(rankings) / max(float(np.median(log)), 1.0)
    for factor in (1e3, 1e6, 1e9):
        if 0.5 < ratio / factor < 2 or 0.5 < ratio * factor < 2:
            finer, coarser = ("rankings", "log") if ratio > 1 else ("log", "rankings")
            return (
                f"; one second of the {coarser} is {factor:,.0f} of the {finer}, so write both "
                "in the same unit (key time_unit)"
            )
    return ""


def _ids(tokens: pd.Series, ids: Mapping[str, int]) -> np.ndarray:
    """Return the internal id of each token, (C,) int64; 0 for one that the log does not have."""
    of_category = pd.Series(tokens.cat.categories).map(ids).fillna(0).to_numpy(np.int64)
    return np.r_[of_category, 0][tokens.cat.codes]  # a missing token has the code -1


def _count_unknown(path: Path, user: np.ndarray, item: np.ndarray) -> None:
    """Say how many candidates the log does not know; refuse a file of no others."""
    counts = RowCounts()
    rows = counts.of(path, len(user))
    rows.drop(int((user == 0).sum()), "have a user whom the log does not have")
    rows.drop(int(((item == 0) & (user > 0)).sum()), "have an item that the log does not have")
    if not rows.kept:
        raise InputError(f"{path}: none of its candidates has a user and an item of the log")
    say = getLogger().warning if rows.dropped else getLogger().info
    say(counts.table())


def _same_as_before(*columns: np.ndarray) -> np.ndarray:
    """Mark the rows that equal the row before them in all columns."""
    equal = [np.r_[False, column[1:] == column[:-1]] for column in columns]
    return np.logical_and.reduce(equal)


def _read(
    path: Path,
    fields: Tuple[str, str, str],
    form: Format,
    objectives: Optional[Sequence[str]],
) -> Tuple[Table, Tuple[str, ...]]:
    """Read and validate the file."""
    if not path.is_file():
        raise InputError(f"{path}: upstream 'logged' needs this file")
    file = AtomicFile(path, form)
    for field in fields:
        if field not in file.names:
            raise InputError(
                f"{path}: column '{field}' is missing (found: {', '.join(file.names)})"
            )
    names = _objectives(file, fields, objectives)
    table = file.read([*fields, *names])
    if table.frame.empty:
        raise InputError(f"{path}: the file has no candidates")
    table.require([fields[1], *names])
    return table, tuple(names)


def _objectives(
    file: AtomicFile, fields: Tuple[str, str, str], wanted: Optional[Sequence[str]]
) -> List[str]:
    """Return the columns that are objectives; what is said and is none is named."""
    types = {column.name: column.type for column in file.columns if column.name not in fields}
    floats = [name for name, kind in types.items() if kind == "float"]
    if not floats:
        raise InputError(f"{file.path}: no float column holds an objective's score")
    for name in wanted or ():
        if name not in floats:
            found = f"is declared as {types[name]}" if name in types else "is no column"
            raise InputError(
                f"objectives: '{name}' {found} in {file.path}, whose float columns are "
                f"{', '.join(floats)}"
            )
    names = floats if wanted is None else list(wanted)
    left = [f"{name} ({kind})" for name, kind in types.items() if name not in names]
    if left:
        getLogger().warning(f"{file.path}: no objective is made of {', '.join(left)}")
    return names

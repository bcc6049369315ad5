"""Real rankings: what a ranking stage logged, from the atomic file ``<dataset>.cand``.

One row per candidate, tab-separated like every atomic file::

    user_id:token  timestamp:float  item_id:token  click:float  like:float  ...

All rows of one user with one timestamp are one ranking. Every other float column is an objective's
raw score, or those that the setting ``columns`` lists. A token column ``stage`` may say how far a
candidate came (`recbole_poem.fusion.cascade_stages`); it is kept, and no objective.

A log row has the user's latest ranking whose timestamp is not after its time: the list that the
user was looking at. All rows that fall to one ranking are one request, so the previous request is
the previous ranking. A ranking is kept whole; what was consumed from it leaves it at reading.
"""

import hashlib
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from recbole_poem.cache.build import order_of
from recbole_poem.cache.ranking_file import (
    ids_of,
    known_rows,
    other_unit,
    read_rankings,
    stages_of,
    warn_of_ties,
)
from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.sources import SourceContext, SourceSettings
from recbole_poem.core.atomic import Format
from recbole_poem.core.atomic.alike_tokens import warn_of_alike_tokens
from recbole_poem.core.atomic.row_counts import FileRows, RowCounts
from recbole_poem.core.errors import InputError
from recbole_poem.core.run_log import say
from recbole_poem.core.settings import Range, or_nothing, setting
from recbole_poem.core.stages import RANKING_SOURCES
from recbole_poem.core.times import span_in_words
from recbole_poem.fusion.scores import CandidateOrder
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.selection import fused_order

_FEW = 0.05  # of the requests, below which hardly any has a ranking
_COLUMNS = Range(
    lambda v: (
        isinstance(v, list)
        and bool(v)
        and all(isinstance(name, str) for name in v)
        and len(set(v)) == len(v)
    ),
    "a list of float columns of .cand, such as [click, like], each once",
)


class LoggedRanker:
    """Serves the rankings of a ``.cand`` file that log rows have.

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
        fusion: Callable[[int], CandidateOrder],
        objectives: Optional[Sequence[str]] = None,
        time_unit: str = "s",
    ) -> None:
        self._path = path
        table, self.objectives = read_rankings(path, fields, form, objectives)
        frame, (user_field, time_field, item_field) = table.frame, fields
        user, item = ids_of(frame[user_field], user_ids), ids_of(frame[item_field], item_ids)
        for field, ids in ((user_field, user_ids), (item_field, item_ids)):
            warn_of_alike_tokens(f"{path.name}, {field}", [frame[field], list(ids)])
        rows = known_rows(path, frame[user_field], frame[item_field], user, item)
        scores = frame[list(self.objectives)].to_numpy(np.float64)
        time = frame[time_field].to_numpy(float)
        row = np.flatnonzero((user > 0) & (item > 0))
        order = row[np.lexsort((item[row], time[row], user[row]))]
        self._user, self._time = user[order], time[order]
        self._item, exact = item[order], scores[order]
        self._scores = exact.astype(np.float32)
        stages = stages_of(frame)
        self._stages = None if stages is None else stages[order]
        self.has_stages = stages is not None
        twice = _same_as_before(self._user, self._time, self._item)
        if twice.any():
            second = frame.index[order[twice][0]] + 2
            raise InputError(f"{path}: line {second}: the candidate is listed twice in one ranking")
        starts = ~_same_as_before(self._user, self._time)
        self._begin = np.flatnonzero(starts)
        self._end = np.r_[self._begin[1:], len(starts)]
        warn_of_ties(path, np.cumsum(starts), exact, self._scores)
        self._log, self._n_candidates = log, n_candidates
        self._by = fusion(len(self.objectives))
        latest = self._latest()  # of each row; -1 = none by then
        #: rankings that are read, and which of them each row has
        self._read = np.unique(latest[latest >= 0])
        self._numbers = np.where(latest >= 0, np.searchsorted(self._read, latest), -1)
        self._check_times(time_unit)
        self._say(rows, time_unit)

    def depends_on(self) -> Dict[str, Any]:
        """Return every setting that the ranking depends on; the file enters by its content."""
        content = hashlib.blake2b(digest_size=16)
        stages = [] if self._stages is None else [self._stages]
        for column in (self._user, self._time, self._item, self._scores, *stages):
            content.update(np.ascontiguousarray(column).data)
        return {
            "objectives": list(self.objectives),
            "content": content.hexdigest(),
            "n_candidates": self._n_candidates,
            "score_fusion": self._by.fingerprint(),
        }

    def numbers(self) -> np.ndarray:
        """Return the ranking of each log row, (R,) int64; -1 where there is none by then."""
        return self._numbers

    def rank(self, rankings: np.ndarray) -> Rankings:
        """Return logged rankings by number (B,), the best N of each."""
        begin = self._begin[self._read[rankings]]
        length = self._end[self._read[rankings]] - begin
        width = max(int(length.max(initial=0)), self._n_candidates)
        offset = np.arange(width)
        row = np.minimum(begin[:, None] + offset, len(self._item) - 1)
        # in the order of the item ids, which ties then keep
        items = np.where(offset < length[:, None], self._item[row], 0)
        best = fused_order(items, self._scores[row], self._by)[:, : self._n_candidates]
        row = np.take_along_axis(row, best, axis=1)
        items = np.take_along_axis(items, best, axis=1)
        scores = self._scores[row] * (items > 0)[..., None]
        return Rankings(items, scores, None if self._stages is None else self._stages[row])

    def _latest(self) -> np.ndarray:
        """Return the ranking of each row of the log, (R,) int64; -1 where there is none by then."""
        user, time = self._log.user, self._log.time
        of_ranking = np.stack([self._user[self._begin], self._time[self._begin]])
        # rank (user, time) pairs of both sides together; a ranking comes before a request at a tie
        keys = np.concatenate([of_ranking, np.stack([user, time])], axis=1)
        side = np.repeat([0, 1], [of_ranking.shape[1], len(user)])
        order = np.lexsort((side, keys[1], keys[0]))
        count = np.cumsum(side[order] == 0)
        latest = np.empty(len(order), dtype=np.int64)
        latest[order] = count - 1
        latest = latest[of_ranking.shape[1] :]
        known = (latest >= 0) & (self._user[self._begin[np.maximum(latest, 0)]] == user)
        return np.where(known, latest, -1)

    def _check_times(self, unit: str) -> None:
        """Refuse rankings of which none is there by the time of a request; warn of few.

        Raises
        ------
        InputError
            Naming the times of both; and where these look like being of two units.
        """
        n_requests = len(self._log)
        n_found = int((self._numbers >= 0).sum())
        other = other_unit(self._time, self._log.time)
        if n_found >= _FEW * n_requests and not other:
            return
        words = (
            f"{self._path}: {n_found or 'none'} of {n_requests:,} requests has a ranking by its "
            f"time; the rankings are {span_in_words(self._time, unit)}, the log is "
            f"{span_in_words(self._log.time, unit)}"
        )
        if other or not n_found:
            raise InputError(f"{words}{other}")
        getLogger().warning(f"{words}; the others are ranked without")

    def _say(self, rows: FileRows, unit: str) -> None:
        """Tell what was read, how many candidates went, and of which the model will see nothing."""
        read = np.zeros(len(self._begin), dtype=bool)
        read[self._read] = True
        length = self._end - self._begin
        rows.drop(int(length[~read].sum()), "are of rankings that come last before no request")
        longer = np.maximum(length[read] - self._n_candidates, 0)
        rows.drop(int(longer.sum()), f"are not among the best {self._n_candidates} (n_candidates)")
        begin = self._time[self._begin]
        say(
            "logged",
            f"{self._path}: {len(length):,} rankings of {len(self._item):,} candidates, "
            f"{span_in_words(begin, unit)}, by {len(self.objectives)} objectives "
            f"({', '.join(self.objectives)}); {int(read.sum()):,} of the rankings are read",
        )
        counts = RowCounts({self._path: rows})
        tell = getLogger().warning if counts.surprising else getLogger().info
        tell(counts.table())


@RANKING_SOURCES.register("logged")
class Logged(LoggedRanker):
    """Rankings that a ranking stage logged, of ``<dataset>.cand`` beside the data set."""

    unread_keys = ("objectives",)  # those are columns of the file

    @dataclass(frozen=True)
    class Settings(SourceSettings):
        """What is read of the file."""

        columns: Optional[List[str]] = setting(
            None,
            or_nothing(_COLUMNS, "for all"),
            "float columns of .cand that are objectives, in their order",
        )

    def __init__(self, settings: "Logged.Settings", context: SourceContext) -> None:
        config, dataset = context.config, context.dataset
        super().__init__(
            Path(config["data_path"]) / f"{dataset.dataset_name}.cand",
            dataset.log,
            dataset.field2token_id[dataset.uid_field],
            dataset.field2token_id[dataset.iid_field],
            (dataset.uid_field, dataset.time_field, dataset.iid_field),
            Format.of(config),
            settings.n_candidates,
            lambda n_objectives: order_of(config, n_objectives),
            settings.columns,
            config["time_unit"],
        )


def _same_as_before(*columns: np.ndarray) -> np.ndarray:
    """Mark the rows that equal the row before them in all columns."""
    equal = [np.r_[False, column[1:] == column[:-1]] for column in columns]
    return np.logical_and.reduce(equal)

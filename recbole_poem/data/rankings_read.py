"""Which rankings of a request cache a run reads, before there is one.

They are those before the requests that are drawn in its epochs, before the rows that are evaluated,
and before the next request of each user, which is no row of the log. A loss that is made of the
rankings of requests themselves reads these as well. All of it is told by the keys and the split.
"""

from typing import Any, Sequence

import numpy as np

from recbole_poem.cache.reading import written_before
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.data.epochs import Epochs
from recbole_poem.data.rows import in_parts
from recbole_poem.log.requests import ROWS_AT_ONCE, RequestLog


def epochs_of(config: Any, train: POEMDataset) -> Epochs:
    """Return the epochs of a training split."""
    return Epochs(
        train.log,
        in_parts(train.inter_feat, REQUEST_ID, ROWS_AT_ONCE),
        config["MAX_ITEM_LIST_LENGTH"],
        config["requests_per_window"],
        config["seed"],
    )


class RankingsRead:
    """What a run reads.

    Parameters
    ----------
    config : Config
    splits : three POEMDataset
        For training, validation and test.
    reads : bool
        Whether requests carry the rankings of the requests before them.
    labels : bool
        Whether losses are made of the rankings of requests themselves.

    Attributes
    ----------
    asking : (R,) bool
        Rows that ask: requests drawn in some epoch and, where requests carry rankings, rows that
        are evaluated.
    """

    def __init__(
        self, config: Any, splits: Sequence[POEMDataset], reads: bool, labels: bool
    ) -> None:
        train, *evaluated = splits
        self._log: RequestLog = train.log
        self._reads, self._labels = reads, labels
        self._lags = range(config["request_lag"], config["request_lag"] + config["n_rankings"])
        self._drawn = epochs_of(config, train).asking(config["epochs"])
        self._evaluated = [split.inter_feat[REQUEST_ID].numpy() for split in evaluated]
        self.asking = self._drawn.copy()
        if reads:
            self.asking[np.concatenate(self._evaluated)] = True

    def __call__(self, request_start: np.ndarray) -> np.ndarray:
        """Mark the rows whose rankings are read, (R,) bool.

        Parameters
        ----------
        request_start : (R,) int64
            The first row of each row's ranking.
        """
        log = self._log
        read = self._drawn.copy() if self._labels else np.zeros(len(log), dtype=bool)
        last = np.flatnonzero(np.r_[log.user[1:] != log.user[:-1], True])
        for lag in self._lags:
            readers = [*self._evaluated, *([np.flatnonzero(self._drawn)] if self._reads else [])]
            places = [written_before(request_start, log, rows, lag) for rows in readers]
            if lag:  # a user's next request reads from behind the last row
                places.append(written_before(request_start, log, last, lag - 1))
            written = np.concatenate(places)
            read[written[written >= 0]] = True
        return read

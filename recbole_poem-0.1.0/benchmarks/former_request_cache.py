"""The request cache before each ranking was stored once: a padded ranking for every log row.

What building, writing and reading did then, to be measured against what replaced them.
"""

import hashlib
from pathlib import Path
from typing import Any, Tuple

import numpy as np

from recbole_poem.cache.sources.logged import LoggedRanker
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.selection import in_fused_order

Rankings = Tuple[np.ndarray, np.ndarray]


class FormerLogged(LoggedRanker):
    """Makes the logged ranking of each row anew, less what was consumed since."""

    def rank(self, requests: np.ndarray) -> Any:
        """Return the logged ranking of `requests` (B,): items (B, N) and scores (B, N, M)."""
        number = self._numbers[requests]
        ranking = np.where(number < 0, -1, self._read[number])
        begin = np.where(ranking < 0, 0, self._begin[ranking])
        length = np.where(ranking < 0, 0, self._end[ranking] - begin)
        width = max(int(length.max(initial=0)), self._n_candidates)
        offset = np.arange(width)
        inside = offset < length[:, None]
        row = np.minimum(begin[:, None] + offset, len(self._item) - 1)
        kept = inside & ~self._consumed_since(requests, ranking, self._item[row])
        items = np.where(kept, self._item[row], 0)
        return in_fused_order(items, self._scores[row], self._by, self._n_candidates)

    def _consumed_since(
        self, requests: np.ndarray, ranking: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        log = self._log
        index, row = log.rows_before(requests)
        since = log.time[row] >= self._time[self._begin[ranking[index]]]
        consumed = index[since] * log.n_items + log.item[row[since]]
        return np.isin(np.arange(len(items))[:, None] * log.n_items + items, consumed)


class FormerCache:
    """N item ids and N x M scores of every log row, in two files."""

    def __init__(self, folder: Path, request_start: np.ndarray) -> None:
        self.items, self.scores = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("items", "scores")
        )
        self.request_start = request_start

    def read(self, log: RequestLog, requests: np.ndarray) -> Rankings:
        """Read the ranking before each of `requests` (B,), less what was consumed since."""
        written = self.request_start[requests] - 1
        written = np.where(written >= log.first[requests], written, -1)
        known = written[..., None] >= 0
        items = np.where(known, self.items[written], 0).astype(np.int64)
        scores = np.where(known[..., None], self.scores[written], 0)
        ages = np.where(written >= 0, requests - written, 0)
        for age in range(1, int(ages.max(initial=0)) + 1):
            since = np.where(age <= ages, log.item[requests - age], -1)
            items[items == since[..., None]] = 0
        return items, scores * (items > 0)[..., None]


def build(folder: Path, ranks: Any, n_rows: int, chunk: int = 2048) -> None:
    """Rank every row in one process, write two files, and take their checksums as before."""
    names = {"items": "<i4", "scores": "<f4"}
    files = {name: (folder / f"{name}.npy").open("wb") for name in names}
    for begin in range(0, n_rows, chunk):
        ranked = ranks.rank(np.arange(begin, min(begin + chunk, n_rows)))
        for (name, kind), array in zip(names.items(), ranked):
            if begin == 0:
                shape = (n_rows, *array.shape[1:])
                header = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(files[name], header)
            files[name].write(np.ascontiguousarray(array, kind).data)
    for name, file in files.items():
        file.close()
        for _ in range(2):  # once for the record, once at opening
            digest = hashlib.blake2b(digest_size=32)
            with (folder / f"{name}.npy").open("rb") as written:
                while block := written.read(1 << 24):
                    digest.update(block)

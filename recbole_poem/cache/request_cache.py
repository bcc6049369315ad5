"""The request cache: for every request of the log, the ranking stage's candidates and scores.

On disk a ranking is N item ids and N x M scores, in two ``.npy`` files that are memory-mapped, so
that a cache may be larger than memory. A cache is built once and found again by the hash of
everything it depends on; its files carry a checksum, and one that was changed or cut short is
built anew.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Protocol, Sequence, Tuple, runtime_checkable

import numpy as np
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import in_turn
from recbole_poem.core.run_log import say
from recbole_poem.core.workers import Map
from recbole_poem.log.requests import RequestLog

FORMAT = 3

Rankings = Tuple[np.ndarray, np.ndarray]


class Ranks(Protocol):
    """What makes the rankings of a request cache."""

    def rank(self, requests: np.ndarray) -> Rankings:
        """Rank for `requests` (B,): item ids (B, N), 0 = none, and raw scores (B, N, M).

        Candidates stand best first, as the ranking stage orders them. The ranking of request r is
        made from rows ``first[r]..r-1`` of the log alone, and does not depend on the others.
        """


class Ranker(Ranks, Protocol):
    """A ranking source, with what it depends on."""

    @property
    def objectives(self) -> Sequence[str]:
        """Names of the M objectives, in the order of the scores."""

    def depends_on(self) -> Dict[str, Any]:
        """Return every setting that the ranking depends on, as JSON values."""

    def request_start(self) -> np.ndarray:
        """Return, for every row of the log, the first row that the same ranking led to, (R,)."""


@runtime_checkable
class EstimatingRanker(Ranker, Protocol):
    """A ranking source that estimates something from the log before it ranks, in parallel."""

    def estimate(self, parallel_map: Map, show_progress: bool) -> Ranks:
        """Return who ranks; its content has to travel to workers."""


@dataclass(frozen=True)
class RequestCache:
    """N candidates and M scores of every request, read from disk when asked for.

    Attributes
    ----------
    items : (R, N) int32 memory map
        Candidates, best first as the ranker saw them; 0 = no candidate.
    scores : (R, N, M) float32 memory map
        Raw scores of the candidates, one column per objective.
    objectives : tuple of str
        Names of the M columns.
    path : Path
        The folder that holds the files.
    request_start : (R,) int64
        The first row that the same ranking led to: rows consumed from one list are one request.
    was_built : bool
        Whether it was made just now, and not found.
    """

    items: np.ndarray
    scores: np.ndarray
    objectives: Tuple[str, ...]
    path: Path
    request_start: np.ndarray
    was_built: bool = field(default=False, kw_only=True)

    def has_ranking(self) -> np.ndarray:
        """Mark the requests with a candidate, (R,) bool; a ranking has its best one first."""
        return np.asarray(self.items[:, 0] > 0)

    def read(self, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return items (..., N) int64 and scores (..., N, M) of `requests` (...); -1 is empty."""
        known = requests[..., None] >= 0
        items = np.where(known, self.items[requests], 0).astype(np.int64)
        return items, np.where(known[..., None], self.scores[requests], 0)


def open_or_build(
    folder: Path,
    log: RequestLog,
    ranker: Ranker,
    chunk: int = 2048,
    show_progress: bool = False,
    parallel_map: Map = map,
    settings: Optional[Dict[str, Any]] = None,
) -> RequestCache:
    """Open the cache that `ranker` would fill for `log`, or build it.

    Parameters
    ----------
    folder : Path
        Where caches lie; one sub-folder each, named by the hash of log and settings.
    chunk : int
        Requests ranked at a time, by one worker; it does not change the rankings.
    parallel_map : Map
        What ranks the chunks; see `recbole_poem.core.workers`.
    settings : dict, optional
        Of the source, as JSON values: a cache depends on them, whatever the ranker says.

    Raises
    ------
    InputError
        If the files cannot be written (the disk is full, say); nothing half-written stays.
    """
    path, key, depends_on = _place(folder, log, ranker, settings)
    cache, why = _open(path, key, ranker)
    if cache is not None:
        getLogger().info(f"request cache: {len(log)} rankings read from [{path}]")
        return cache
    say("cache", f"building {len(log):,} rankings in {path} ({why})")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = folder.parent / f".{folder.name}-{path.name}.lock"
        with in_turn(lock, f"it builds {path}"):
            if _open(path, key, ranker)[0] is None:  # nobody has built it meanwhile
                meta = {"key": key, "objectives": list(ranker.objectives), "settings": depends_on}
                _build(path, meta, log, ranker, chunk, show_progress, parallel_map)
    except OSError as error:
        raise InputError(
            f"request_cache_dir: the request cache cannot be written to {path}: "
            f"{error.strerror or error}"
        ) from error
    cache, why = _open(path, key, ranker)
    if cache is None:
        raise InputError(f"request_cache_dir: {path} changed while it was written ({why})")
    return replace(cache, was_built=True)


def open_existing(
    folder: Path, log: RequestLog, ranker: Ranker, settings: Optional[Dict[str, Any]] = None
) -> Optional[RequestCache]:
    """Open the cache that `open_or_build` would open; None where it would build one."""
    path, key, _ = _place(folder, log, ranker, settings)
    return _open(path, key, ranker)[0]


def _place(
    folder: Path, log: RequestLog, ranker: Ranker, settings: Optional[Dict[str, Any]]
) -> Tuple[Path, str, Dict[str, Any]]:
    """Return where a cache lies, its fingerprint, and what that is of."""
    depends_on = {**(settings or {}), **ranker.depends_on()}
    key = fingerprint(log, depends_on)
    return folder / key[:16], key, depends_on


def fingerprint(log: RequestLog, settings: Dict[str, Any]) -> str:
    """Hash a log, its training part and the settings of whatever is made from them."""
    digest = hashlib.blake2b(digest_size=32)
    for name in ("user", "item", "time", "training"):
        digest.update(np.ascontiguousarray(getattr(log, name)).data)
    for name in sorted(log.values):
        digest.update(name.encode() + np.ascontiguousarray(log.values[name]).data)
    sizes = {"n_users": log.n_users, "n_items": log.n_items}
    digest.update(json.dumps({"format": FORMAT, **sizes, **settings}, sort_keys=True).encode())
    return digest.hexdigest()


def _checksum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            digest.update(block)
    return digest.hexdigest()


def _open(path: Path, key: str, ranker: Ranker) -> Tuple[Optional[RequestCache], str]:
    """Return the cache in `path`, or None and the reason why it will not do."""
    if not path.is_dir():
        return None, "there is none for this data, split and keys"
    try:
        meta = json.loads((path / "meta.json").read_text())
        if meta["key"] != key:
            return None, "the one there was built from other data or keys"
        for name in ("items", "scores"):
            if _checksum(path / f"{name}.npy") != meta[name]:
                return None, f"{name}.npy was changed or cut short"
        items, scores = (
            np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("items", "scores")
        )
        objectives = tuple(meta["objectives"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, f"the one there cannot be read: {error}"
    return RequestCache(items, scores, objectives, path, ranker.request_start()), ""


def _build(
    path: Path,
    meta: Dict[str, Any],
    log: RequestLog,
    ranker: Ranker,
    chunk: int,
    show_progress: bool,
    parallel_map: Map,
) -> None:
    """Fill a temporary folder and move it into place, so that no half-built cache is ever seen.

    The caller holds the lock: what a killed build has left is nobody's any more.
    """
    for left in path.parent.glob(f".{path.name}-*"):
        shutil.rmtree(left)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        rankings = _ranked(log, ranker, chunk, show_progress, parallel_map)
        _write(temporary, rankings, len(log), show_progress)
        sums = {name: _checksum(temporary / f"{name}.npy") for name in ("items", "scores")}
        (temporary / "meta.json").write_text(json.dumps({**meta, **sums}, indent=1))
        # as readable as the folder it lies in; mkdtemp makes it private
        temporary.chmod(path.parent.stat().st_mode & 0o777)
        if path.exists():  # damaged, or of other data
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _ranked(
    log: RequestLog, ranker: Ranker, chunk: int, show_progress: bool, parallel_map: Map
) -> Iterable[Rankings]:
    """Rank all requests, chunk by chunk, in order."""
    ranks: Ranks = ranker
    if isinstance(ranker, EstimatingRanker):
        ranks = ranker.estimate(parallel_map, show_progress)
    chunks = [(begin, min(begin + chunk, len(log))) for begin in range(0, len(log), chunk)]
    return parallel_map(partial(_rank_range, ranks), chunks)


def _rank_range(ranks: Ranks, bounds: Tuple[int, int]) -> Rankings:
    return ranks.rank(np.arange(*bounds))


def _write(
    folder: Path, rankings: Iterable[Rankings], n_requests: int, show_progress: bool
) -> None:
    """Write the rankings as they come: on a full disk a memory map would die of a bus error."""
    with (folder / "items.npy").open("wb") as items_file, (folder / "scores.npy").open(
        "wb"
    ) as scores_file, tqdm(
        total=n_requests,
        desc="request cache",
        unit="request",
        leave=False,
        disable=not show_progress,
    ) as bar:
        for items, scores in rankings:
            if items_file.tell() == 0:
                _write_header(items_file, "<i4", (n_requests, *items.shape[1:]))
                _write_header(scores_file, "<f4", (n_requests, *scores.shape[1:]))
            items_file.write(np.ascontiguousarray(items, "<i4").data)
            scores_file.write(np.ascontiguousarray(scores, "<f4").data)
            bar.update(len(items))


def _write_header(file: Any, dtype: str, shape: Tuple[int, ...]) -> None:
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)

"""Opening a request cache, or building what is missing of it.

A cache is a folder, found again by the hash of everything it depends on::

    meta.json       the key, objectives, settings, numbers, processor seconds; written last
    number.npy      (R,) the ranking of each log row, -1 = none
    made.npy        (n_rankings,) bool, which were made; only where some are left out
    part-00000/     see `recbole_poem.cache.parts`

Workers write the parts, whole or not at all. A part that is missing, was changed or cut short is
built again, and no other: an interrupted build goes on.
"""

import hashlib
import json
import shutil
from dataclasses import replace
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from tqdm import tqdm

from recbole_poem.cache.parts import (
    DamagedPartError,
    Order,
    Range,
    Spent,
    checksum_of,
    open_part,
    ranges,
    save,
    usual_size,
    write_part,
)
from recbole_poem.cache.rankings import EstimatingRanker, Ranker, Ranks
from recbole_poem.cache.request_cache import RequestCache, starts
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import in_turn, whole_file
from recbole_poem.core.meter import Meter
from recbole_poem.core.run_log import say
from recbole_poem.core.workers import Map
from recbole_poem.log.requests import RequestLog

FORMAT = 4


class Building(NamedTuple):
    """How a cache is built; nothing of it changes the rankings.

    Attributes
    ----------
    chunk : int
        Rankings that are made at a time.
    part_size : int, optional
        Rankings of a part; None leaves it to their number.
    parallel_map : Map
        What writes the parts; see `recbole_poem.core.workers`.
    show_progress : bool
    """

    chunk: int = 2048
    part_size: Optional[int] = None
    parallel_map: Map = map
    show_progress: bool = False


#: from the first row of each row's ranking, (R,) int64, to the rows whose ranking is read
Reads = Callable[[np.ndarray], np.ndarray]

#: one process, without a bar
USUAL = Building()


def open_or_build(
    folder: Path,
    log: RequestLog,
    ranker: Ranker,
    settings: Optional[Dict[str, Any]] = None,
    raw_scores: bool = False,
    how: Building = USUAL,
    reads: Optional[Reads] = None,
) -> RequestCache:
    """Open the cache that `ranker` would fill for `log`, or build what is missing of it.

    Parameters
    ----------
    folder : Path
        Where caches lie; one sub-folder each, named by the hash of log and settings.
    settings : dict, optional
        Of the source, as JSON values: a cache depends on them, whatever the ranker says.
    raw_scores : bool
        Whether it keeps the scores themselves, and not their competition ranks.
    how : Building
    reads : Reads, optional
        Finds the rows whose rankings are read, and no others are made. The settings have to say
        what it depends on. None = all are made.

    Raises
    ------
    InputError
        If the files cannot be written (the disk is full, say); no part is half-written then.
    """
    path, meta = _place(folder, log, ranker, settings, raw_scores)
    cache, why = _open(path, meta["key"], log)
    if cache is not None:
        getLogger().info(f"request cache: {cache.n_rankings} rankings read from [{path}]")
        return cache
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = folder.parent / f".{folder.name}-{path.name}.lock"
        with in_turn(lock, f"it builds {path}"):
            cache, _ = _open(path, meta["key"], log)  # somebody may have built it meanwhile
            return cache or _built(path, meta, log, ranker, how, why, reads)
    except OSError as error:
        raise InputError(
            f"request_cache_dir: the request cache cannot be written to {path}: "
            f"{error.strerror or error}"
        ) from error


def open_existing(
    folder: Path,
    log: RequestLog,
    ranker: Ranker,
    settings: Optional[Dict[str, Any]] = None,
    raw_scores: bool = False,
) -> Optional[RequestCache]:
    """Open the cache that `open_or_build` would open; None where it would build one."""
    path, meta = _place(folder, log, ranker, settings, raw_scores)
    return _open(path, meta["key"], log)[0]


def _place(
    folder: Path,
    log: RequestLog,
    ranker: Ranker,
    settings: Optional[Dict[str, Any]],
    raw_scores: bool,
) -> Tuple[Path, Dict[str, Any]]:
    """Return where a cache lies, and what is known of it: its fingerprint, and that is of what."""
    depends_on = {"raw_scores": raw_scores, **(settings or {}), **ranker.depends_on()}
    key = fingerprint(log, depends_on)
    about = {"objectives": list(ranker.objectives), "raw_scores": raw_scores}
    return folder / key[:16], {"key": key, **about, "settings": depends_on}


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


def _open(
    path: Path, key: str, log: RequestLog, is_checked: bool = True
) -> Tuple[Optional[RequestCache], str]:
    """Return the cache in `path`, or None and the reason why it will not do."""
    if not path.is_dir():
        return None, "there is none for this data, split and keys"
    try:
        meta = json.loads((path / "meta.json").read_text())
        if meta["key"] != key:
            return None, "the one there was built from other data or keys"
        arrays = {}
        for name in ("number", *(["made"] if "made" in meta else [])):
            if checksum_of(path / f"{name}.npy") != meta[name]:
                return None, f"{name}.npy was changed or cut short"
            arrays[name] = np.load(path / f"{name}.npy", allow_pickle=False)
        all_parts = ranges(meta["n_rankings"], meta["part_size"])
        parts = [open_part(path, key, part, is_checked)[0] for part in all_parts]
        about = tuple(meta["objectives"]), path, bool(meta["raw_scores"])
        cache = RequestCache.of_parts(parts, arrays["number"], log, *about)
        spent = float(meta["processor_seconds"])
        return replace(cache, found_seconds=spent, made=arrays.get("made")), ""
    except DamagedPartError as error:
        return None, str(error)
    except FileNotFoundError as error:
        return None, f"the one there is not complete: it has no {Path(error.filename).name}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, f"the one there cannot be read: {error}"


def _built(
    path: Path,
    meta: Dict[str, Any],
    log: RequestLog,
    ranker: Ranker,
    how: Building,
    why: str,
    reads: Optional[Reads],
) -> RequestCache:
    """Build what is missing of the cache in `path`, and return it; the caller holds the lock."""
    for left in path.glob(".*"):  # of a build that was killed: nobody's any more
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    meter = Meter()
    number = ranker.numbers()
    n_rankings = int(number.max(initial=-1)) + 1
    size = how.part_size or usual_size(n_rankings)
    missing, found = _missing(path, meta["key"], ranges(n_rankings, size))
    made = None if reads is None else _made(reads, number, log, n_rankings)
    n_missing = _number_made(missing, made)
    share = f"{n_missing:,} of {n_rankings:,}" if found else f"{n_rankings:,}"
    left_out = f", {n_rankings - int(made.sum()):,} are read by nobody" if made is not None else ""
    say("cache", f"building {share} rankings in {path} ({why}){left_out}")
    found_seconds = sum(spent.ranking for spent in found)
    if missing:
        ranks, of_earlier = _estimated(ranker, meter, how)
        found_seconds += of_earlier
        where = path.absolute()  # others need not work in the same folder
        order = Order(ranks, where, meta["key"], meta["raw_scores"], how.chunk, meter.seconds, made)
        _write_parts(order, missing, meter.metered(how.parallel_map), how.show_progress)
    else:  # all that is missing was written after them
        found_seconds += max((spent.estimating for spent in found), default=0.0)
    kept = number.astype("<i4" if n_rankings < 2**31 else "<i8")
    with whole_file(path / "number.npy") as file:
        about = {"n_rankings": n_rankings, "part_size": size, "number": save(file, kept)}
    if made is not None:
        with whole_file(path / "made.npy") as file:
            about["made"] = save(file, made)
    spent = {"processor_seconds": meter.seconds + found_seconds}
    with whole_file(path / "meta.json") as file:
        file.write(json.dumps({**meta, **about, **spent}, indent=1).encode())
    cache, what = _open(path, meta["key"], log, is_checked=False)
    if cache is None:
        raise InputError(
            f"request_cache_dir: {path} is not as it was written ({what}); workers on other "
            "machines have to share this folder"
        )
    return replace(cache, was_built=True, found_seconds=found_seconds)


def _made(reads: Reads, number: np.ndarray, log: RequestLog, n_rankings: int) -> np.ndarray:
    """Mark the rankings that are to be made, (n_rankings,) bool."""
    made = np.zeros(n_rankings, dtype=bool)
    read = number[reads(starts(number, log))]
    made[read[read >= 0]] = True
    return made


def _number_made(parts: Sequence[Range], made: Optional[np.ndarray]) -> int:
    """Count the rankings of parts that are to be made."""
    if made is None:
        return sum(part.end - part.begin for part in parts)
    return sum(int(made[part.begin : part.end].sum()) for part in parts)


def _missing(path: Path, key: str, parts: List[Range]) -> Tuple[List[Range], List[Spent]]:
    """Return the parts that have to be built, and what the others took; remove what is none."""
    missing, found = [], []
    for part in parts:
        try:
            found.append(open_part(path, key, part, is_checked=True)[1])
        except DamagedPartError:
            missing.append(part)
    names = {part.name for part in parts}
    for other in path.glob("part-*"):
        if other.name not in names:
            shutil.rmtree(other)
    return missing, found


def _estimated(ranker: Ranker, meter: Meter, how: Building) -> Tuple[Ranks, float]:
    """Return who ranks, and the processor seconds of what was estimated at another time."""
    if not isinstance(ranker, EstimatingRanker):
        return ranker, 0.0
    ranks = ranker.estimate(meter.metered(how.parallel_map), how.show_progress)
    return ranks, ranker.found_seconds


def _write_parts(order: Order, parts: List[Range], parallel_map: Map, show_progress: bool) -> None:
    total = _number_made(parts, order.made)
    with tqdm(
        total=total, desc="request cache", unit="ranking", leave=False, disable=not show_progress
    ) as bar:
        for n_done in parallel_map(partial(write_part, order), parts):
            bar.update(n_done)

"""Rows of some users on one day, to their rankings and exposures."""

from typing import Any, Dict, NamedTuple, Tuple

import numpy as np
import pandas as pd

from recbole_poem.data.convert.interactions import ratio
from recbole_poem.data.convert.recflow.columns import CAND, INTER, OF_EXPOSURE
from recbole_poem.data.convert.recflow.described import with_gaps
from recbole_poem.data.convert.recflow.found import Found
from recbole_poem.data.convert.recflow.places import (
    Position,
    has,
    rank_places,
    rerank_places,
    stages,
)
from recbole_poem.data.convert.recflow.reading import MISSING
from recbole_poem.data.convert.request_times import apart
from recbole_poem.fusion.cascade_stages import STAGES

_KEY = [("user", "<i4"), ("time", "<i8"), ("request", "<i8"), ("video", "<i4"), ("row", "<i8")]
CANDIDATE = np.dtype(
    [*_KEY, ("flags", "u1"), ("rank_index", "<i8"), ("rerank_index", "<i8")]
)  # fmt: skip
EXPOSURE = np.dtype(
    [*_KEY, ("duration", "<i8"), *((name, "<i8") for name in OF_EXPOSURE)]
)  # fmt: skip


class Converted(NamedTuple):
    """The rows to write.

    Attributes
    ----------
    exposures : DataFrame
        Of ``.inter``.
    candidates : DataFrame
        Of ``.cand``.
    """

    exposures: pd.DataFrame
    candidates: pd.DataFrame


def convert_rows(
    candidates: np.ndarray, exposures: np.ndarray, how: Position, found: Found
) -> Converted:
    """Put the rows in the order of user, time and request, and find the candidates' places.

    Parameters
    ----------
    candidates : (C,) of `CANDIDATE`
    exposures : (E,) of `EXPOSURE`
    how : Position
    found : Found
        Counts what there is.
    """
    candidates, twice = _once(candidates)
    found.twice["candidates"] += twice
    exposures, twice = _once(exposures)
    found.twice["exposures"] += twice
    user, time, request, number = _numbered(candidates, exposures)
    moved = apart(user, time)
    found.moved += int((moved != time).sum())
    found.torn += len(request) - len(np.unique(np.stack([user, request]), axis=1).T)
    of_candidate, of_exposure = np.split(number, [len(candidates)])
    found.requests += len(np.unique(of_exposure))
    return Converted(
        _exposures(exposures, moved[of_exposure], found),
        _candidates(candidates, of_candidate, moved[of_candidate], how, found),
    )


def _once(rows: np.ndarray) -> Tuple[np.ndarray, int]:
    """Return the first row of each (user, time, request, video), in order, and count the others."""
    order = np.lexsort([rows[name] for name in ("row", "video", "request", "time", "user")])
    rows = rows[order]
    is_new = np.ones(len(rows), dtype=bool)
    names = [name for name, _ in _KEY[:-1]]
    is_new[1:] = np.logical_or.reduce([rows[name][1:] != rows[name][:-1] for name in names])
    kept = rows[is_new]
    order = np.lexsort([kept[name] for name in ("row", "request", "time", "user")])
    return kept[order], len(rows) - len(kept)


def _numbered(candidates: np.ndarray, exposures: np.ndarray) -> Tuple[np.ndarray, ...]:
    """Give numbers to the requests of both, in the order of user, time and id.

    Returns
    -------
    user, time, request : (Q,) int64
    number : (C + E,) int64
        The request of each row.
    """
    names = ("user", "time", "request")
    keys = [np.concatenate([candidates[name], exposures[name]]).astype(np.int64) for name in names]
    order = np.lexsort(keys[::-1])
    is_new = np.ones(len(order), dtype=bool)
    in_order = [key[order] for key in keys]
    is_new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in in_order])
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(is_new) - 1
    return (*(key[is_new] for key in in_order), number)


def _exposures(rows: np.ndarray, time: np.ndarray, found: Found) -> pd.DataFrame:
    """Return the rows of ``.inter``."""
    columns: Dict[str, Any] = {
        "request_id": rows["request"],
        "user_id": rows["user"],
        "video_id": rows["video"],
        "request_timestamp": time,
        "duration": with_gaps(rows["duration"]),
        **{name: with_gaps(rows[name]) for name in OF_EXPOSURE},
    }
    frame = pd.DataFrame(columns, copy=False)
    known = (rows["duration"] > 0) & (rows["playing_time"] != MISSING) & (rows["long_view"] == 1)
    found.long_views += int(known.sum())
    found.whole_views += int((known & (rows["playing_time"] >= rows["duration"])).sum())
    frame["play_ratio"] = ratio(frame["playing_time"], frame["duration"])
    return frame[list(INTER)]


def _candidates(
    rows: np.ndarray, number: np.ndarray, time: np.ndarray, how: Position, found: Found
) -> pd.DataFrame:
    """Return the rows of ``.cand``."""
    _, ranking = np.unique(number, return_inverse=True)
    flags = rows["flags"]
    rank, of_rank = rank_places(ranking, flags, rows["rank_index"], how)
    rerank, of_rerank = rerank_places(ranking, flags, rows["rerank_index"], how)
    stage = stages(flags)
    found.rankings += int(ranking.max(initial=-1)) + 1
    found.stages += np.bincount(stage, minlength=len(STAGES))
    for kind, negatives in (("rank", of_rank), ("rerank", of_rerank)):
        found.add_negatives(kind, negatives)
        found.contrary += int((has(flags, f"{kind}_pos") & has(flags, f"{kind}_neg")).sum())
        _count_smallest(ranking, has(flags, f"{kind}_pos"), rows[f"{kind}_index"], kind, found)
    columns = {
        "user_id": rows["user"],
        "request_timestamp": time,
        "video_id": rows["video"],
        "rank": -rank,
        "rerank": -rerank,
        "stage": pd.Categorical.from_codes(stage, STAGES),
        "rank_index": with_gaps(rows["rank_index"]),
        "rerank_index": with_gaps(rows["rerank_index"]),
    }
    return pd.DataFrame(columns, copy=False)[list(CAND)]


def _count_smallest(
    ranking: np.ndarray, positive: np.ndarray, index: np.ndarray, kind: str, found: Found
) -> None:
    """Count the rankings by the smallest position of their best."""
    if not positive.any():
        return
    none = np.iinfo(np.int64).max
    smallest = np.full(int(ranking.max()) + 1, none)
    np.minimum.at(smallest, ranking[positive], np.where(index < 0, -1, index)[positive])
    for value, number in zip(*np.unique(smallest[smallest < none].clip(max=2), return_counts=True)):
        found.smallest[kind][int(value)] += int(number)

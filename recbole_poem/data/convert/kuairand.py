"""KuaiRand (Gao et al., CIKM 2022), versions Pure, 1K and 27K: logs, users, videos.

Derived are ``play_ratio`` = play_time_ms / duration_ms, empty where duration_ms is not above 0, and
above 1 where a video was played again; and, with a history file, ``is_history``.
"""

import re
from pathlib import Path
from typing import Dict, List, Optional

import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import CODE, COUNT, ID, Column
from recbole_poem.data.convert.conversion import Source, convert_source
from recbole_poem.data.convert.history import History, find_history
from recbole_poem.data.convert.interactions import LogFormat, ratio
from recbole_poem.data.convert.reading import data_folder, find, some_names, stem
from recbole_poem.data.convert.summary import Summary
from recbole_poem.data.convert.users import UserTable
from recbole_poem.data.convert.videos import VideoTable

FEEDBACK = [
    "is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view",
    "is_profile_enter", "is_rand",
]  # fmt: skip

LOG_COLUMNS: Dict[str, Column] = {
    "user_id": ID,
    "video_id": ID,
    "date": CODE,
    "hourmin": CODE,
    "time_ms": COUNT,
    **dict.fromkeys(FEEDBACK[:7], COUNT),
    "play_time_ms": COUNT,
    "duration_ms": COUNT,
    "profile_stay_time": COUNT,
    "comment_stay_time": COUNT,
    **dict.fromkeys(FEEDBACK[7:], COUNT),
    "tab": CODE,
}


def _derive(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    return rows.assign(play_ratio=ratio(rows["play_time_ms"], rows["duration_ms"]))


def _derive_beside_history(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    return _derive(rows, path).assign(is_history=0)


LOG = LogFormat("a log of KuaiRand", LOG_COLUMNS, "time_ms", {"play_ratio": "float"}, _derive)
LOG_BESIDE_HISTORY = LOG._replace(
    derived={**LOG.derived, "is_history": "float"}, derive=_derive_beside_history
)


def convert(
    source: Path,
    output: Path,
    logs: Optional[List[str]] = None,
    history: bool = False,
    statistics: bool = True,
    keep_duplicates: bool = False,
) -> str:
    """Convert KuaiRand, whatever part of it `source` holds.

    Parameters
    ----------
    source : Path
        The folder of the ``.csv`` or ``.csv.gz`` files, or the one above its folder ``data``.
    output : Path
        The folder to write, named like the data set.
    logs : list of str, optional
        Only the logs whose names begin with one of these.
    history : bool
        Put the rows of ``history_events_*_derived``, which have no times, in front.
    statistics : bool
        Add ``video_features_statistic_*`` to the items where it is there.
    keep_duplicates : bool
        Only count the rows that repeat an earlier (user, video, time); published counts have them.

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with a file; nothing is written then.
    """
    folder = data_folder(source)
    paths = _logs(folder, logs)
    users = UserTable(_single(folder, "user_features_*"))
    videos = VideoTable(
        find(folder, "video_features_basic_*"),
        find(folder, "video_features_statistic_*") if statistics else [],
    )
    earlier = History(find_history(folder, paths)) if history else None
    log = LOG_BESIDE_HISTORY if history else LOG
    summary = Summary("time_ms", "ms", FEEDBACK, "play_ratio")
    parts = Source(log, paths, users, videos, summary, earlier)
    _check_version([*paths, *parts.others])
    return convert_source(parts, output, keep_duplicates)


def _logs(folder: Path, names: Optional[List[str]]) -> List[Path]:
    paths = find(folder, "log_standard_*") + find(folder, "log_random_*")
    if not paths:
        raise InputError(
            f"{folder}: there is no log_standard_*.csv or log_random_*.csv (or .csv.gz) of "
            f"KuaiRand in it; it holds {some_names(folder)}"
        )
    if names is None:
        return paths
    for name in names:
        if not any(path.name.startswith(name) for path in paths):
            raise InputError(
                f"--logs: no log begins with '{name}'; {folder} has "
                + ", ".join(path.name for path in paths)
            )
    return [path for path in paths if path.name.startswith(tuple(names))]


def _single(folder: Path, pattern: str) -> Optional[Path]:
    paths = find(folder, pattern)
    if len(paths) > 1:
        raise InputError(f"{paths[0]} and {paths[1].name}: expected one of them")
    return paths[0] if paths else None


def _check_version(paths: List[Path]) -> None:
    """Refuse files of several versions, whose ids do not mean the same users and videos."""
    versions: Dict[str, Path] = {}
    for path in paths:
        match = re.search(r"_(pure|1k|27k)(_part\d+)?$", stem(path))
        if match:
            versions.setdefault(match[1], path)
    if len(versions) > 1:
        first, second = list(versions.values())[:2]
        raise InputError(
            f"{first} and {second.name} are of different versions of KuaiRand, which number users "
            "and videos differently; convert one version at a time"
        )

"""KuaiRec (Gao et al., CIKM 2022), version 2.0: the big and the small matrix, users, videos.

Derived are labels as the platform defines them, by the rules published with KuaiRand:
``long_view`` is 1 where the play reached the end of the video or 18 s, ``valid_play`` where it
reached the end or went beyond 7 s; both are empty where video_duration is not above 0.
``is_small_matrix`` says which matrix a row is from. ``watch_ratio`` is the original one, empty
where video_duration is not above 0.
"""

from pathlib import Path
from typing import Dict, Optional

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import CODE, COUNT, ID, NUMBER, TEXT, Column
from recbole_poem.data.convert.conversion import Source, convert_source
from recbole_poem.data.convert.interactions import LogFormat
from recbole_poem.data.convert.items import ItemTable
from recbole_poem.data.convert.reading import data_folder, find, some_names, stem
from recbole_poem.data.convert.summary import Summary
from recbole_poem.data.convert.users import UserTable

MATRIX_COLUMNS: Dict[str, Column] = {
    "user_id": ID,
    "video_id": ID,
    "play_duration": COUNT,
    "video_duration": COUNT,
    "time": TEXT,
    "date": CODE,
    "timestamp": NUMBER,
    "watch_ratio": Column("float", "ratio"),
}
FEEDBACK = ["valid_play", "long_view"]
_DERIVED = {**dict.fromkeys(FEEDBACK, "float"), "is_small_matrix": "float"}
#: --matrix -> the files
MATRICES = {
    "big": ["big_matrix"],
    "small": ["small_matrix"],
    "both": ["big_matrix", "small_matrix"],
}


def _derive(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    played, length = (
        rows[column].astype(np.float64) for column in ("play_duration", "video_duration")
    )
    known = (length > 0) & played.notna()
    finished = played >= length
    labels = {
        "valid_play": finished | (length > 7_000) & (played > 7_000),
        "long_view": finished | (length > 18_000) & (played >= 18_000),
    }
    return rows.assign(
        watch_ratio=rows["watch_ratio"].where(known),
        **{name: label.astype("Int64").where(known) for name, label in labels.items()},
        is_small_matrix=int(stem(path) == "small_matrix"),
    )


MATRIX = LogFormat("a matrix of KuaiRec", MATRIX_COLUMNS, "timestamp", _DERIVED, _derive)


def convert(
    source: Path,
    output: Path,
    matrix: str = "big",
    statistics: bool = True,
    keep_duplicates: bool = False,
) -> str:
    """Convert KuaiRec, whatever part of it `source` holds.

    Parameters
    ----------
    source : Path
        The folder of the ``.csv`` or ``.csv.gz`` files, or the one above its folder ``data``.
    output : Path
        The folder to write, named like the data set.
    matrix : str
        ``big``, ``small`` or ``both``.
    statistics : bool
        Add the daily counts of ``item_daily_features``, averaged, to the items.
    keep_duplicates : bool
        Only count the rows that repeat an earlier (user, video, time).

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
    paths = [_required(folder, name) for name in MATRICES[matrix]]
    features = _optional(folder, "user_features")
    users = UserTable(features, _optional(folder, "social_network") if features else None)
    items = ItemTable(
        _optional(folder, "item_categories"),
        _optional(folder, "kuairec_caption_category"),
        _optional(folder, "item_daily_features"),
        statistics,
    )
    summary = Summary("timestamp", "s", FEEDBACK, "watch_ratio")
    parts = Source(MATRIX, paths, users, items, summary)
    return convert_source(parts, output, keep_duplicates)


def _required(folder: Path, name: str) -> Path:
    path = _optional(folder, name)
    if path is None:
        raise InputError(
            f"{folder}: there is no {name}.csv (or .csv.gz) of KuaiRec in it; it holds "
            f"{some_names(folder)}"
        )
    return path


def _optional(folder: Path, name: str) -> Optional[Path]:
    return next(iter(find(folder, name)), None)

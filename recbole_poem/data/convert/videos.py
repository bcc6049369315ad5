"""The items of KuaiRand: basic features, and the statistics of each video beside them.

KuaiRand-27K has 32 million videos and 20 GB of statistics. These are kept in a temporary file of
numbers, one row a video, and looked up when the video's basic features come by.
"""

import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import (
    ID,
    LIST,
    NUMBER,
    TEXT,
    Column,
    as_list,
)
from recbole_poem.data.convert.reading import chunks

BASIC_COLUMNS: Dict[str, Column] = {
    "video_id": ID,
    "author_id": TEXT,
    "video_type": TEXT,
    "upload_dt": TEXT,
    "upload_type": TEXT,
    "visible_status": TEXT,
    "video_duration": NUMBER,
    "server_width": NUMBER,
    "server_height": NUMBER,
    "music_id": TEXT,
    "music_type": TEXT,
    "tag": LIST,
}

_STATISTIC_COLUMNS = """
video_id counts show_cnt show_user_num play_cnt play_user_num play_duration complete_play_cnt
complete_play_user_num valid_play_cnt valid_play_user_num long_time_play_cnt long_time_play_user_num
short_time_play_cnt short_time_play_user_num play_progress comment_stay_duration like_cnt
like_user_num click_like_cnt double_click_cnt cancel_like_cnt cancel_like_user_num comment_cnt
comment_user_num direct_comment_cnt reply_comment_cnt delete_comment_cnt delete_comment_user_num
comment_like_cnt comment_like_user_num follow_cnt follow_user_num cancel_follow_cnt
cancel_follow_user_num share_cnt share_user_num download_cnt download_user_num report_cnt
report_user_num reduce_similar_cnt reduce_similar_user_num collect_cnt collect_user_num
cancel_collect_cnt cancel_collect_user_num direct_comment_user_num reply_comment_user_num
share_all_cnt share_all_user_num outsite_share_all_cnt
"""
STATISTIC_COLUMNS: Dict[str, Column] = {name: NUMBER for name in _STATISTIC_COLUMNS.split()}
STATISTIC_COLUMNS["video_id"] = ID
_MEASURES = list(STATISTIC_COLUMNS)[1:]


class VideoTable:
    """The rows of ``.item``.

    Parameters
    ----------
    basic, statistic : list of Path
        The files, in any number of parts, none included.

    Raises
    ------
    InputError
        For statistics without basic features.
    """

    def __init__(self, basic: List[Path], statistic: List[Path]) -> None:
        if statistic and not basic:
            raise InputError(
                f"{statistic[0]}: statistics are added to video_features_basic_*, which is "
                "missing; add that file or give --no_statistics"
            )
        self._basic, self._statistic = basic, statistic
        self.paths = [*basic, *statistic]
        #: sentences for the summary, once the rows have been read
        self.notes: List[str] = []

    def types(self) -> Dict[str, str]:
        """Return the columns and their types; none without files."""
        columns = {**BASIC_COLUMNS, **(STATISTIC_COLUMNS if self._statistic else {})}
        return {name: column.type for name, column in columns.items()} if self.paths else {}

    def rows(self, folder: Path, bar: Any = None) -> Iterator[pd.DataFrame]:
        """Yield the rows, a row a video, in the order of the files.

        Parameters
        ----------
        folder : Path
            Where a temporary file may lie.

        Raises
        ------
        InputError
            For whatever is wrong with a file.
        """
        n_repeated, seen = 0, np.zeros(0, dtype=bool)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".statistics-") as file:
            place = self._keep_statistics(file, bar)
            values = np.memmap(file.name, np.float64, "r") if place.any() else np.empty(0)
            values = values.reshape(-1, len(_MEASURES))
            for path in self._basic:
                for _, part in chunks(path, BASIC_COLUMNS, "video_features_basic", bar):
                    ids = part["video_id"].to_numpy()
                    seen = _room(seen, ids)
                    fresh = ~seen[ids] & ~part["video_id"].duplicated().to_numpy()
                    seen[ids] = True
                    n_repeated += int((~fresh).sum())
                    new = part[fresh].assign(tag=as_list(part["tag"]))
                    yield _with_statistics(new, place, values) if self._statistic else new
        if n_repeated:
            self.notes.append(f"dropped {n_repeated:,} rows of videos that were there already")

    def _keep_statistics(self, file: Any, bar: Any) -> np.ndarray:
        """Write the statistics into `file`; return the row of each video, from 1, 0 if none."""
        place, n_rows = np.zeros(1, dtype=np.int32), 0
        for path in self._statistic:
            for _, part in chunks(path, STATISTIC_COLUMNS, "video_features_statistic", bar):
                ids = part["video_id"].to_numpy()
                place = _room(place, ids)
                fresh = (place[ids] == 0) & ~part["video_id"].duplicated().to_numpy()
                place[ids[fresh]] = np.arange(n_rows + 1, n_rows + 1 + fresh.sum())
                n_rows += int(fresh.sum())
                file.write(part.loc[fresh, _MEASURES].to_numpy(np.float64).tobytes())
        file.flush()
        return place


def _with_statistics(part: pd.DataFrame, place: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    ids = part["video_id"].to_numpy()
    row = np.where(ids < len(place), place[np.minimum(ids, len(place) - 1)], 0)
    found = np.full((len(part), len(_MEASURES)), np.nan)
    found[row > 0] = values[row[row > 0] - 1]
    return part.join(pd.DataFrame(found, index=part.index, columns=_MEASURES))


def _room(array: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return `array`, longer than the largest of `ids`."""
    size = int(ids.max(initial=-1)) + 1
    return (
        array if size <= len(array) else np.pad(array, (0, max(size, 2 * len(array)) - len(array)))
    )

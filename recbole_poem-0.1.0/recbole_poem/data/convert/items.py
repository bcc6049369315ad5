"""The items of KuaiRec: categories, captions, and what is known of a video day by day."""

import csv
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import (
    CODE,
    ID,
    LIST,
    NUMBER,
    TEXT,
    Column,
    as_list,
    as_text,
    check_header,
    first_of_each,
)
from recbole_poem.data.convert.reading import header_of, text_lines, whole

CATEGORY_COLUMNS: Dict[str, Column] = {"video_id": ID, "feat": LIST}
CAPTION_COLUMNS: Dict[str, Column] = {
    "video_id": ID,
    "manual_cover_text": TEXT,
    "caption": TEXT,
    "topic_tag": LIST,
    **{
        f"{level}_level_category_{part}": TEXT
        for level in ("first", "second", "third")
        for part in ("id", "name")
    },
}
#: of ``item_daily_features``: what does not change from day to day
STEADY_COLUMNS: Dict[str, Column] = {
    "author_id": TEXT,
    "video_type": TEXT,
    "upload_dt": TEXT,
    "upload_type": TEXT,
    "visible_status": TEXT,
    "video_duration": NUMBER,
    "video_width": NUMBER,
    "video_height": NUMBER,
    "music_id": TEXT,
    "video_tag_id": TEXT,
    "video_tag_name": TEXT,
}
_MEASURE_NAMES = """
show_cnt show_user_num play_cnt play_user_num play_duration complete_play_cnt complete_play_user_num
valid_play_cnt valid_play_user_num long_time_play_cnt long_time_play_user_num short_time_play_cnt
short_time_play_user_num play_progress comment_stay_duration like_cnt like_user_num click_like_cnt
double_click_cnt cancel_like_cnt cancel_like_user_num comment_cnt comment_user_num
direct_comment_cnt reply_comment_cnt delete_comment_cnt delete_comment_user_num comment_like_cnt
comment_like_user_num follow_cnt follow_user_num cancel_follow_cnt cancel_follow_user_num share_cnt
share_user_num download_cnt download_user_num report_cnt report_user_num reduce_similar_cnt
reduce_similar_user_num collect_cnt collect_user_num cancel_collect_cnt cancel_collect_user_num
"""
_MEASURES = _MEASURE_NAMES.split()
DAILY_COLUMNS: Dict[str, Column] = {
    "video_id": ID,
    "date": CODE,
    **STEADY_COLUMNS,
    **dict.fromkeys(_MEASURES, NUMBER),
}
#: RecBole knows a field by its name alone, and the matrices have columns of these names
_RENAMED = {"video_duration": "item_video_duration", "play_duration": "item_play_duration"}


class ItemTable:
    """The rows of ``.item``, a row a video that any of the files knows, by id.

    Parameters
    ----------
    categories, captions, daily : Path, optional
        The files.
    statistics : bool
        Whether the daily counts are wanted: their mean over the days of the file.
    """

    def __init__(
        self,
        categories: Optional[Path],
        captions: Optional[Path],
        daily: Optional[Path],
        statistics: bool,
    ) -> None:
        self._categories, self._captions, self._daily = categories, captions, daily
        self._statistics = statistics
        self.paths = [path for path in (categories, captions, daily) if path is not None]
        #: sentences for the summary, once the rows have been read
        self.notes: List[str] = []

    def types(self) -> Dict[str, str]:
        """Return the columns and their types; none without files."""
        columns: Dict[str, Column] = {}
        if self._categories is not None:
            columns.update(CATEGORY_COLUMNS)
        if self._captions is not None:
            columns.update(CAPTION_COLUMNS)
        if self._daily is not None:
            columns.update({"video_id": ID, **STEADY_COLUMNS})
            if self._statistics:
                columns.update(dict.fromkeys(_MEASURES, NUMBER))
        return {_RENAMED.get(name, name): column.type for name, column in columns.items()}

    def rows(self, folder: Path, bar: Any = None) -> Iterator[pd.DataFrame]:
        """Yield the rows, all at once.

        Raises
        ------
        InputError
            For whatever is wrong with a file.
        """
        if not self.paths:
            return
        tables: List[Tuple[Path, pd.DataFrame]] = []
        if self._categories is not None:
            feat = whole(self._categories, CATEGORY_COLUMNS, "item_categories", bar)
            tables.append((self._categories, feat.assign(feat=as_list(feat["feat"]))))
        if self._captions is not None:
            tables.append((self._captions, self._read_captions(self._captions, bar)))
        if self._daily is not None:
            tables.append((self._daily, self._read_daily(self._daily, bar)))
        rows = pd.DataFrame({"video_id": pd.Series(dtype="int64")})
        for path, table in tables:
            once = first_of_each(table, "video_id", self.notes, path.name)
            rows = rows.merge(once, on="video_id", how="outer")
        yield rows.sort_values("video_id").rename(columns=_RENAMED)

    def _read_daily(self, path: Path, bar: Any) -> pd.DataFrame:
        days = whole(path, DAILY_COLUMNS, "item_daily_features", bar)
        days = days.sort_values(["video_id", "date"], kind="stable")
        steady = days.drop_duplicates("video_id")[["video_id", *STEADY_COLUMNS]]
        if not self._statistics:
            return steady
        mean = days.groupby("video_id")[_MEASURES].mean().round(6).reset_index()
        return steady.merge(mean, on="video_id")

    def _read_captions(self, path: Path, bar: Any) -> pd.DataFrame:
        """Read captions, whose line ends break some rows, which are counted and left out."""
        check_header(path, header_of(path), CAPTION_COLUMNS, "kuairec_caption_category")
        good, n_broken = [], 0
        for row in _fields(path, bar):
            is_whole = len(row) == len(CAPTION_COLUMNS) and row[0].isdecimal()
            n_broken += not is_whole
            if is_whole:
                good.append(row)
        if n_broken:
            self.notes.append(f"dropped {n_broken:,} rows of {path.name} that are broken")
        table = pd.DataFrame(good, columns=header_of(path), dtype=object)
        table = table.apply(lambda column: as_text(column))
        return table.assign(
            video_id=table["video_id"].astype("int64"), topic_tag=as_list(table["topic_tag"])
        )


def _fields(path: Path, bar: Any) -> Iterator[List[str]]:
    reader = csv.reader(text_lines(path, bar))
    next(reader)
    try:
        yield from reader
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from error

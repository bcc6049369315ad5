"""The frame of all conversions: a data set of its own, made of nothing but its parts."""

from typing import Any, Dict, Iterator, List

import pandas as pd
import pytest
import worlds

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.columns import COUNT, ID, TEXT
from recbole_poem.data.convert.conversion import Source, convert_source
from recbole_poem.data.convert.interactions import LogFormat
from recbole_poem.data.convert.summary import Summary

LOG = LogFormat(
    "a log of toys",
    {"user_id": ID, "video_id": ID, "time": COUNT, "liked": COUNT, "share": COUNT},
    "time",
    {"source": "token"},
    lambda rows, path: rows.assign(source=path.stem),
)


class Toys:
    """A table whose second part never comes if `fails`."""

    def __init__(self, path: Any, fails: bool = False) -> None:
        self.paths, self.fails = [path] if path else [], fails
        self.notes: List[str] = []

    def types(self) -> Dict[str, str]:
        return {"video_id": ID.type, "colour": TEXT.type} if self.paths else {}

    def rows(self, folder: Any, bar: Any = None) -> Iterator[pd.DataFrame]:
        for video in range(2 * len(self.paths)):
            if video and self.fails:
                raise InputError("toys.csv, line 2: broken")
            yield pd.DataFrame({"video_id": [video], "colour": ["red"]})
        self.notes += [f"read {path.name}" for path in self.paths]


class Before:
    """Two rows without a share, an hour before the log."""

    def __init__(self, path: Any) -> None:
        self.path = path

    def rows(self, start: float, bar: Any = None) -> Iterator[pd.DataFrame]:
        for user in (1, 2):
            yield pd.DataFrame({"user_id": [user], "video_id": [9], "time": [int(start) - 3600]})


@pytest.fixture
def parts(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    log = pd.DataFrame({"user_id": [1, 1, 1], "video_id": [3, 3, 4], "time": [9000, 9000, 9060]})
    worlds.write(log.assign(liked=[1, 0, 0], share=1), raw / "first.csv")
    worlds.write(log.assign(liked=1, share=1, user_id=2)[:1], raw / "second.csv")
    (raw / "toys.csv").write_text("video_id,colour\n")
    return {
        "log": LOG,
        "paths": [raw / "first.csv", raw / "second.csv"],
        "users": Toys(None),
        "items": Toys(raw / "toys.csv"),
        "summary": Summary("time", "s", ["liked"], "share"),
    }


def test_a_data_set_brings_its_parts_and_nothing_else(tmp_path, parts):
    before = Before(tmp_path / "raw" / "toys.csv")
    summary = convert_source(Source(**parts, earlier=before), tmp_path / "toys", False)
    assert sorted(worlds.contents(tmp_path / "toys")) == ["toys.inter", "toys.item"]
    rows = worlds.read(tmp_path / "toys", "inter")
    assert list(rows["time"]) == ["5400", "5400", "9000", "9060", "9000"]
    assert list(rows["source"]) == ["", "", "first", "first", "second"]
    assert list(rows["liked"]) == ["", "", "1", "0", "1"]
    assert list(worlds.read(tmp_path / "toys", "item")["video_id"]) == ["0", "1"]
    assert summary.splitlines()[0] == "3 interactions, 2 users, 2 items"
    assert summary.splitlines()[3:] == [
        "in front of them 2 earlier rows without a time, from toys.csv",
        "dropped 1 rows that repeat an earlier (user, video, time)",
        "read toys.csv",
    ]


def test_repetitions_are_kept_where_they_are_wanted(tmp_path, parts):
    summary = convert_source(Source(**parts), tmp_path / "toys", True)
    assert len(worlds.read(tmp_path / "toys", "inter")) == 4
    assert "kept 1 rows that repeat" in summary and "in front" not in summary


def test_a_table_that_breaks_off_leaves_nothing(tmp_path, parts):
    parts["items"] = Toys(tmp_path / "raw" / "toys.csv", fails=True)
    with pytest.raises(InputError, match="line 2: broken"):
        convert_source(Source(**parts), tmp_path / "toys", False)
    assert worlds.contents(tmp_path / "toys") == {}

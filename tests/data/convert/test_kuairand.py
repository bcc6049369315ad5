"""KuaiRand: a miniature with every oddity, and the real part where it is there."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import worlds

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert import history, interactions, kuairand, reading, users

LOG = "log_standard_4_25_to_5_08_pure.csv"
PART_AT_HAND = Path(__file__).parents[4] / "shared" / "data" / "kuairand-pure"


@pytest.fixture
def source(tmp_path):
    return worlds.kuairand(tmp_path / "raw")


def test_rows_and_columns_are_those_of_the_logs_less_repetitions(tmp_path, source):
    output = tmp_path / "mini"
    kuairand.convert(source, output)
    raw = pd.concat(
        pd.read_csv(next(source.glob(pattern)), dtype=str)
        for pattern in ("log_standard_*", "log_random_*")
    )
    kept = raw.drop_duplicates(["user_id", "video_id", "time_ms"], keep="first")
    assert len(raw) - len(kept) == 3
    rows = worlds.read(output, "inter")
    pd.testing.assert_frame_equal(rows[list(raw.columns)], kept.reset_index(drop=True))
    declared = worlds.types(output, "inter")
    tokens = {"user_id", "video_id", "date", "hourmin", "tab"}
    assert {name for name, kind in declared.items() if kind == "token"} == tokens
    assert list(declared) == [*raw.columns, "play_ratio"]


def test_the_ratio_goes_beyond_one_and_is_empty_without_a_duration(tmp_path, source):
    kuairand.convert(source, tmp_path / "mini")
    ratio = worlds.read(tmp_path / "mini", "inter")["play_ratio"]
    assert list(ratio[[3, 17]]) == ["", ""]
    assert float(ratio[5]) == 3.0
    assert (ratio != "").sum() == len(ratio) - 2


def test_users_and_videos(tmp_path, source):
    summary = kuairand.convert(source, tmp_path / "mini")
    users, items = (worlds.read(tmp_path / "mini", kind) for kind in ("user", "item"))
    assert list(users["fans_user_num_range"]) == ["[100,1k)"] * 8
    assert users["onehot_feat4"][0] == ""
    assert list(items["video_id"]) == [str(video) for video in range(10)]
    assert "2 rows of videos that were there already" in summary
    assert list(items["tag"][:4]) == ["1", "12 65", "", "3"]
    assert worlds.types(tmp_path / "mini", "item")["tag"] == "token_seq"
    assert items["video_duration"][0] == "" and float(items["video_duration"][1]) == 9000.5
    # the statistics stand in another order, in two parts; row 3 is in both, video 0 in none
    assert list(items["show_cnt"]) == ["", *(f"{9 - video + 0.125}" for video in range(1, 10))]


def test_statistics_of_no_video_are_empty(tmp_path, source):
    for path in source.glob("video_features_statistic_*"):
        path.write_text(path.read_text().partition("\n")[0] + "\n")
    kuairand.convert(source, tmp_path / "mini")
    items = worlds.read(tmp_path / "mini", "item")
    assert len(items) == 10
    assert set(items["show_cnt"]) == {""}


def test_statistics_stay_away_on_demand(tmp_path, source):
    kuairand.convert(source, tmp_path / "mini", statistics=False)
    assert "show_cnt" not in worlds.types(tmp_path / "mini", "item")


def test_the_summary_says_what_there_is_and_what_was_dropped(tmp_path, source, capsys):
    output = tmp_path / "mini"
    assert main(["convert", "kuairand", "--source", str(source), "--output", str(output)]) == 0
    rows = worlds.read(output, "inter")
    said = capsys.readouterr().out
    users, items = rows["user_id"].nunique(), rows["video_id"].nunique()
    assert f"80 interactions, {users} users, {items} items" in said
    assert "from 2022-04-25 23:20 to 2022-04-27 03:06, Beijing time" in said
    assert f"is_like {rows['is_like'].astype(int).mean():.4f}" in said
    assert "dropped 3 rows that repeat" in said
    assert "play_ratio is empty in 2 rows" in said


def test_repeating_rows_are_kept_on_demand(tmp_path, source):
    assert "kept 3 rows that repeat" in kuairand.convert(
        source, tmp_path / "mini", keep_duplicates=True
    )
    assert len(worlds.read(tmp_path / "mini", "inter")) == 83


@pytest.mark.parametrize("with_history", [False, True])
def test_parts_of_three_rows_give_the_same_bytes(tmp_path, source, monkeypatch, with_history):
    if with_history:
        (source / "log_random_4_22_to_5_08_pure.csv").unlink()
        worlds.history(source)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    # a missing value in one part alone must not change how the numbers of the others are written
    log = pd.read_csv(source / LOG)
    log.loc[50, "profile_stay_time"] = np.nan
    worlds.write(log.astype({"profile_stay_time": "Int64"}), source / LOG)
    whole = kuairand.convert(source, tmp_path / "a" / "mini", history=with_history)
    monkeypatch.setattr(reading, "CHUNK_ROWS", 3)
    parts = kuairand.convert(source, tmp_path / "b" / "mini", history=with_history)
    assert worlds.contents(tmp_path / "a" / "mini") == worlds.contents(tmp_path / "b" / "mini")
    assert whole == parts


def test_never_more_than_a_part_is_in_memory(tmp_path, source, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK_ROWS", 7)
    paths = sorted(source.glob("log_*"))
    sizes = [
        len(rows)
        for rows in interactions.kept_rows(paths, kuairand.LOG, np.empty(0, dtype=np.int64))
    ]
    assert max(sizes) == 7 and sum(sizes) == 83


def test_packed_files_and_those_in_a_folder_data_give_the_same(tmp_path, source):
    packed = worlds.kuairand(tmp_path / "packed" / "data", packed=True).parent
    kuairand.convert(source, tmp_path / "a" / "mini")
    kuairand.convert(packed, tmp_path / "b" / "mini")
    assert worlds.contents(tmp_path / "a" / "mini") == worlds.contents(tmp_path / "b" / "mini")


def test_some_logs_alone(tmp_path, source):
    kuairand.convert(source, tmp_path / "mini", logs=["log_random"])
    assert set(worlds.read(tmp_path / "mini", "inter")["is_rand"]) == {"1"}
    with pytest.raises(InputError, match=r"no log begins with 'log_x'.*log_standard_4_25"):
        kuairand.convert(source, tmp_path / "other", logs=["log_x"])


def test_history_comes_first_in_its_order_and_leaves_unknown_feedback_empty(tmp_path, source):
    (source / "log_random_4_22_to_5_08_pure.csv").unlink()
    events = worlds.history(source)
    summary = kuairand.convert(source, tmp_path / "mini", history=True)
    rows = worlds.read(tmp_path / "mini", "inter")
    earlier, log = rows[rows["is_history"] == "1"], rows[rows["is_history"] == "0"]
    assert len(log) == 60 and "in front of them 4 earlier rows" in summary
    assert "60 interactions" in summary
    time = earlier["time_ms"].astype(int)
    assert list(time) == list(worlds.START_MS + 3_600_000 * events["pos"])
    assert time.max() < log["time_ms"].astype(int).min()
    for name in ("video_id", "is_like", "long_view"):
        assert list(earlier[name]) == list(events[name].astype(str))
    unknown = set(rows.columns) - {*events.columns, "time_ms", "is_history"}
    assert (earlier[sorted(unknown)] == "").all(axis=None)


def test_history_within_the_days_of_a_log_is_refused(tmp_path, source):
    worlds.history(source)
    with pytest.raises(InputError, match=r"log_random_4_22.* begins before the end of history"):
        kuairand.convert(source, tmp_path / "mini", history=True)


def test_a_missing_history_and_a_wrong_position_are_named(tmp_path, source):
    with pytest.raises(InputError, match="expected one history_events"):
        kuairand.convert(source, tmp_path / "mini", history=True)
    (source / "log_random_4_22_to_5_08_pure.csv").unlink()
    worlds.write(
        worlds.history(source).assign(pos=[-3, 0, -1, -1]),
        source / "history_events_4_09_to_4_24_derived.csv.gz",
    )
    with pytest.raises(InputError, match="line 3: expected 'pos' below 0"):
        list(history.History(source / "history_events_4_09_to_4_24_derived.csv.gz").rows(1e12))


def break_id(text):
    return text.replace("\n2,", "\n2x,", 1)


def break_time(text):
    lines = text.split("\n")
    fields = lines[4].split(",")
    return "\n".join([*lines[:4], ",".join([*fields[:4], "noon", *fields[5:]]), *lines[5:]])


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (
            break_id,
            r"pure.csv, line \d+: expected a whole number from 0.* as 'user_id', found '2x'",
        ),
        (break_time, "pure.csv, line 5: expected a whole number as 'time_ms', found 'noon'"),
        (
            lambda text: text[: len(text) - 20],
            ", line 64: .* fields, and the header has 19; is the file",
        ),
        (lambda text: text.replace("long_view", "longview", 1), "no column 'long_view'"),
        (lambda text: text.replace("tab\n", "tab,new\n", 1), "column 'new' is none of a log"),
        (lambda text: text[:-1] + ",1\n", ", line 64: 20 fields, and the header has 19"),
        (lambda text: text.replace("\n", ",1\n").replace(",1\n", "\n", 1), "line 2: 20 fields"),
        (lambda text: text.replace("\n0,", '\n"0,', 1), "line 2: a quote opens or closes where"),
        (lambda text: text.replace("\n0,", "\n0\0,", 1), "line 2: it holds a NUL byte"),
        (lambda text: text.replace("is_like", "is_click", 1), "column 'is_click' is there twice"),
        (lambda text: text.replace(",is_like", ", is_like", 1), "no column 'is_like'"),
        (lambda text: "", "the file is empty"),
        (lambda text: text.partition("\n")[0] + "\n", "there is no row with a time in the logs"),
    ],
)
def test_a_wrong_log_is_named_and_nothing_is_written(tmp_path, source, break_it, words):
    (source / "log_random_4_22_to_5_08_pure.csv").unlink()
    path = source / LOG
    path.write_text(break_it(path.read_text()))
    with pytest.raises(InputError, match=words):
        kuairand.convert(source, tmp_path / "mini")
    assert not list((tmp_path / "mini").iterdir())


def test_a_cut_archive_is_named(tmp_path, source):
    packed = gzip.compress((source / LOG).read_bytes())
    (source / LOG).unlink()
    (source / f"{LOG}.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"pure.csv.gz: the file is damaged or was cut short"):
        kuairand.convert(source, tmp_path / "mini")
    (source / f"{LOG}.gz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"pure.csv.gz: the file is damaged or was cut short"):
        kuairand.convert(source, tmp_path / "mini")


def test_what_is_missing_twice_there_or_of_another_version_is_named(tmp_path, source):
    with pytest.raises(InputError, match="there is no folder"):
        kuairand.convert(tmp_path / "nowhere", tmp_path / "mini")
    with pytest.raises(InputError, match=r"no log_standard.*it holds big_matrix.csv"):
        kuairand.convert(worlds.kuairec(tmp_path / "rec"), tmp_path / "mini")
    (source / "user_features_1k.csv").write_text("user_id\n")
    with pytest.raises(InputError, match=r"user_features_1k.csv.*expected one of them"):
        kuairand.convert(source, tmp_path / "mini")
    (source / "user_features_pure.csv").unlink()
    with pytest.raises(InputError, match="different versions of KuaiRand"):
        kuairand.convert(source, tmp_path / "mini")
    (source / f"{LOG}.gz").write_bytes(b"")
    with pytest.raises(InputError, match="are the same file; keep one"):
        kuairand.convert(source, tmp_path / "mini")


def test_any_subset_will_do_and_nothing_old_stays(tmp_path, source):
    output = tmp_path / "mini"
    kuairand.convert(source, output)
    for path in [*source.glob("video_*"), *source.glob("user_*")]:
        path.unlink()
    with pytest.raises(InputError, match=r"mini.user is there from before"):
        kuairand.convert(source, output)
    kuairand.convert(source, tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["other.inter"]


def test_an_interruption_leaves_what_was_there(tmp_path, source, monkeypatch):
    output = tmp_path / "mini"
    kuairand.convert(source, output)
    before = worlds.contents(output)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(users, "whole", interrupted)  # when the log has been written
    command = ["kuairand", "--source", str(source), "--output", str(output)]
    assert main(["convert", *command, "--keep_duplicates"]) == 130
    assert worlds.contents(output) == before


def test_the_command_says_what_is_wrong_in_one_line(tmp_path, capsys):
    assert (
        main(
            [
                "convert",
                "kuairand",
                "--source",
                str(tmp_path / "x"),
                "--output",
                str(tmp_path / "y"),
            ]
        )
        == 2
    )
    assert capsys.readouterr().err.strip().endswith(f"there is no folder {tmp_path / 'x'}")


@pytest.mark.skipif(not PART_AT_HAND.is_dir(), reason=f"{PART_AT_HAND} is not there")
def test_counts_of_the_real_part(tmp_path):
    summary = kuairand.convert(PART_AT_HAND, tmp_path / "kuairand-pure")
    assert "222,444 interactions, 25,156 users, 6,361 items" in summary
    assert "dropped 5,885 rows that repeat" in summary
    kept = kuairand.convert(PART_AT_HAND, tmp_path / "kuairand-pure", keep_duplicates=True)
    assert "228,329 interactions" in kept
    for share in ("is_click 0.44", "long_view 0.31", "is_like 0.0171", "is_profile_enter 0.0185"):
        assert share in kept


def test_users_who_are_there_twice_are_counted(tmp_path, source):
    path = next(source.glob("user_features_*"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], lines[2]]) + "\n")
    summary = kuairand.convert(source, tmp_path / "mini")
    assert f"dropped 2 rows of {path.name} that repeat a user_id" in summary
    assert len(worlds.read(tmp_path / "mini", "user")) == len(lines) - 1


def test_times_of_another_unit_are_refused_and_nothing_is_written(tmp_path, source):
    (source / "log_random_4_22_to_5_08_pure.csv").unlink()
    log = pd.read_csv(source / LOG)
    worlds.write(log.assign(time_ms=log["time_ms"] * 1000), source / LOG)
    with pytest.raises(
        InputError, match=r"column 'time_ms': \d+ is no time in ms; write it in the"
    ):
        kuairand.convert(source, tmp_path / "mini")
    assert not list((tmp_path / "mini").iterdir())

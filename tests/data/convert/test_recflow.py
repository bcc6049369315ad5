"""RecFlow: a miniature with every oddity, and the words for a file that is wrong."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest
import recflow_world as world
import worlds

from recbole_poem.cache.build import request_cache
from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert import recflow
from recbole_poem.data.dataset import POEMDataset
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import run_recbole_poem

FIRST = world.START_MS


@pytest.fixture
def source(tmp_path):
    return world.write(tmp_path / "raw")


def of_request(rows, user, time):
    """Return video -> (rank, rerank, stage) of a ranking."""
    kept = rows[(rows["user_id"] == str(user)) & (rows["request_timestamp"] == str(time))]
    return {
        int(video): (int(rank), int(rerank), stage)
        for video, rank, rerank, stage in zip(
            kept["video_id"], kept["rank"], kept["rerank"], kept["stage"]
        )
    }


def test_exposures_have_their_feedback_and_request(tmp_path, source):
    recflow.convert(source, tmp_path / "mini")
    rows = worlds.read(tmp_path / "mini", "inter")
    assert worlds.types(tmp_path / "mini", "inter")["request_timestamp"] == "float"
    shown = dict(zip(zip(rows["request_id"], rows["video_id"]), rows["long_view"]))
    assert shown == {
        **{("0", "0"): "1", ("0", "1"): "0", ("0", "3"): "1"},  # 3: of a row that repeats another
        **{("1", "20"): "1", ("1", "21"): "0", ("1", "40"): "0"},
        **{("2", "5"): "0", ("2", "6"): "1", ("3", "10"): "1", ("3", "11"): "0"},
        **{("4", "50"): "1", ("6", "30"): "1", ("6", "31"): "0"},
        **{("7", "0"): "1", ("7", "1"): "0", ("8", "3"): "0", ("8", "4"): "1"},
    }
    assert list(rows["play_ratio"][:2]) == ["2.0", "0.09999"]
    assert list(rows["device_id"].unique()) == ["100", "101", "105"]


def test_places_and_stages_of_the_candidates(tmp_path, source):
    recflow.convert(source, tmp_path / "mini")
    rows = worlds.read(tmp_path / "mini", "cand")
    # positions from 0; nothing is known of the order of the rests, of which the one was passed on
    expected = {
        **{0: (-1, -1, "shown"), 1: (-2, -2, "shown"), 2: (-4, -3, "rerank_top")},
        **{3: (-3, -4, "rank_top"), 4: (-4, -4, "rerank_rest"), 5: (-4, -4, "rerank_rest")},
        **{6: (-7, -7, "rank_rest"), 7: (-7, -7, "rank_rest")},
    }
    assert of_request(rows, 0, FIRST) == expected
    # from 1; the positions of the ranked rest are behind the best and tell their order
    late = {**expected, 6: (-8, -7, "rank_rest")}
    assert of_request(rows, 0, FIRST + 2 * world.DAY_MS) == late
    # of both the best and the rest is of the best; without a position it is behind the others
    odd = of_request(rows, 5, FIRST + 4 * 60_000)
    assert odd[51] == (-2, -2, "rerank_top") and odd[53] == (-3, -4, "rank_top")
    raw = rows[(rows["user_id"] == "5") & (rows["video_id"].isin(["51", "53"]))]
    assert list(raw["rank_index"]) == ["2", ""]


def test_two_requests_of_one_time_are_two_rankings(tmp_path, source):
    summary = recflow.convert(source, tmp_path / "mini")
    rows = worlds.read(tmp_path / "mini", "cand")
    at = FIRST + 120_000
    assert sorted(of_request(rows, 0, at)) == list(range(5, 13))
    assert sorted(of_request(rows, 0, at + 1)) == list(range(10, 18))
    exposures = worlds.read(tmp_path / "mini", "inter")
    times = dict(zip(exposures["request_id"], exposures["request_timestamp"]))
    assert (times["2"], times["3"]) == (str(at), str(at + 1))
    assert "1 requests have the time of another one of their user: moved by 1 ms" in summary


def test_every_row_is_accounted_for(tmp_path, source):
    summary = recflow.convert(source, tmp_path / "mini").splitlines()
    counted = [line.split()[:5] for line in summary if line.startswith("  left out")]
    left = {line.split(" that ")[1]: int(line.split()[2]) for line in summary if "left out" in line}
    assert left == {
        "have no flag of a stage": 1,
        "are what an earlier stage dropped (--with_dropped takes them)": 16,
        "repeat a candidate of their request": 1,
    }
    n_candidates = len(worlds.read(tmp_path / "mini", "cand"))
    assert len(counted) == 3 and "rows of the days: 83 read" in summary
    assert n_candidates == 83 - sum(left.values()) - 1  # one was shown and is no candidate
    for words in (
        "2 days, 2024-01-13 to 2024-01-15; no file of 2024-01-14",
        "requests: 8 with an exposure, 10 with a ranking, of 6.4 candidates",
        "candidates by stage, best first: shown 15, rerank_top 9, rank_top 8, rerank_rest 16, "
        "rank_rest 16",
        "1 rows were shown without a flag of either stage: no candidates",
        "1 candidates are among the best and the rest of one stage: the best",
        "1 requests have rows of several times: a request for each",
        "rank_index: the smallest of rank_pos is missing in 12.5%, 0 in 62.5%, 1 in 25.0% of the "
        "rankings; positions begin at 0 (--first_position)",
        "rank_neg: positions behind the best in 2 rankings, one value in 0, among the best or none "
        "in 6; ordered where they are behind the best and differ, tied else (--negatives)",
        "playing_time: 100.0% of the long views last as long as their video",
        "1 rows describe their video otherwise than its first row, which stands",
        "8 rows describe their user otherwise than its first row, which stands",
    ):
        assert words in summary


def test_what_was_dropped_comes_behind_all_others_if_asked_for(tmp_path, source):
    recflow.convert(source, tmp_path / "mini", with_dropped=True)
    found = of_request(worlds.read(tmp_path / "mini", "cand"), 0, FIRST)
    assert found[8] == (-9, -9, "coarse_rest") and found[9] == (-10, -10, "prerank_rest")


def test_positions_may_begin_at_1_and_may_say_nothing_of_a_rest(tmp_path, source):
    recflow.convert(source, tmp_path / "mini", first_position=1, negatives="tied")
    rows = worlds.read(tmp_path / "mini", "cand")
    # what is at 0 has no position, and so comes behind those that have one
    found = of_request(rows, 0, FIRST)
    assert [found[video][:2] for video in range(4)] == [(-3, -3), (-1, -1), (-4, -2), (-2, -4)]
    found = of_request(rows, 0, FIRST + 2 * world.DAY_MS)
    assert found[6][0] == found[7][0] == -7


def test_users_and_days_choose_whole_users_and_days(tmp_path, source):
    recflow.convert(source, tmp_path / "all")
    summary = recflow.convert(source, tmp_path / "one", users=1)
    recflow.convert(source, tmp_path / "two", users=2)
    chosen = {
        name: set(worlds.read(tmp_path / name, "inter")["user_id"]) for name in ("one", "two")
    }
    assert len(chosen["one"]) == 1 and len(chosen["two"]) == 2 and chosen["one"] < chosen["two"]
    assert "1 of 3 users, by a hash of their ids" in summary
    for kind in ("inter", "cand", "user"):
        rows = worlds.read(tmp_path / "all", kind)
        rows = rows[rows["user_id"].isin(chosen["two"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, worlds.read(tmp_path / "two", kind))
    (source / "all_stage" / "notes.feather").touch()
    summary = recflow.convert(source, tmp_path / "late", days="2024-01-14..")
    assert "1 days, 2024-01-15; no file of 2024-01-14; passed over notes.feather" in summary
    assert set(worlds.read(tmp_path / "late", "inter")["request_id"]) == {"7", "8"}


def test_videos_are_those_of_the_rows_that_are_kept(tmp_path, source):
    recflow.convert(source, tmp_path / "mini", days="2024-01-15")
    items = worlds.read(tmp_path / "mini", "item")
    assert list(items["video_id"].astype(int)) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert list(items["item_duration"][1:4]) == ["10001", "7", "10003"]
    assert list(items["category_level_two"][:3]) == ["0", "1", "2"]  # a name with a blank in front


def test_columns_that_nobody_knows_are_passed_over_and_named(tmp_path, source):
    path = source / "all_stage" / "2024-01-13.feather"
    table = pyarrow.feather.read_table(str(path))
    table = table.append_column("mood", pa.array(["good"] * len(table)))
    pyarrow.feather.write_feather(table, str(path))
    summary = recflow.convert(source, tmp_path / "mini")
    assert summary.splitlines()[-1] == "columns passed over: mood"


def test_the_same_source_gives_the_same_bytes_as_rows_of_another_batch(tmp_path, source):
    recflow.convert(source, tmp_path / "a" / "mini")
    for path in (source / "all_stage").iterdir():
        table = pyarrow.feather.read_table(str(path))
        pyarrow.feather.write_feather(table, str(path), chunksize=1000, compression="zstd")
    recflow.convert(source / "all_stage", tmp_path / "b" / "mini")
    assert worlds.contents(tmp_path / "a" / "mini") == worlds.contents(tmp_path / "b" / "mini")


# -- what is wrong ---------------------------------------------------------------------------------


def changed(source, **columns):
    """Write the first day again with some columns in the place of others."""
    path = source / "all_stage" / "2024-01-13.feather"
    table = pyarrow.feather.read_table(str(path))
    for name, values in columns.items():
        place = table.schema.names.index(name)
        if values is None:
            table = table.remove_column(place)
        else:
            full = table[name].to_pylist()
            full[: len(values)] = values
            table = table.set_column(place, name, pa.array(full))
    pyarrow.feather.write_feather(table, str(path), chunksize=7)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"rank_index": None}, "there is no column 'rank_index', which a day of RecFlow has"),
        ({"user_id": [0] * 10 + [-1]}, "row 11: expected an id from 0, .* as 'user_id', found -1"),
        ({"video_id": [0, None]}, "row 2: expected a whole number as 'video_id', found nothing"),
        ({"rank_pos": [0] * 8 + [2]}, "row 9: expected 0 or 1 as 'rank_pos', found 2"),
        ({"playing_time": [1.5]}, r"row 1: expected a whole number as 'playing_time', found 1.5"),
        ({"request_timestamp": [-5]}, "row 1: expected a whole number from 0, .* found -5"),
    ],
)
def test_a_value_that_is_wrong_is_named_and_nothing_is_written(tmp_path, source, columns, words):
    changed(source, **columns)
    with pytest.raises(InputError, match=f"2024-01-13.feather(, |: ){words}"):
        recflow.convert(source, tmp_path / "mini")
    assert not list((tmp_path / "mini").iterdir())


def test_a_column_of_text_and_a_file_that_is_none_are_named(tmp_path, source):
    path = source / "all_stage" / "2024-01-13.feather"
    table = pyarrow.feather.read_table(str(path))
    place = table.schema.names.index("author_id")
    text = table["author_id"].cast(pa.string())
    pyarrow.feather.write_feather(table.set_column(place, "author_id", text), str(path))
    with pytest.raises(InputError, match="column 'author_id' holds string; RecFlow has whole"):
        recflow.convert(source, tmp_path / "mini")
    path.write_bytes(path.read_bytes()[:999])
    with pytest.raises(InputError, match=r"cannot be read as Feather, version 2 .*; get it again$"):
        recflow.convert(source, tmp_path / "mini")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="the file is empty; the repository of RecFlow holds"):
        recflow.convert(source, tmp_path / "mini")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"days": "2024-02-01.."}, "--days: .* has no day of 2024-02-01..; it has 2024-01-13 to"),
        ({"days": "13 January"}, "--days: '13 January' is no day; write it as 2024-01-13"),
        ({"days": "2024-01-15..2024-01-13"}, "--days: 2024-01-15 comes after 2024-01-13"),
        ({"days": ".."}, r"--days: expected a day or a range such as .*, not '\.\.'"),
        ({"users": 0}, "--users: expected 1 or more, not 0"),
        ({"negatives": "some"}, "--negatives: expected one of auto, index, tied, not some"),
        ({"first_position": -1}, "--first_position: expected 0 or more, not -1"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, source, keys, words):
    with pytest.raises(InputError, match=words):
        recflow.convert(source, tmp_path / "mini", **keys)
    assert not list(tmp_path.glob("mini/*"))


def test_a_folder_without_days_is_named(tmp_path):
    with pytest.raises(InputError, match="--source: there is no folder"):
        recflow.convert(tmp_path / "nowhere", tmp_path / "mini")
    (tmp_path / "realshow.txt").touch()
    with pytest.raises(InputError, match=r"no file of a day in it, .* it holds realshow.txt"):
        recflow.convert(tmp_path, tmp_path / "mini")


def test_days_without_an_exposure_are_refused(tmp_path):
    rows = [world.row(0, 0, 1, "rank_pos"), world.row(0, 0, 2, "rank_neg")]
    world.write_day(tmp_path / "raw", "2024-01-13", rows)
    with pytest.raises(InputError, match=r"no row of the days was shown \(realshow is 1\)"):
        recflow.convert(tmp_path / "raw", tmp_path / "mini")


# -- the whole way ---------------------------------------------------------------------------------


def days_of_a_little_platform(folder, n_users=12, n_days=4):
    """Write days on which each user has two requests, of 30 videos."""
    rng = np.random.default_rng(0)
    for day in range(n_days):
        rows = []
        for user in range(n_users):
            for half in range(2):
                number = (day * n_users + user) * 2 + half
                time = FIRST + day * world.DAY_MS + (half * n_users + user) * 60_000
                start = int(rng.integers(0, 20))
                rows += world.request(number, user, start=start, request_timestamp=time)
        world.write_day(folder, f"2024-01-{13 + day}", rows)


def test_the_command_writes_what_the_preset_trains(tmp_path, capsys):
    days_of_a_little_platform(tmp_path / "raw")
    command = ["--source", str(tmp_path / "raw"), "--output", str(tmp_path / "recflow")]
    assert main(["convert", "recflow", *command, "--days=2024-01-13..2024-01-16"]) == 0
    assert "192 interactions, 12 users" in capsys.readouterr().out
    keys = {
        "data_path": str(tmp_path),
        "checkpoint_dir": str(tmp_path / "saved"),
        "show_progress": False,
        "state": "ERROR",
        "use_gpu": False,
        "threads": 1,
        "topk": [5],
        "valid_metric": "NDCG@5",
        "epochs": 1,
    }
    config = Config("POEM", "recflow", config_dict=keys)
    train = POEMDataset(config).build()[0]
    assert request_cache(config, train).has_ranking().all()
    by_stage = {**keys, "grouping": "by_stage"}
    for model, given in (("POEM", keys), ("POEM", by_stage), ("Upstream", keys), ("SASRec", keys)):
        result = run_recbole_poem(model, "recflow", config_dict=given, saved=False)
        assert 0 <= result["test_result"]["ndcg@5"] <= 1

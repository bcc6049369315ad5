"""KuaiRec: a miniature with every oddity."""

import pandas as pd
import pytest
import worlds

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert import kuairec, reading


@pytest.fixture
def source(tmp_path):
    return worlds.kuairec(tmp_path / "raw")


def test_the_big_matrix_has_its_columns_and_labels_by_the_published_rules(tmp_path, source):
    summary = kuairec.convert(source, tmp_path / "mini")
    rows = worlds.read(tmp_path / "mini", "inter")
    raw = pd.read_csv(source / "big_matrix.csv", dtype=str)
    same = [name for name in raw.columns if name != "watch_ratio"]
    pd.testing.assert_frame_equal(rows[same], raw[same])
    # play of 6 s of 6, 8 of 30, 17 of 20, 18 of 20, 40 of 20, and 5 s of nobody knows
    assert list(rows["valid_play"]) == ["1", "1", "1", "1", "1", ""]
    assert list(rows["long_view"]) == ["1", "0", "0", "1", "1", ""]
    assert rows["watch_ratio"][4] == "2.0" and rows["watch_ratio"][5] == ""
    assert set(rows["is_small_matrix"]) == {"0"}
    assert "6 interactions, 2 users, 6 items" in summary
    assert "long_view 0.6000" in summary and "watch_ratio is empty in 1 rows" in summary


def test_both_matrices_less_the_rows_without_a_time(tmp_path, source):
    assert "dropped 1 rows without a time" in kuairec.convert(
        source, tmp_path / "mini", matrix="both"
    )
    rows = worlds.read(tmp_path / "mini", "inter")
    assert list(rows["is_small_matrix"]) == ["0"] * 6 + ["1"] * 2
    assert set(rows["date"]) == {"20200705"}  # which the small matrix writes as 20200705.0
    assert list(rows["video_id"][6:]) == ["0", "2"]


def test_a_repetition_across_the_matrices_is_dropped(tmp_path, source):
    big = pd.read_csv(source / "big_matrix.csv")
    worlds.write(pd.concat([big[2:3], big[2:3]]), source / "small_matrix.csv")
    assert "dropped 2 rows that repeat" in kuairec.convert(source, tmp_path / "mini", matrix="both")
    assert len(worlds.read(tmp_path / "mini", "inter")) == 6


def test_users_with_their_friends(tmp_path, source):
    kuairec.convert(source, tmp_path / "mini")
    users = worlds.read(tmp_path / "mini", "user")
    assert list(users["user_id"]) == ["0", "1", "2"]
    assert list(users["friend_list"]) == ["", "0 2", ""]
    assert worlds.types(tmp_path / "mini", "user")["friend_list"] == "token_seq"


def test_items_from_three_files(tmp_path, source):
    summary = kuairec.convert(source, tmp_path / "mini")
    items = worlds.read(tmp_path / "mini", "item").set_index("video_id")
    assert list(items.index) == [str(video) for video in range(6)]
    assert list(items["feat"][:2]) == ["27 9", "3"]
    assert items["caption"]["0"] == 'a "quoted" caption, of two lines'
    assert items["topic_tag"]["0"] == "good_things home"
    assert items["caption"]["1"] == "plain with a return"
    assert items["third_level_category_name"]["1"] == "UNKNOWN"
    assert "dropped 2 rows of kuairec_caption_category.csv that are broken" in summary
    # the first day says what is steady; counts are means over the days
    assert list(items["author_id"][:3]) == ["early", "other", ""]
    assert list(items["show_cnt"][:3]) == ["3.0", "9.0", ""]
    # RecBole knows a field by its name alone, and these are in the matrix too
    assert items["item_play_duration"]["0"] == "3.0"
    columns = set(worlds.types(tmp_path / "mini", "item"))
    assert columns & set(worlds.types(tmp_path / "mini", "inter")) == {"video_id"}
    kuairec.convert(source, tmp_path / "mini", statistics=False)
    assert columns - set(worlds.types(tmp_path / "mini", "item")) == {
        "item_play_duration",
        *(name for name in columns if name.endswith(("_cnt", "_num"))),
        "play_progress",
        "comment_stay_duration",
    }


def test_parts_of_two_rows_give_the_same_bytes(tmp_path, source, monkeypatch):
    kuairec.convert(source, tmp_path / "a" / "mini", matrix="both")
    monkeypatch.setattr(reading, "CHUNK_ROWS", 2)
    kuairec.convert(source, tmp_path / "b" / "mini", matrix="both")
    assert worlds.contents(tmp_path / "a" / "mini") == worlds.contents(tmp_path / "b" / "mini")


def test_a_ratio_that_is_no_number_is_named(tmp_path, source):
    rows = pd.read_csv(source / "big_matrix.csv", dtype=str)
    rows.loc[2, "watch_ratio"] = "much"
    worlds.write(rows, source / "big_matrix.csv")
    with pytest.raises(InputError, match=r"line 4: .* as 'watch_ratio', found 'much'"):
        kuairec.convert(source, tmp_path / "mini")


def test_what_is_wrong_is_named_and_nothing_is_written(tmp_path, source):
    output = tmp_path / "mini"
    captions = source / "kuairec_caption_category.csv"
    captions.write_text('{}\n0,"{}\n'.format(captions.read_text().split("\n")[0], "x" * 200_000))
    with pytest.raises(InputError, match=r"kuairec_caption_category.csv, line 2: field larger"):
        kuairec.convert(source, output)
    (source / "item_categories.csv").write_text("video_id,feature\n1,[2]\n")
    with pytest.raises(InputError, match="no column 'feat', which item_categories has"):
        kuairec.convert(source, output)
    (source / "small_matrix.csv").unlink()
    with pytest.raises(InputError, match=r"no small_matrix.csv.*it holds big_matrix.csv"):
        kuairec.convert(source, output, matrix="small")
    assert not list(output.iterdir())


def test_the_command(tmp_path, source, capsys):
    command = ["kuairec", "--source", str(source), "--output", str(tmp_path / "mini")]
    assert main(["convert", *command, "--matrix", "small"]) == 0
    assert "2 interactions, 1 users, 2 items" in capsys.readouterr().out

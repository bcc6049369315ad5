"""RecTour 2021: a miniature of searches, and the words for a file that is wrong."""

import numpy as np
import pandas as pd
import pytest
import worlds

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert import reading, rectour
from recbole_poem.data.convert.rectour import conversion
from recbole_poem.data.convert.rectour.searches import COLUMNS
from recbole_poem.training.quick_start import run_recbole_poem

NOON = 1_623_758_400_000  # 2021-06-15 12:00 UTC


def impression(rank, prop, clicks=0, booked=0, ad=0, stars="4.0"):
    return f"{rank},{prop},{ad},4.5,120,{stars},1,0,3,{clicks},{booked}"


def search(number, user, minute, *impressions, sort="RECOMMENDED"):
    return {
        **dict.fromkeys(COLUMNS, "1"),
        "user_id": user,
        "search_id": f"s{number}",
        "search_timestamp": f"2021-06-15T12:{minute:02}:00Z",
        "sort_type": sort,
        "applied_filters": 'pool, "quiet"',
        "impressions": "|".join(impressions),
    }


def write(folder, rows, name="train.tsv", sep="\t"):
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / name, sep=sep, index=False)
    return folder


@pytest.fixture
def source(tmp_path):
    """Searches of ann, two of them at one time, of bob, and of nobody; one list is empty."""
    rows = [
        search(1, "ann", 0, impression(1, "h1", clicks=1), impression(2, "h2", ad=1, stars="")),
        search(2, "ann", 5, impression(3, "h3"), impression(1, "h4"), impression(2, "h1", 2, 1)),
        search(3, "ann", 5, impression(1, "h2", clicks=1), impression(9, "h2"), sort="PRICE"),
        search(4, "bob", 7),
        search(5, "", 8, impression(1, "h1", clicks=1)),
        search(6, "bob", 9, impression(0, "h5", booked=1), impression(1, "h1")),
    ]
    return write(tmp_path / "raw", rows)


def test_clicks_are_rows_and_lists_are_rankings(tmp_path, source):
    summary = rectour.convert(source, tmp_path / "tour")
    rows = worlds.read(tmp_path / "tour", "inter")
    columns = ["user_id", "prop_id", "search_timestamp", "position", "num_clicks", "is_trans"]
    assert rows[columns].to_numpy().tolist() == [
        ["ann", "h1", f"{NOON}", "1.0", "1.0", "0.0"],
        ["ann", "h1", f"{NOON + 300_000}", "2.0", "2.0", "1.0"],
        ["ann", "h2", f"{NOON + 300_001}", "1.0", "1.0", "0.0"],
        ["bob", "h5", f"{NOON + 540_000}", "0.0", "0.0", "1.0"],
    ]
    assert rows["applied_filters"][0] == 'pool, "quiet"'
    lists = worlds.read(tmp_path / "tour", "cand")
    found = lists.groupby(["user_id", "search_timestamp"], sort=False)["prop_id"].apply(list)
    assert found.tolist() == [["h1", "h2"], ["h4", "h1", "h3"], ["h2"], ["h5", "h1"]]
    assert lists["rank"].astype(float).tolist()[:5] == [-1, -2, -1, -2, -3]
    items = worlds.read(tmp_path / "tour", "item").set_index("prop_id")
    assert items.index.tolist() == ["h1", "h2", "h4", "h3", "h5"]
    assert items["star_rating"].tolist() == ["4.0", "", "4.0", "4.0", "4.0"]
    for line in (
        "4 clicked or booked impressions of 2 users, 5 properties",
        "from 2021-06-15 12:00:00 to 2021-06-15 12:09:00 UTC",
        "searches: 6 read, 4 are rankings",
        "impressions: 9 read, 3 clicked, 2 booked, 1 travel ads (no part of the platform's own "
        "order)",
        "orders of the lists (--sort_types chooses): RECOMMENDED 4, PRICE 1",
        "left out: 1 searches without a user",
        "1 searches without impressions: no rankings",
        "left out: 1 impressions of a property that their list has already",
        "1 searches have the time of another one of their user: moved by 1 ms",
    ):
        assert line in summary.splitlines()


def test_all_impressions_and_some_orders(tmp_path, source):
    rectour.convert(source, tmp_path / "tour", all_impressions=True, sort_types=["PRICE"])
    assert len(worlds.read(tmp_path / "tour", "inter")) == 8
    lists = worlds.read(tmp_path / "tour", "cand")
    assert lists[["prop_id", "search_timestamp"]].to_numpy().tolist() == [
        ["h2", f"{NOON + 300_001}"]
    ]
    with pytest.raises(InputError, match="--sort_types: no search has the order 'DISTANCE'; there"):
        rectour.convert(source, tmp_path / "tour", sort_types=["DISTANCE"])


def test_other_separators_and_parts_of_two_rows_give_the_same_bytes(tmp_path, source, monkeypatch):
    rectour.convert(source, tmp_path / "a" / "tour")
    table = pd.read_csv(source / "train.tsv", sep="\t", dtype=str, keep_default_na=False)
    table["impressions"] = table["impressions"].str.replace(",", ":").str.replace("|", ";")
    write(tmp_path / "other", table, "train.csv.gz", ",")
    (tmp_path / "other" / "notes.csv").write_text("a,b\n")
    monkeypatch.setattr(reading, "CHUNK_ROWS", 2)
    monkeypatch.setattr(conversion, "_AT_ONCE", 1)
    rectour.convert(tmp_path / "other", tmp_path / "b" / "tour", ";", ":")
    assert worlds.contents(tmp_path / "a" / "tour") == worlds.contents(tmp_path / "b" / "tour")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"impressions": "1,h1,0"},
            "line 2: an impression has 3 fields and not 11: '1,h1,0'; name",
        ),
        (
            {"impressions": impression("first", "h1")},
            "line 2: expected a number as 'rank' of an impression, found 'first'",
        ),
        (
            {"impressions": impression(1, "h1", clicks="")},
            "line 2: expected a number as 'num_clicks' of an impression, found nothing",
        ),
        ({"impressions": impression(1, "")}, "line 2: an impression has no prop_id"),
        (
            {"search_timestamp": "yesterday"},
            "line 2: expected a time such as 2021-06-15T19:12:00Z as 'search_timestamp', found",
        ),
        ({"impressions": impression(1, "h1")}, "no impression was clicked or booked"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(tmp_path, change, words):
    raw = write(tmp_path / "raw", [{**search(1, "ann", 0, impression(1, "h1", 1)), **change}])
    with pytest.raises(InputError, match=f"train.tsv(, |: ){words}"):
        rectour.convert(raw, tmp_path / "tour")
    assert not list((tmp_path / "tour").iterdir())


def test_folders_and_separators_that_will_not_do(tmp_path, source):
    with pytest.raises(InputError, match="--record_separator: expected one character, not ''"):
        rectour.convert(source, tmp_path / "tour", "")
    with pytest.raises(InputError, match="--field_separator: ',' separates the records as well"):
        rectour.convert(source, tmp_path / "tour", ",", ",")
    with pytest.raises(InputError, match="--source: there is no file or folder"):
        rectour.convert(tmp_path / "nowhere", tmp_path / "tour")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"with a column 'impressions' in it; it holds nothing"):
        rectour.convert(tmp_path / "empty", tmp_path / "tour")


def test_the_command_writes_what_the_preset_trains(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = []
    for user in range(10):
        for minute in range(6):
            hotels = rng.permutation(12)
            shown = [impression(k, f"h{h}", clicks=int(k == 2)) for k, h in enumerate(hotels)]
            rows.append(search(f"{user}-{minute}", f"u{user}", minute, *shown))
    raw = write(tmp_path / "raw", rows)
    arguments = ["--source", str(raw / "train.tsv"), "--output", str(tmp_path / "rectour")]
    assert main(["convert", "rectour", *arguments]) == 0
    assert "60 clicked or booked impressions of 10 users" in capsys.readouterr().out
    keys = {
        "data_path": str(tmp_path), "checkpoint_dir": str(tmp_path / "saved"), "threads": 1,
        "show_progress": False, "state": "ERROR", "use_gpu": False, "topk": [5],
        "valid_metric": "NDCG@5", "epochs": 1,
    }  # fmt: skip
    result = run_recbole_poem("POEM", "rectour", config_dict=keys, saved=False)
    assert 0 <= result["test_result"]["ndcg@5"] <= 1

"""MovieLens Beliefs: a miniature, and the words for a file that is wrong."""

import numpy as np
import pandas as pd
import pytest
import worlds

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert import beliefs
from recbole_poem.training.quick_start import run_recbole_poem

SPRING = 1_710_000_000


def table(names, rows):
    return pd.DataFrame(rows, columns=names.split())


@pytest.fixture
def source(tmp_path):
    """Ratings of users 1 and 2; lists of 1 and 3, of one of which a movie comes twice."""
    folder = tmp_path / "raw"
    folder.mkdir()
    ratings = [
        (1, 10, 4.5, SPRING),
        (1, 10, 4.5, SPRING),
        (1, 11, 3, SPRING + 60),
        (2, 10, 5, SPRING),
    ]
    worlds.write(
        table("userId movieId rating timestamp", ratings), folder / f"{beliefs.RATINGS}.csv"
    )
    lists = [
        (1, SPRING - 9, 11, 4.2), (1, SPRING - 9, 12, 3.9), (1, SPRING - 9, 11, 4.1),
        (1, SPRING + 30, 10, None), (1, SPRING + 30, 12, 3.5), (3, SPRING, 10, 4.0),
    ]  # fmt: skip
    worlds.write(
        table("userId tstamp movieId predictedRating", lists), folder / f"{beliefs.LISTS}.csv"
    )
    movies = [(10, "Toys, the (1995)", "Action|Sci-Fi"), (11, "Heat", "(no genres listed)")]
    worlds.write(table("movieId title genres", movies), folder / "movies.csv")
    return folder


def test_ratings_are_rows_and_what_was_shown_at_a_time_is_a_ranking(tmp_path, source):
    summary = beliefs.convert(source, tmp_path / "mini").splitlines()
    rows = worlds.read(tmp_path / "mini", "inter")
    assert rows["timestamp"].tolist() == [str(SPRING), str(SPRING + 60), str(SPRING)]
    assert rows["rating"].tolist() == ["4.5", "3.0", "5.0"]
    lists = worlds.read(tmp_path / "mini", "cand")
    assert lists.to_numpy().tolist() == [
        ["1", str(SPRING - 9), "11", "4.2"],
        ["1", str(SPRING - 9), "12", "3.9"],
        ["1", str(SPRING + 30), "12", "3.5"],
        ["3", str(SPRING), "10", "4.0"],
    ]
    items = worlds.read(tmp_path / "mini", "item")
    assert items.to_numpy().tolist() == [
        ["10", "Toys, the (1995)", "Action Sci-Fi"],
        ["11", "Heat", ""],
    ]
    assert summary[0] == "3 ratings, 2 users, 2 movies"
    assert summary[2].endswith("3 of 2 users, 1.3 movies each; 1 users have both")
    assert "times are written in s" in summary[3]
    assert summary[4] == "rating from 3 to 5, predictedRating from 3.5 to 4.2"
    assert summary[5:] == [
        "dropped 1 rows that say the same as an earlier one",
        "kept 1 rows of the same user, item and time with other numbers",
        "left out: 1 candidates that have no predictedRating",
        "left out: 1 candidates that repeat a movie of their list with another score",
    ]


@pytest.mark.parametrize("as_text", [False, True])
def test_times_of_the_lists_in_another_form_are_brought_to_one_unit(tmp_path, source, as_text):
    path = source / f"{beliefs.LISTS}.csv"
    lists = pd.read_csv(path)
    times = lists["tstamp"] * 1000 + 250
    lists["tstamp"] = pd.to_datetime(times, unit="ms").astype(str) if as_text else times
    lists.to_csv(path, index=False)
    beliefs.convert(source, tmp_path / "mini")
    written = worlds.read(tmp_path / "mini", "cand")["timestamp"].astype(float)
    assert written[0] == (SPRING - 9) * 1000 + 250
    assert worlds.read(tmp_path / "mini", "inter")["timestamp"][0] == f"{SPRING}000"


def test_what_is_wrong_is_named(tmp_path, source):
    with pytest.raises(InputError, match="--source: there is no folder"):
        beliefs.convert(tmp_path / "nowhere", tmp_path / "mini")
    path = source / f"{beliefs.LISTS}.csv"
    twice = path.with_name(f"{path.name}.gz")
    twice.write_bytes(b"")
    with pytest.raises(InputError, match=r"csv and user_\w+\.csv\.gz are the same file; keep one"):
        beliefs.convert(source, tmp_path / "mini")
    twice.unlink()
    path.write_text(path.read_text().replace("predictedRating", "score"))
    with pytest.raises(InputError, match=r"no column 'predictedRating' \(it has userId, tstamp"):
        beliefs.convert(source, tmp_path / "mini")
    path.unlink()
    with pytest.raises(InputError, match=f"there is no {beliefs.LISTS}.csv .*it holds movies.csv"):
        beliefs.convert(source, tmp_path / "mini")
    assert not (tmp_path / "mini").exists()


def test_the_command_writes_what_the_preset_trains(tmp_path, capsys):
    rng = np.random.default_rng(0)
    ratings, lists = [], []
    for user in range(10):
        for step in range(8):
            time = SPRING + 1000 * step
            lists += [
                (user, time - 5, movie, 5 - 0.1 * k) for k, movie in enumerate(rng.permutation(9))
            ]
            ratings.append((user, (user + step) % 12, 4, time))
    (tmp_path / "raw").mkdir()
    names = {beliefs.RATINGS: "userId movieId rating timestamp"}
    names[beliefs.LISTS] = "userId tstamp movieId predictedRating"
    for name, rows in ((beliefs.RATINGS, ratings), (beliefs.LISTS, lists)):
        worlds.write(table(names[name], rows), tmp_path / "raw" / f"{name}.csv")
    arguments = ["--source", str(tmp_path / "raw"), "--output", str(tmp_path / "ml-beliefs")]
    assert main(["convert", "ml-beliefs", *arguments]) == 0
    assert "80 ratings, 10 users" in capsys.readouterr().out
    keys = {
        "data_path": str(tmp_path), "checkpoint_dir": str(tmp_path / "saved"), "threads": 1,
        "show_progress": False, "state": "ERROR", "use_gpu": False, "topk": [5],
        "valid_metric": "NDCG@5", "epochs": 1, "category_field": None, "load_col": None,
    }  # fmt: skip
    result = run_recbole_poem("POEM", "ml-beliefs", config_dict=keys, saved=False)
    assert 0 <= result["test_result"]["ndcg@5"] <= 1

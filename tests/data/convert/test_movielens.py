"""MovieLens: all its forms, RecBole's own ml-100k row by row, and the words for a wrong file."""

import gzip
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import recbole
import worlds

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert import movielens
from recbole_poem.data.convert.movielens import ratings as rating_files
from recbole_poem.data.convert.movielens.described import GENRES
from recbole_poem.training.quick_start import run_recbole_poem

SHIPPED = Path(recbole.__file__).parent / "dataset_example" / "ml-100k"
TIME = 978_300_000


def shipped(kind: str) -> List[List[str]]:
    text = (SHIPPED / f"ml-100k.{kind}").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()[1:]]


def as_published(folder: Path) -> None:
    """Write RecBole's ml-100k as GroupLens did: u.data, u.item in latin-1, u.user."""
    lines = ["\t".join(row) for row in shipped("inter")]
    (folder / "u.data").write_text("\n".join(lines) + "\n")
    lines = ["|".join(row) for row in shipped("user")]
    (folder / "u.user").write_text("\n".join(lines) + "\n")
    lines = []
    for number, title, year, genres in shipped("item"):
        known = genres.split()
        flags = "|".join(str(int(genre in known)) for genre in GENRES)
        dated = f"{title} ({year})|01-Jan-{year}"
        if number == "267":  # RecBole says 'unkonwn', title and year
            dated = "unknown|"
        elif number == "1412":  # whose year RecBole takes for (V)
            dated = f"{title} (V)|01-Jan-1995"
        lines.append(f"{number}|{dated}||http://us.imdb.com/M/title-exact?{number}|{flags}")
    (folder / "u.item").write_text("\n".join(lines) + "\n", encoding="latin-1")


def test_ml_100k_is_that_of_recbole_row_by_row(tmp_path: Path) -> None:
    as_published(tmp_path)
    summary = movielens.convert(tmp_path, tmp_path / "ml-100k").splitlines()
    assert summary == [
        "100,000 ratings, 943 users, 1,682 movies",
        "from 1997-09-20 03:05:10 to 1998-04-22 23:10:38 UTC",
        "ratings from 1 to 5",
        "read as ML-100K",
    ]
    for kind in ("inter", "user"):
        name = f"ml-100k.{kind}"
        assert (tmp_path / "ml-100k" / name).read_bytes() == (SHIPPED / name).read_bytes()
    found, expected = (
        folder.joinpath("ml-100k.item").read_text(encoding="utf-8").splitlines()
        for folder in (tmp_path / "ml-100k", SHIPPED)
    )
    assert len(found) == len(expected)
    other = [(one, two) for one, two in zip(found, expected) if one != two]
    assert other == [
        ("267\tunknown\t\tunknown", "267\tunkonwn\tunkonwn\tunknown"),
        (
            "1412\tLand Before Time III: The Time of the Great Giving (V)\t1995\t"
            "Animation Children's",
            "1412\tLand Before Time III: The Time of the Great Giving (1995)\tV\t"
            "Animation Children's",
        ),
    ]


RATINGS = [(1, 10, 5, TIME), (2, 11, 3, TIME + 60), (1, 11, 4, TIME + 60), (1, 10, 2, TIME)]


def dat(folder: Path, ratings: List[Tuple[Any, ...]] = RATINGS, users: bool = True) -> Path:
    """Write a miniature of ML-1M, of whose ratings the last one repeats the first."""
    folder.mkdir(exist_ok=True)
    lines = ["::".join(map(str, row)) for row in ratings]
    (folder / "ratings.dat").write_text("\n".join(lines) + "\n")
    movies = [
        "10::Misérables, Les (1995)::Drama|Musical",
        '11::"Toys", the: a 2nd | part (La Jouets) (1998)::Animation|Children\'s',
        "12::Nobody rated it::(no genres listed)",
    ]
    (folder / "movies.dat").write_text("\n".join(movies) + "\n", encoding="latin-1")
    if users:
        lines = ["1::F::1::10::48067", "2::M::56::16::98107-2117"]
        (folder / "users.dat").write_text("\n".join(lines) + "\n")
    return folder


def files(folder: Path) -> Dict[str, List[List[str]]]:
    return {
        path.suffix[1:]: [
            line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()
        ]
        for path in sorted(folder.iterdir())
    }


def test_ml_1m_is_read_in_its_own_form(tmp_path: Path) -> None:
    summary = movielens.convert(dat(tmp_path / "raw"), tmp_path / "mini").splitlines()
    assert files(tmp_path / "mini") == {
        "inter": [
            ["user_id:token", "item_id:token", "rating:float", "timestamp:float"],
            ["1", "10", "5", f"{TIME}"],
            ["2", "11", "3", f"{TIME + 60}"],
            ["1", "11", "4", f"{TIME + 60}"],
        ],
        "item": [
            ["item_id:token", "movie_title:token_seq", "release_year:token", "genre:token_seq"],
            ["10", "Misérables, Les", "1995", "Drama Musical"],
            ["11", '"Toys", the: a 2nd | part (La Jouets)', "1998", "Animation Children's"],
            ["12", "Nobody rated it", "", ""],
        ],
        "user": [
            ["user_id:token", "age:token", "gender:token", "occupation:token", "zip_code:token"],
            ["1", "1", "F", "10", "48067"],
            ["2", "56", "M", "16", "98107-2117"],
        ],
    }
    assert summary == [
        "3 ratings, 2 users, 2 movies",
        "from 2000-12-31 22:00:00 to 2000-12-31 22:01:00 UTC",
        "ratings from 3 to 5",
        "read as ML-1M or ML-10M",
        "dropped 1 rows that repeat an earlier (user, movie, time)",
    ]


def csv_files(folder: Path) -> Path:
    """Write a miniature of ML-20M, packed, with a movie twice, and one that has no row."""
    folder.mkdir()
    ratings = (
        "userId,movieId,rating,timestamp\r\n1,10,3.5,1112486027\r\n138493,7,5.0,1112484676\r\n"
    )
    (folder / "ratings.csv.gz").write_bytes(gzip.compress(ratings.encode()))
    movies = [
        "movieId,title,genres",
        '10,"""Great"" Escape, The (1995)",Action|Sci-Fi',
        "10,Again (1995),Action",
        '11,"On and\non (2009\u20132012)",(no genres listed)',
    ]
    (folder / "movies.csv").write_text("\n".join(movies) + "\n", encoding="utf-8")
    return folder


def test_ml_20m_is_read_by_its_header(tmp_path: Path) -> None:
    summary = movielens.convert(csv_files(tmp_path / "raw"), tmp_path / "mini").splitlines()
    found = files(tmp_path / "mini")
    assert set(found) == {"inter", "item"}
    assert found["inter"][1:] == [
        ["1", "10", "3.5", "1112486027"],
        ["138493", "7", "5.0", "1112484676"],
    ]
    assert found["item"][1:] == [
        ["10", '"Great" Escape, The', "1995", "Action Sci-Fi"],
        ["11", "On and on", "2009", ""],
    ]
    assert summary[2:] == [
        "ratings from 3.5 to 5",
        "read as ML-20M, ML-25M or ML-32M",
        "dropped 1 rows of movies.csv that repeat a item_id",
        "1 movies with ratings are not in .item",
    ]


def test_parts_of_a_file_are_read_as_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    ratings = [(int(u), int(m), 3, TIME + int(t)) for u, m, t in rng.integers(1, 6, (200, 3))]
    dat(tmp_path / "raw", ratings)
    whole = movielens.convert(tmp_path / "raw", tmp_path / "whole" / "mini")
    monkeypatch.setattr(rating_files, "_PART", 37)
    assert movielens.convert(tmp_path / "raw", tmp_path / "parts" / "mini") == whole
    assert files(tmp_path / "whole" / "mini") == files(tmp_path / "parts" / "mini")
    assert len(files(tmp_path / "whole" / "mini")["inter"]) < 126  # of 125 kinds of rows
    wrong = [*ratings[:150], (1, "x", 3, TIME), *ratings[150:]]
    dat(tmp_path / "raw", wrong)
    words = r"ratings\.dat, line 151: expected a whole number from 0, below \d+ as 'item_id'"
    with pytest.raises(InputError, match=words):
        movielens.convert(tmp_path / "raw", tmp_path / "parts" / "mini")


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("ratings.dat", "1::10::5", r"ratings\.dat, line 2: 3 fields, and a rating has 4; is the"),
        ("ratings.dat", "1::10::5::1::2", r"line 2: 5 fields, and a rating has 4"),
        ("ratings.dat", "", r"line 2: 1 field, and a rating has 4"),
        ("ratings.dat", "1::10::good::1", r"line 2: expected a number as 'rating', found 'good'"),
        ("ratings.dat", "1::10::::1", r"line 2: expected a number as 'rating', found ''"),
        (
            "ratings.dat",
            "1::10::0::1",
            r"line 2: the rating is 0; expected stars above 0, up to 5$",
        ),
        ("ratings.dat", "1::10::300::1", r"line 2: the rating is 300; expected stars above 0, up"),
        (
            "ratings.dat",
            "1::10::3::-1",
            r"line 2: the timestamp is -1; expected seconds since 1970 above 0, up to 4,294",
        ),
        ("ratings.dat", "1::10::5::1.5", r"line 2: expected a whole number as 'timestamp', found"),
        (
            "ratings.dat",
            "-1::10::5::1",
            r"line 2: expected a whole number from 0, below .*'user_id'",
        ),
        (
            "movies.dat",
            "13::Heat",
            r"movies\.dat, line 2: 2 fields between '::', and a movie has 3",
        ),
        ("movies.dat", "x::Heat::Crime", r"movies\.dat, line 2: expected a whole number .*'x'$"),
        (
            "users.dat",
            "3::M::25::12",
            r"users\.dat, line 2: 4 fields between '::', and a user has 5",
        ),
    ],
)
def test_a_line_that_is_wrong_is_named_and_nothing_is_written(
    tmp_path: Path, name: str, line: str, words: str
) -> None:
    path = dat(tmp_path / "raw") / name
    lines = path.read_text(encoding="latin-1").splitlines()
    path.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n", encoding="latin-1")
    with pytest.raises(InputError, match=words):
        movielens.convert(tmp_path / "raw", tmp_path / "mini")
    assert list((tmp_path / "mini").iterdir()) == []


@pytest.mark.parametrize("end", ["\n", "\r\n\r\n", "  \n\n", "\n" * 99, "  "])
@pytest.mark.parametrize("part", [7, 1 << 23])
def test_blank_lines_at_the_end_are_none_and_one_before_it_is_named(
    tmp_path: Path, end: str, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rating_files, "_PART", part)
    raw = csv_files(tmp_path / "raw")
    plain = movielens.convert(raw, tmp_path / "plain" / "mini")
    text = gzip.decompress((raw / "ratings.csv.gz").read_bytes()).decode()
    (raw / "ratings.csv.gz").write_bytes(gzip.compress((text + end).encode()))
    assert movielens.convert(raw, tmp_path / "blank" / "mini") == plain
    assert files(tmp_path / "blank" / "mini") == files(tmp_path / "plain" / "mini")
    again = f"{text}{end.rstrip(' ')}\r\n3,10,3.5,1112486027\r\n"
    (raw / "ratings.csv.gz").write_bytes(gzip.compress(again.encode()))
    with pytest.raises(InputError, match=r"ratings\.csv\.gz, line 4: 1 field, and a rating has 4"):
        movielens.convert(raw, tmp_path / "between" / "mini")


def test_other_files_that_are_wrong_are_named(tmp_path: Path) -> None:
    out = tmp_path / "mini"
    with pytest.raises(InputError, match="--source: there is no folder"):
        movielens.convert(tmp_path / "nowhere", out)
    (tmp_path / "raw").mkdir()
    words = r"there are no ratings in it, u\.data \(ML-100K\), ratings\.dat .*; it holds nothing"
    with pytest.raises(InputError, match=words):
        movielens.convert(tmp_path / "raw", out)
    (dat(tmp_path / "raw") / "movies.dat").unlink()
    packed = tmp_path / "raw" / "ratings.dat.gz"
    packed.write_bytes(b"")
    with pytest.raises(InputError, match=r"ratings\.dat and ratings\.dat\.gz are the same file"):
        movielens.convert(tmp_path / "raw", out)
    packed.unlink()
    words = r"there is no movies\.dat beside ratings\.dat; it holds ratings\.dat, users\.dat$"
    with pytest.raises(InputError, match=words):
        movielens.convert(tmp_path / "raw", out)
    dat(tmp_path / "raw").joinpath("u.data").write_text("1\t1\t1\t1\n")
    with pytest.raises(InputError, match=r"u\.data and ratings\.dat are of different sets; keep"):
        movielens.convert(tmp_path / "raw", out)
    assert not out.exists()
    csv = csv_files(tmp_path / "csv")
    (csv / "ratings.csv.gz").write_bytes(
        gzip.compress(b"userId,movieId,stars,timestamp\n1,1,1,1\n")
    )
    with pytest.raises(
        InputError, match="there is no column 'rating', which a file of ratings of ML"
    ):
        movielens.convert(csv, out)
    (csv / "ratings.csv.gz").write_bytes(gzip.compress(b"userId,movieId,rating,timestamp\n"))
    with pytest.raises(InputError, match="there is no rating in it"):
        movielens.convert(csv, out)
    assert list(out.iterdir()) == []


def test_a_header_in_another_order_is_refused_for_rows_are_read_by_place(tmp_path: Path) -> None:
    raw = csv_files(tmp_path / "raw")
    swapped = b"movieId,userId,rating,timestamp\n10,1,3.5,1112486027\n"
    (raw / "ratings.csv.gz").write_bytes(gzip.compress(swapped))
    words = (
        r"ratings\.csv\.gz, line 1: the columns are movieId, userId, rating, timestamp; expected "
        "the order userId, movieId, rating, timestamp$"
    )
    with pytest.raises(InputError, match=words):
        movielens.convert(raw, tmp_path / "mini")


def test_lines_that_end_by_a_carriage_return_alone_are_refused(tmp_path: Path) -> None:
    raw = csv_files(tmp_path / "raw")
    ended = b"userId,movieId,rating,timestamp\r1,10,3.5,1112486027\r"
    (raw / "ratings.csv.gz").write_bytes(gzip.compress(ended))
    with pytest.raises(InputError, match=r"ratings\.csv\.gz, line 1: it names no columns \(new-l"):
        movielens.convert(raw, tmp_path / "mini")


def test_movies_of_csv_may_be_latin_1_as_all_others(tmp_path: Path) -> None:
    raw = csv_files(tmp_path / "raw")
    lines = "movieId,title,genres\n10,Café (1995),Drama\n"
    (raw / "movies.csv").write_text(lines, encoding="latin-1")
    movielens.convert(raw, tmp_path / "mini")
    assert files(tmp_path / "mini")["item"][1:] == [["10", "Café", "1995", "Drama"]]


def test_a_byte_order_mark_is_no_part_of_the_first_rating(tmp_path: Path) -> None:
    raw = dat(tmp_path / "raw")
    plain = movielens.convert(raw, tmp_path / "plain" / "mini")
    path = raw / "ratings.dat"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert movielens.convert(raw, tmp_path / "marked" / "mini") == plain
    assert files(tmp_path / "marked" / "mini") == files(tmp_path / "plain" / "mini")


def test_the_genres_of_u_item_are_flags(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text(f"1\t1\t3\t{TIME}\n")
    flags = ["0"] * len(GENRES)
    flags[3] = "yes"
    (tmp_path / "u.item").write_text("1|Heat (1995)|||x|" + "|".join(flags) + "\n")
    with pytest.raises(InputError, match=r"u\.item, line 1: expected 0 or 1 for each genre, found"):
        movielens.convert(tmp_path, tmp_path / "mini")


def test_movies_of_csv_are_named_by_their_lines(tmp_path: Path) -> None:
    path = csv_files(tmp_path / "raw") / "movies.csv"
    path.write_text(path.read_text(encoding="utf-8") + "tt11,Heat,Crime\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"movies\.csv, line 6: expected a whole number .*'tt11'$"):
        movielens.convert(tmp_path / "raw", tmp_path / "mini")


@pytest.mark.parametrize("name", ["ml-1m", "ml-20m"])
def test_the_command_writes_what_the_preset_trains(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ratings = [
        (user, 10 + (user * 3 + step) % 12, 1 + (user + step) % 5, TIME + 700 * step)
        for user in range(1, 13)
        for step in range(8)
    ]
    raw = tmp_path / "raw"
    if name == "ml-1m":
        dat(raw, ratings)
    else:
        raw = csv_files(raw)
        (raw / "ratings.csv.gz").unlink()
        worlds.write(
            worlds.pd.DataFrame(ratings, columns=["userId", "movieId", "rating", "timestamp"]),
            raw / "ratings.csv",
        )
    arguments = ["--source", str(raw), "--output", str(tmp_path / name)]
    assert main(["convert", "movielens", *arguments]) == 0
    assert "96 ratings, 12 users, 12 movies" in capsys.readouterr().out
    keys = {
        "data_path": str(tmp_path), "checkpoint_dir": str(tmp_path / "saved"), "threads": 1,
        "show_progress": False, "state": "ERROR", "use_gpu": False, "topk": [5],
        "valid_metric": "NDCG@5", "epochs": 1,
    }  # fmt: skip
    result = run_recbole_poem("POEM", name, config_dict=keys, saved=False)
    assert 0 <= result["test_result"]["ndcg@5"] <= 1

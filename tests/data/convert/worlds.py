"""Miniatures of the published data sets, with every oddity planted."""

import gzip
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
import pandas as pd

from recbole_poem.data.convert.columns import USER_COLUMNS
from recbole_poem.data.convert.items import CAPTION_COLUMNS, DAILY_COLUMNS
from recbole_poem.data.convert.kuairand import LOG_COLUMNS
from recbole_poem.data.convert.videos import BASIC_COLUMNS, STATISTIC_COLUMNS

START_MS = 1_650_900_000_000


def kuairand_log(n_rows: int = 60, n_users: int = 6, seed: int = 0) -> pd.DataFrame:
    """Make a log with distinct times, and play times up to twice the duration."""
    rng = np.random.default_rng(seed)
    log = pd.DataFrame({name: rng.integers(0, 2, n_rows) for name in LOG_COLUMNS})
    log["user_id"] = np.sort(rng.integers(0, n_users, n_rows))
    log["video_id"] = rng.integers(0, 9, n_rows)
    log["date"], log["hourmin"] = 20220425, 100
    log["time_ms"] = START_MS + 1_000 * np.arange(n_rows)
    log["duration_ms"] = rng.integers(5_000, 50_000, n_rows)
    log["play_time_ms"] = (log["duration_ms"] * rng.uniform(0, 2, n_rows)).astype(int)
    return log


def planted_log() -> pd.DataFrame:
    """Make a log with three rows that repeat earlier ones, and two without a duration."""
    log = kuairand_log()
    log.loc[[3, 17], "duration_ms"] = [0, -1]
    log.loc[5, ["play_time_ms", "duration_ms"]] = [30_000, 10_000]
    again = log.loc[[0, 5, 40]].assign(is_like=1, tab=14)
    return pd.concat([log, again], ignore_index=True)


def kuairand(folder: Path, packed: bool = False) -> Path:
    """Write a whole KuaiRand-Pure into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = planted_log()
    ending = ".csv.gz" if packed else ".csv"
    write(log, folder / f"log_standard_4_25_to_5_08_pure{ending}")
    random = kuairand_log(20, seed=1)
    random["time_ms"] += 10**8
    write(random.assign(is_rand=1), folder / f"log_random_4_22_to_5_08_pure{ending}")
    write(users(8), folder / f"user_features_pure{ending}")
    basic = pd.DataFrame({name: np.arange(10) for name in BASIC_COLUMNS})
    basic["tag"] = ["1", "12,65", "", "3"] + ["7"] * 6
    basic["video_duration"] = [np.nan, *np.arange(9_000.5, 9_009)]
    write(pd.concat([basic, basic[:2]]), folder / f"video_features_basic_pure{ending}")
    statistic = pd.DataFrame({name: np.arange(10) + 0.125 for name in STATISTIC_COLUMNS})
    statistic["video_id"] = np.arange(10)[::-1]
    write(statistic[:4], folder / f"video_features_statistic_pure_part1{ending}")
    write(statistic[3:9], folder / f"video_features_statistic_pure_part2{ending}")
    return folder


def history(folder: Path) -> pd.DataFrame:
    """Write a history of users 0 (three rows) and 7 (one), who has no row in the log."""
    rows = pd.DataFrame(
        {
            "user_id": [0, 0, 0, 7],
            "pos": [-3, -2, -1, -1],
            "video_id": [4, 2, 8, 1],
            "is_like": [0, 1, 0, 0],
            "long_view": [1, 0, 1, 0],
        }
    )
    write(rows, folder / "history_events_4_09_to_4_24_derived.csv.gz")
    return rows


def users(n_users: int) -> pd.DataFrame:
    """Make user features, with ranges that hold commas and a missing value."""
    features = pd.DataFrame({name: np.arange(n_users) for name in USER_COLUMNS})
    features["fans_user_num_range"] = "[100,1k)"
    features["onehot_feat4"] = [np.nan, *np.arange(1.0, n_users)]
    return features


def kuairec(folder: Path) -> Path:
    """Write a whole KuaiRec into `folder`: 6 rows of the big matrix, 3 of the small one."""
    folder.mkdir(parents=True, exist_ok=True)
    write(matrix([0, 0, 0, 1, 1, 1]), folder / "big_matrix.csv")
    small = matrix([2, 2, 2])
    small["date"] = small["date"].astype(float)  # as the published file has it, with missing ones
    small.loc[1, ["time", "date", "timestamp"]] = [None, np.nan, np.nan]
    write(small, folder / "small_matrix.csv")
    write(users(3), folder / "user_features.csv")
    friends = pd.DataFrame({"user_id": [1], "friend_list": ["[0, 2]"]})
    write(friends, folder / "social_network.csv")
    categories = pd.DataFrame({"video_id": range(6), "feat": ["[27, 9]"] + ["[3]"] * 5})
    write(categories, folder / "item_categories.csv")
    lines = [
        ",".join(CAPTION_COLUMNS),
        '0,cover,"a ""quoted"" caption,\nof two\tlines","[good things, home]",1,x,2,y,3,z',
        "1,,plain\rwith a return,[],1,x,-124,UNKNOWN,-124,UNKNOWN",
        "half of a broken",
        "row,[],1,x,2,y,3,z",
    ]
    (folder / "kuairec_caption_category.csv").write_text("\n".join(lines) + "\n")
    days = pd.DataFrame({name: [2, 4, 9] for name in DAILY_COLUMNS})
    days["video_id"], days["date"] = [0, 0, 1], [20200706, 20200705, 20200705]
    days["author_id"] = ["late", "early", "other"]
    write(days, folder / "item_daily_features.csv")
    return folder


def matrix(user: List[int]) -> pd.DataFrame:
    """Make rows of a matrix: play of 6, 8, 17, 18, 40 s and of nothing known."""
    n_rows = len(user)
    played = np.array([6_000, 8_000, 17_000, 18_000, 40_000, 5_000])[:n_rows]
    length = np.array([6_000, 30_000, 20_000, 20_000, 20_000, 0])[:n_rows]
    return pd.DataFrame(
        {
            "user_id": user,
            "video_id": np.arange(n_rows),
            "play_duration": played,
            "video_duration": length,
            "time": "2020-07-05 00:08:23.438",
            "date": 20200705,
            "timestamp": 1593878903.438 + np.arange(n_rows),
            "watch_ratio": played / np.where(length, length, np.nan),
        }
    ).assign(watch_ratio=lambda rows: rows["watch_ratio"].fillna(np.inf))


def kuairec_log() -> pd.DataFrame:
    """Make a matrix of 7 users and 8 videos in different orders, each second one watched whole."""
    log = pd.concat([matrix([user] * 6).iloc[[4, 1] * 4] for user in range(7)], ignore_index=True)
    orders = [np.random.default_rng(user).permutation(8) for user in range(7)]
    return log.assign(
        video_id=np.concatenate(orders), timestamp=1593878903.438 + np.arange(len(log))
    )


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table as .csv or .csv.gz."""
    text = table.to_csv(index=False).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def read(output: Path, kind: str) -> pd.DataFrame:
    """Return an atomic file, every value as its text, without the types in the header."""
    table = pd.read_csv(
        output / f"{output.name}.{kind}", sep="\t", dtype=str, keep_default_na=False, quoting=3
    )
    return table.rename(columns=lambda name: name.partition(":")[0])


def types(output: Path, kind: str) -> Dict[str, str]:
    """Return the types of the columns of an atomic file."""
    head = (output / f"{output.name}.{kind}").read_text().partition("\n")[0]
    return dict(column.split(":") for column in head.split("\t"))


def contents(output: Path) -> Optional[Dict[str, bytes]]:
    """Return all that a folder holds."""
    return {path.name: path.read_bytes() for path in sorted(output.iterdir())}

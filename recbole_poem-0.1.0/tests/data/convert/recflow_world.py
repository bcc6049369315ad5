"""A miniature of RecFlow, every oddity that is known or feared of it planted in one of its days."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pyarrow as pa
import pyarrow.feather

from recbole_poem.data.convert.recflow.columns import DAY, FLAGS

DAY_MS = 86_400_000
START_MS = 1_705_075_200_000  # 2024-01-13, Beijing
Row = Dict[str, Any]


def row(request: int, user: int, video: int, flags: str = "", **changes: Any) -> Row:
    """Make a row of a request, of its first minute unless said otherwise.

    Parameters
    ----------
    flags : str
        Those that are 1, between blanks.
    """
    return {
        **dict.fromkeys(DAY, 0),
        "request_id": request,
        "request_timestamp": START_MS + 60_000 * request,
        "user_id": user,
        "device_id": user + 100,
        "age": user % 8,
        "gender": user % 3,
        "province": user % 79,
        "video_id": video,
        "author_id": video // 2,
        "category_level_one": video % 5 + 1,
        "category_level_two": video % 7,
        "upload_timestamp": 1_700_000_000 + video,
        "duration": 10_000 + video,
        "rank_index": -1,
        "rerank_index": -1,
        **dict.fromkeys(flags.split(), 1),
        **changes,
    }


def request(
    number: int, user: int, first: int = 0, shown: int = 2, start: int = 0, **changes: Any
) -> List[Row]:
    """Make a request: 3 of each stage's best, 2 of each rest, what was dropped before, 2 shown.

    The videos are numbered on from ``start``, best first; a shown one is watched for long if even.
    """
    rows = []
    for place in range(3):
        flags = "rerank_pos rank_pos" if place < 2 else "rerank_pos"
        index = {"rerank_index": first + place}
        if place < 2:
            index["rank_index"] = first + 2 * place  # one was removed between the stages
        if place < shown:
            is_long = int((start + place) % 2 == 0)
            flags += " realshow" + " effective_view long_view" * is_long
            index["playing_time"] = 20_000 if is_long else 1_000
        rows.append(row(number, user, start + place, flags, **index))
    rows.append(row(number, user, start + 3, "rank_pos", rank_index=first + 5))
    rows += [row(number, user, start + 4 + k, "rerank_neg") for k in range(2)]
    rows += [row(number, user, start + 6 + k, "rank_neg") for k in range(2)]
    rows += [
        row(number, user, start + 8, "coarse_neg"),
        row(number, user, start + 9, "prerank_neg"),
    ]
    return [{**each, **changes} for each in rows]


def write_day(folder: Path, day: str, rows: List[Row], **types: Any) -> Path:
    """Write rows as a day; `types` give columns other types than int64, and maybe no type at all.

    As in the files of the authors' sample, one name has a blank in front.
    """
    fields = {}
    for name in DAY:
        values = [each[name] for each in rows]
        fields[name] = pa.array(values, pa.int64()).cast(types.get(name, pa.int64()))
    fields = {(" " if name == "category_level_two" else "") + name: v for name, v in fields.items()}
    path = folder / "all_stage" / f"{day}.feather"
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.feather.write_feather(pa.table(fields), str(path), chunksize=7)
    return path


def write(folder: Path) -> Path:
    """Write two days, with another missing between them.

    On 2024-01-13 user 0 has requests 0, 2, 3 and 6, user 1 request 1, user 5 request 4:

    - positions begin at 0, and those of a rest are -1;
    - requests 2 and 3 have one time, and their rows are mixed;
    - request 0 has a candidate twice, whose second row alone was shown;
    - request 1 shows a video without a flag of the rank or re-rank stage, and a row has no flag;
    - a candidate of request 4 is both of the best and of the rest, and one has no position;
    - request 6 has one row of user 7, and one of another time: three requests;
    - feedback, playing time and positions are missing where a row was not shown or is of no stage;
    - a user's age and a video's duration change.

    On 2024-01-15 users 0 and 1 have requests 7 and 8, with positions from 1, of a rest as well.
    """
    rows = request(0, 0)
    again = {**rows[3], "realshow": 1, "long_view": 1, "playing_time": 10_003}
    rows += [again]
    rows += request(1, 1, start=20)
    rows += [row(1, 1, 40, "realshow", playing_time=3), row(1, 1, 41)]
    at_once = {"request_timestamp": START_MS + 120_000}
    rows += [
        each
        for pair in zip(request(3, 0, start=10, **at_once), request(2, 0, start=5, **at_once))
        for each in pair
    ]
    odd = request(4, 5, start=50, shown=1)
    odd[1]["rank_neg"] = 1
    odd[3]["rank_index"] = None
    rows += odd
    torn = request(6, 0, start=30)
    torn[2]["user_id"] = 7
    torn[5]["request_timestamp"] += 30_000
    rows += torn
    for each in rows:
        if not each["realshow"]:
            each.update(dict.fromkeys(("long_view", "like", "playing_time"), None))
        if each["rank_index"] == -1 and each["request_id"] == 1:
            each["rank_index"] = None
    number = pa.float64()
    write_day(
        folder, "2024-01-13", rows, long_view=number, like=number, playing_time=number,
        rank_index=number, realshow=pa.bool_(),
    )  # fmt: skip
    late = request(7, 0, first=1, request_timestamp=START_MS + 2 * DAY_MS, age=3)
    late += request(8, 1, first=1, start=3, request_timestamp=START_MS + 2 * DAY_MS + 1)
    for number_, each in enumerate(late):
        if each["rank_neg"]:
            each["rank_index"] = 20 - number_ % 10  # the later one is the better one
        if each["rerank_neg"]:
            each["rerank_index"] = 9
        if each["video_id"] == 2:
            each["duration"] = 7
    write_day(folder, "2024-01-15", late, video_id=pa.int32())
    return folder


def flag_names(bits: int) -> List[str]:
    """List the flags of a number."""
    return [name for name, bit in FLAGS.items() if bits & bit]


def random_candidates(rng: np.random.Generator, n_rankings: int) -> Dict[str, np.ndarray]:
    """Draw candidates with flags and positions of all kinds, at least one of each ranking."""
    ranking = np.r_[np.arange(n_rankings), rng.integers(0, n_rankings, 8 * n_rankings)]
    bits = [FLAGS[name] for name in FLAGS if name != "realshow"]
    flags = rng.choice(bits, len(ranking)) | rng.choice([0, 0, 0, 1, *bits], len(ranking))
    return {
        "ranking": ranking,
        "flags": flags.astype(np.uint8),
        "rank_index": rng.integers(-1, 12, len(ranking)),
        "rerank_index": rng.integers(-1, 12, len(ranking)),
    }

"""From RecFlow's days to atomic files, in memory that does not grow with the days.

A day is read part by part. What is kept of it is dealt by user to files on disk, as nobody says
that the rows of a request stand together; then the requests of some users are put in order at a
time. So ``.inter`` and ``.cand`` are in the order of the days, and inside a day by groups of users.
"""

import io
from pathlib import Path
from typing import Any, List, Optional

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import writing_into
from recbole_poem.core.parquet import arrow
from recbole_poem.data.convert.dealt_rows import DealtRows
from recbole_poem.data.convert.reading import progress
from recbole_poem.data.convert.recflow.columns import (
    CAND,
    DURATION_OF_ITEM,
    FEEDBACK,
    FLAGS,
    INTER,
    ITEM,
    OF_EXPOSURE,
    USER,
)
from recbole_poem.data.convert.recflow.days import find_days
from recbole_poem.data.convert.recflow.described import Described
from recbole_poem.data.convert.recflow.found import Found
from recbole_poem.data.convert.recflow.people import People, choose
from recbole_poem.data.convert.recflow.places import NEGATIVES, Position, has
from recbole_poem.data.convert.recflow.reading import Part, other_columns, parts
from recbole_poem.data.convert.recflow.requests import CANDIDATE, EXPOSURE, convert_rows
from recbole_poem.data.convert.summary import Summary
from recbole_poem.data.convert.writing import AtomicFiles

_SCORED = ("rerank_pos", "rerank_neg", "rank_pos", "rank_neg")
_LATEST = 2**53


def convert(
    source: Path,
    output: Path,
    users: Optional[int] = None,
    days: Optional[str] = None,
    first_position: int = 0,
    negatives: str = "auto",
    with_dropped: bool = False,
) -> str:
    """Convert RecFlow.

    Parameters
    ----------
    source : Path
        The folder that holds ``all_stage``, or that folder.
    output : Path
        The folder to write, named like the data set.
    users : int, optional
        Only so many users, chosen by a hash of their ids: never only some rows of a user.
    days : str, optional
        ``2024-01-13..2024-02-03``, both included.
    first_position : int
        The first value of ``rank_index`` and ``rerank_index``; below it there is no position.
    negatives : str
        Whether positions order what was drawn from the rest of a stage: ``auto`` (where they are
        behind those of the ten best), ``index`` (always) or ``tied`` (never).
    with_dropped : bool
        Take ``coarse_neg`` and ``prerank_neg`` as candidates, tied behind all others.

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with a file; nothing is written then.
    """
    if negatives not in NEGATIVES:
        raise InputError(f"--negatives: expected one of {', '.join(NEGATIVES)}, not {negatives}")
    if first_position < 0:
        raise InputError(f"--first_position: expected 0 or more, not {first_position}")
    chosen = find_days(source, days)
    how = Position(first_position, negatives)
    summary = Summary("request_timestamp", "ms", FEEDBACK, "play_ratio")
    kinds = {"inter": INTER, "user": USER, "item": ITEM, "cand": CAND}
    with writing_into(output):
        output.mkdir(parents=True, exist_ok=True)
    n_passes = 1 if users is None else 2
    with AtomicFiles(output, kinds) as files, progress(chosen.paths, n_passes) as bar:
        people = People() if users is None else choose(chosen.paths, users, bar)
        day = _Days(files, people, how, with_dropped, summary)
        for path in chosen.paths:
            day.convert(path, output, bar)
        if not summary.rows:
            raise InputError(f"{chosen.paths[0]}: no row of the days was shown (realshow is 1)")
        notes = [chosen.words, people.words, *day.found.sentences(how, with_dropped)]
        summary.notes += [*notes, *day.differing(), *other_columns(chosen.paths)]
        return summary.text()  # which refuses times that are none


class _Days:
    """Converts one day after the other."""

    def __init__(
        self,
        files: AtomicFiles,
        people: People,
        how: Position,
        with_dropped: bool,
        summary: Summary,
    ) -> None:
        self._files, self._people, self._how, self._summary = files, people, how, summary
        self._taken = (*_SCORED, "coarse_neg", "prerank_neg") if with_dropped else _SCORED
        self._items, self._users = Described(list(ITEM)), Described(list(USER))
        self.found = Found()

    def convert(self, path: Path, folder: Path, bar: Any = None) -> None:
        """Write the rows of a day; temporary files may lie in `folder`."""
        with DealtRows(folder, CANDIDATE) as candidates, DealtRows(folder, EXPOSURE) as exposures:
            for part in parts(path, bar=bar):
                self._deal(part, candidates, exposures)
            for of_candidates, of_exposures in zip(candidates.parts(), exposures.parts()):
                rows = convert_rows(of_candidates, of_exposures, self._how, self.found)
                self._summary.add(rows.exposures)
                self._files.write("inter", rows.exposures)
                self._files.append("cand", _lines(rows.candidates))

    def differing(self) -> List[str]:
        """Return what is said of users and videos that are not described the same by all rows."""
        return [
            f"{each.differing:,} rows describe their {name} otherwise than its first row, which "
            "stands"
            for name, each in (("video", self._items), ("user", self._users))
            if each.differing
        ]

    def _deal(self, part: Part, candidates: DealtRows, exposures: DealtRows) -> None:
        """Deal the rows of a part by user, and write what users and videos are new."""
        found = self.found
        found.read += len(part)
        user = part.ids("user_id")
        flags = np.zeros(len(part), dtype=np.uint8)
        for name, bit in FLAGS.items():
            flags |= part.flags(name).astype(np.uint8) * np.uint8(bit)
        is_ours = self._people.among(user)
        is_shown = is_ours & has(flags, "realshow")
        is_candidate = is_ours & has(flags, *self._taken)
        found.of_others += int((~is_ours).sum())
        found.without_flag += int((is_ours & (flags == 0)).sum())
        found.dropped += int((is_ours & (flags > 0) & ~is_shown & ~is_candidate).sum())
        found.shown_alone += int((is_shown & ~is_candidate).sum())
        kept = np.flatnonzero(is_shown | is_candidate)
        if not len(kept):
            return
        self._describe(part, user, kept)
        row = np.flatnonzero(is_candidate)
        records = _records(part, user, row, CANDIDATE)
        records["flags"] = flags[row]
        for name in ("rank_index", "rerank_index"):
            records[name] = part.maybe(name, row)
        candidates.add(user[row], records)
        row = np.flatnonzero(is_shown)
        records = _records(part, user, row, EXPOSURE)
        for name in ("duration", *OF_EXPOSURE):
            records[name] = part.maybe(name, row)
        exposures.add(user[row], records)

    def _describe(self, part: Part, user: np.ndarray, kept: np.ndarray) -> None:
        video = part.ids("video_id")[kept]
        names = [name for name in ITEM if name != "video_id"]
        of_video = [part.maybe("duration" if n == DURATION_OF_ITEM else n, kept) for n in names]
        self._files.append("item", _lines(self._items.new(video, of_video)))
        of_user = [part.maybe(name, kept) for name in USER if name != "user_id"]
        self._files.append("user", _lines(self._users.new(user[kept], of_user)))


def _lines(rows: pd.DataFrame) -> bytes:
    """Return rows of whole numbers and names as they stand in an atomic file."""
    pa = arrow()
    content = io.BytesIO()
    form = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    pa.csv.write_csv(pa.Table.from_pandas(rows, preserve_index=False), content, form)
    return content.getvalue()


def _records(part: Part, user: np.ndarray, row: np.ndarray, record: np.dtype) -> np.ndarray:
    """Return records of some rows, with what candidates and exposures have in common."""
    records = np.zeros(len(row), record)
    records["user"], records["row"] = user[row], part.first_row + row
    records["video"] = part.ids("video_id")[row]
    records["time"] = part.numbers_from_0("request_timestamp", _LATEST)[row]
    records["request"] = part.numbers_from_0("request_id", _LATEST)[row]
    return records

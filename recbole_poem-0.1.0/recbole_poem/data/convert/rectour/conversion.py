"""From the searches of RecTour 2021 to clicks and rankings.

``.inter`` has the impressions that were clicked or booked, or all; ``.cand`` the list of each
search. ``rank`` in it is negative, so that the best is the highest.
"""

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import writing_into
from recbole_poem.core.times import in_words
from recbole_poem.data.convert.reading import progress
from recbole_poem.data.convert.rectour.impressions import Separators, impressions_of
from recbole_poem.data.convert.rectour.searches import COLUMNS, Times, find_files, searches, times
from recbole_poem.data.convert.writing import AtomicFiles

_AT_ONCE = 20_000  # searches whose lists are taken apart together
_OF_SEARCH = [
    name for name in COLUMNS if name not in ("user_id", "search_timestamp", "impressions")
]
INTER: Dict[str, str] = {
    "user_id": "token",
    "prop_id": "token",
    "search_timestamp": "float",
    **{name: COLUMNS[name].type for name in _OF_SEARCH},
    "position": "float",
    "is_travel_ad": "token",
    "is_free_cancellation": "token",
    "is_drr": "token",
    "price_bucket": "token",
    "num_clicks": "float",
    "is_trans": "float",
}
ITEM = {
    "prop_id": "token", "star_rating": "float", "review_rating": "float", "review_count": "float",
}  # fmt: skip
CAND = {"user_id": "token", "search_timestamp": "float", "prop_id": "token", "rank": "float"}


def convert(
    source: Path,
    output: Path,
    record_separator: str = "|",
    field_separator: str = ",",
    all_impressions: bool = False,
    sort_types: Optional[Sequence[str]] = None,
) -> str:
    """Convert RecTour 2021.

    Parameters
    ----------
    source : Path
        The file of searches, or the folder of such files.
    output : Path
        The folder to write, named like the data set.
    record_separator, field_separator : str
        Of the column ``impressions``.
    all_impressions : bool
        Write all impressions into ``.inter``, and not only those that were clicked or booked.
    sort_types : sequence of str, optional
        Only lists in one of these orders are rankings; None = all.

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with a file; nothing is written then.
    """
    separators = Separators(record_separator, field_separator)
    separators.check()
    paths = find_files(source)
    with writing_into(output):
        output.mkdir(parents=True, exist_ok=True)
    with AtomicFiles(output, {"inter": INTER, "item": ITEM, "cand": CAND}) as files, progress(
        paths, 2
    ) as bar:
        conversion = _Searches(files, separators, all_impressions, sort_types)
        conversion.convert(paths, times(paths, bar), bar)
        return conversion.summary()


class _Searches:
    """Writes searches, and counts them."""

    def __init__(
        self,
        files: AtomicFiles,
        separators: Separators,
        all_impressions: bool,
        sort_types: Optional[Sequence[str]],
    ) -> None:
        self._files, self._separators, self._all = files, separators, all_impressions
        self._sort_types = None if sort_types is None else set(sort_types)
        self._props: Dict[str, None] = {}
        self._users: Dict[str, None] = {}
        self._first, self._last = np.inf, -np.inf
        self._sorted: Dict[str, int] = {}
        self._count = dict.fromkeys(
            ("searches", "nobody", "empty", "impressions", "twice", "ads", "clicked", "booked",
             "rows", "rankings"), 0,
        )  # fmt: skip
        self._notes: List[str] = []

    def convert(self, paths: List[Path], when: Times, bar: Any) -> None:
        """Write all rows."""
        begin = 0
        for path in paths:
            for part in searches(path, bar):
                for start in range(0, len(part), _AT_ONCE):
                    some = part[start : start + _AT_ONCE]
                    end = begin + len(some)
                    has_user = when.has_user[begin:end]
                    self._count["searches"] += len(some)
                    self._count["nobody"] += int((~has_user).sum())
                    self._write(some[has_user], when.time[begin:end][has_user], path)
                    begin = end
        unknown = sorted((self._sort_types or set()) - set(self._sorted))
        if unknown:
            raise InputError(
                f"--sort_types: no search has the order '{unknown[0]}'; there are "
                f"{', '.join(sorted(self._sorted))}"
            )
        if not self._count["rows"]:
            raise InputError(f"{paths[0]}: no impression was clicked or booked")
        if when.moved:
            words = "have the time of another one of their user: moved by 1 ms"
            self._notes.append(f"{when.moved:,} searches {words}")
        if when.again:
            words = "have the search_id of an earlier one: searches of their own"
            self._notes.append(f"{when.again:,} searches {words}")

    def _write(self, some: pd.DataFrame, time: np.ndarray, path: Path) -> None:
        """Write the rows of some searches of known users."""
        found = impressions_of(some["impressions"], some.index.to_numpy(), path, self._separators)
        self._count["empty"] += len(some) - found["search"].nunique()
        self._count["impressions"] += len(found)
        found = found.sort_values(["search", "rank"], kind="stable")
        once = found.drop_duplicates(["search", "prop_id"])
        self._count["twice"] += len(found) - len(once)
        search = once["search"].to_numpy(np.int64)
        of_search = some.drop(columns=["impressions", "search_timestamp"]).reset_index(drop=True)
        rows = once.reset_index(drop=True).join(of_search.take(search).reset_index(drop=True))
        rows["search_timestamp"] = time[search]
        for name, number in some["sort_type"].value_counts().items():
            self._sorted[name] = self._sorted.get(name, 0) + int(number)
        is_taken = rows["num_clicks"].gt(0) | rows["is_trans"].gt(0)
        self._count["ads"] += int(rows["is_travel_ad"].isin(["1", "True", "true"]).sum())
        self._count["clicked"] += int(rows["num_clicks"].gt(0).sum())
        self._count["booked"] += int(rows["is_trans"].gt(0).sum())
        self._exposures(rows if self._all else rows[is_taken])
        ranked = rows
        if self._sort_types is not None:
            ranked = rows[rows["sort_type"].isin(self._sort_types)]
        self._count["rankings"] += ranked["search"].nunique()
        self._files.write("cand", ranked.assign(rank=-ranked["rank"]))
        new = rows.drop_duplicates("prop_id")
        is_new = [name not in self._props for name in new["prop_id"]]
        new = new[np.array(is_new, dtype=bool)]
        self._props.update(dict.fromkeys(new["prop_id"]))
        self._files.write("item", new)

    def _exposures(self, rows: pd.DataFrame) -> None:
        self._count["rows"] += len(rows)
        self._users.update(dict.fromkeys(rows["user_id"].unique()))
        self._first = min(self._first, rows["search_timestamp"].min())
        self._last = max(self._last, rows["search_timestamp"].max())
        self._files.write("inter", rows.rename(columns={"rank": "position"}))

    def summary(self) -> str:
        """Return what was read and written, a fact a line."""
        n = self._count
        what = "impressions" if self._all else "clicked or booked impressions"
        orders = sorted(self._sorted.items(), key=lambda each: -each[1])
        lines = [
            f"{n['rows']:,} {what} of {len(self._users):,} users, {len(self._props):,} properties",
            f"from {in_words(self._first, 'ms')} to {in_words(self._last, 'ms')} UTC",
            f"searches: {n['searches']:,} read, {n['rankings']:,} are rankings",
            f"impressions: {n['impressions']:,} read, {n['clicked']:,} clicked, {n['booked']:,} "
            f"booked, {n['ads']:,} travel ads (no part of the platform's own order)",
            "orders of the lists (--sort_types chooses): "
            + ", ".join(f"{name or 'none'} {number:,}" for name, number in orders[:12]),
        ]
        for key, words in (
            ("nobody", "left out: {:,} searches without a user"),
            ("empty", "{:,} searches without impressions: no rankings"),
            ("twice", "left out: {:,} impressions of a property that their list has already"),
        ):
            if n[key]:
                lines.append(words.format(n[key]))
        s = self._separators
        lines.append(
            f"impressions were read with '{s.record}' between records and '{s.field}' between "
            "fields (--record_separator, --field_separator)"
        )
        return "\n".join([*lines, *self._notes])

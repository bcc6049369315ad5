"""Which days are converted: the files of ``all_stage``, one a day."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.reading import some_names

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)\.feather")
_FORM = "--days: expected a day or a range such as 2024-01-13..2024-02-03, not '{}'"


class Days(NamedTuple):
    """The days of a conversion.

    Attributes
    ----------
    paths : list of Path
        Their files, in the order of time.
    words : str
        Which they are, and which are missing between them.
    """

    paths: List[Path]
    words: str


def find_days(source: Path, wanted: Optional[str]) -> Days:
    """Find the files of the days.

    Parameters
    ----------
    source : Path
        The folder that holds ``all_stage``, or that folder.
    wanted : str, optional
        ``A..B``, both included, or one day; one end may stay open. None is all.

    Raises
    ------
    InputError
        If there is no such folder or file, or `wanted` cannot be read.
    """
    if not source.is_dir():
        raise InputError(f"--source: there is no folder {source}")
    folder = source / "all_stage" if (source / "all_stage").is_dir() else source
    files: Dict[date, Path] = {}
    others = []
    for path in sorted(folder.glob("*.feather")):
        match = _DAY.fullmatch(path.name)
        if match:
            files[_as_date(match[1], f"{path}: its name")] = path
        else:
            others.append(path.name)
    if not files:
        raise InputError(
            f"{folder}: there is no file of a day in it, such as 2024-01-13.feather of RecFlow's "
            f"all_stage; it holds {some_names(folder)}"
        )
    first, last = _ends(wanted) if wanted is not None else (date.min, date.max)
    paths = {day: path for day, path in files.items() if first <= day <= last}
    if not paths:
        raise InputError(f"--days: {folder} has no day of {wanted}; it has {_span([*files])}")
    first, last = (min(paths), max(paths)) if wanted is None else _known(first, last, paths)
    between = [first + timedelta(n) for n in range((last - first).days + 1)]
    missing = [day.isoformat() for day in between if day not in paths]
    words = f"{len(paths):,} days, {_span([*paths])}"
    if missing:
        words += f"; no file of {', '.join(missing[:8])}{' and others' * (len(missing) > 8)}"
    if others:
        words += f"; passed over {', '.join(others[:8])}"
    return Days([paths[day] for day in sorted(paths)], words)


def _ends(wanted: str) -> Tuple[date, date]:
    """Return the first and the last day of a range."""
    first, dots, last = wanted.partition("..")
    if not (first or last) or (dots and ".." in last):
        raise InputError(_FORM.format(wanted))
    if not dots:
        last = first
    ends = (
        _as_date(first, "--days") if first else date.min,
        _as_date(last, "--days") if last else date.max,
    )
    if ends[0] > ends[1]:
        raise InputError(f"--days: {first} comes after {last}; write the earlier day first")
    return ends


def _known(first: date, last: date, paths: Dict[date, Path]) -> Tuple[date, date]:
    """Return the ends of a range, those that are open closed by the files."""
    return (
        min(paths) if first == date.min else first,
        max(paths) if last == date.max else last,
    )


def _as_date(text: str, what: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{what}: '{text}' is no day; write it as 2024-01-13") from error


def _span(days: List[date]) -> str:
    return f"{min(days)} to {max(days)}" if len(days) > 1 else str(days[0])

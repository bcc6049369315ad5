"""What ``recbole-poem simulate`` prints: the oracles, a test, a calibration, the dials."""

import dataclasses
from typing import Any, Dict, List, Sequence

from recbole_poem.cli.pages import Page
from recbole_poem.core.settings import default_of
from recbole_poem.world.ab_report import HEADER, Report, cells, verdict
from recbole_poem.world.calibration import Calibration, Compared
from recbole_poem.world.dataset import Told
from recbole_poem.world.settings import PARTS, WorldSettings
from recbole_poem.world.watch_log import WatchLog

_ORACLES = {
    "taste": "knows the long-term taste alone",
    "previous": "knows the context of the request before",
    "now": "knows the context of this request",
}


def oracle_table(told: Told) -> str:
    """Return what could be known of a data set: a row for each oracle, on the test rows."""
    found = told.oracle["test"]
    names = list(next(iter(found.values())))
    rows = [
        [oracle, *(f"{found[oracle][name]:.4f}" for name in names), meaning]
        for oracle, meaning in _ORACLES.items()
    ]
    return _table(["oracle (test rows)", *names, ""], rows)


def ab_table(report: Report) -> str:
    """Return the metrics of both arms, and what they say."""
    rows = [list(cells(line)) for line in report.lines]
    lines = [f"A: {report.about['a']}, B: {report.about['b']}", ""]
    lines += [_table(HEADER, rows), "", verdict(report)]
    notes = [f"{line.name}: {line.note}." for line in report.lines if line.note]
    return "\n".join([*lines, *notes])


def calibration_table(log: WatchLog, skipped: Dict[str, int], found: Calibration) -> str:
    """Return log beside simulated, and the misfits."""
    rows_of = f"{len(log.seconds):,} exposures"
    left_out = "".join(f"; {number:,} rows {reason} left out" for reason, number in skipped.items())
    header = ["", "log", "simulated", ""]
    overall, by_length = (list(map(_compared, of)) for of in (found.overall, found.by_length))
    names = "; ".join(each.name for each in found.misfits)
    said = f"misfits ({len(found.misfits)}): {names}" if names else "no misfits"
    fitted = "\n".join(_dials(found.dials))
    parts = [rows_of + left_out, _table(header, overall), _table(header, by_length), said]
    return "\n\n".join([*parts, f"fitted dials\n{fitted}"])


def _compared(each: Compared) -> List[str]:
    digits = 1 if each.is_seconds else 3
    values = [f"{value:.{digits}f}" for value in (each.log, each.simulated)]
    return [each.name, *values, "" if each.fits else "misfit"]


def _dials(blocks: Dict[str, Any]) -> List[str]:
    return [
        f"  {part}.{name}: {value}"
        for part, settings in blocks.items()
        for name, value in settings.items()
    ]


def add_dials(page: Page) -> None:
    """Add a table of the dials of each part of the world."""
    own = [field for field in dataclasses.fields(WorldSettings) if field.name not in PARTS]
    page.table(_DIAL_HEADER, [_dial("", field) for field in own])
    for part, of in PARTS.items():
        page.paragraph(f"{part}: {(of.__doc__ or '').partition('.')[0]}.")
        page.table(_DIAL_HEADER, [_dial(f"{part}.", field) for field in dataclasses.fields(of)])


_DIAL_HEADER = ["dial", "default", "range", "meaning"]


def _dial(part: str, field: "dataclasses.Field[Any]") -> List[str]:
    of = field.metadata
    return [f"{part}{field.name}", str(default_of(field)), of["range"].words, of["meaning"]]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first and the last are numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    last = len(header) - 1

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if at in (0, last) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join(map(line, [header, *rows]))

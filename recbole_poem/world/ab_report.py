"""The report of an A/B test: ``report.html``, which needs nothing else, and ``result.json``."""

import html
import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import plotly.graph_objects as go

from recbole_poem.benchmark.report import page
from recbole_poem.benchmark.report.document import (
    Block,
    Cell,
    Chart,
    Heading,
    Paragraph,
    Row,
    Table,
    number,
    percent,
    signed,
)
from recbole_poem.core.files import whole_file, writing
from recbole_poem.world.comparison import CEILING, FLOOR, SHOWN, Curves, Line

_BLUE, _ORANGE, _GREEN, _GREY = "#1f6fb4", "#d9591c", "#2c8a4b", "#5f6b7a"
HEADER = ("metric", "A", "B", "B less A", "95 % interval", "relative")


class Report(NamedTuple):
    """What a test came to.

    Attributes
    ----------
    about : dict
        What was tested: ``a``, ``b``, ``days``, ``users`` and whatever else tells two tests apart.
    names : dict
        What A and B are called in `curves`.
    lines : list of Line
    shares : dict
        Place of A and B on the way from `FLOOR` to `CEILING`.
    curves : Curves
    """

    about: Dict[str, Any]
    names: Dict[str, str]
    lines: List[Line]
    shares: Dict[str, Any]
    curves: Curves


def cells(line: Line) -> Tuple[str, ...]:
    """Return a line of the table, see `HEADER`."""
    found = line.found
    interval = (
        f"{signed(found.low, 3)} to {signed(found.high, 3)}" if found.low == found.low else ""
    )
    return (
        line.name, number(found.a, 3), number(found.b, 3), signed(found.difference, 3), interval,
        percent(found.relative),
    )  # fmt: skip


def verdict(report: Report) -> str:
    """Return what the test says of watch time, in a sentence."""
    found = report.lines[0].found
    shown = next(line.found for line in report.lines if line.name == SHOWN)
    if shown.a == shown.b == 0:
        return (
            "Nobody was shown anything in the test: all that A and B found had been shown before "
            "or was gone; give the world more videos (simulate data --items)."
        )
    moved = (
        "the same watch time as"
        if found.low == found.high == 0
        else "more watch time than"
        if found.low > 0
        else "less watch time than"
        if found.high < 0
        else "no watch time that could be told from that of"
    )
    a, b = report.about["a"], report.about["b"]
    return (
        f"B ({b}) has {moved} A ({a}): {signed(found.difference, 2)} s per user and day "
        f"({percent(found.relative)}), 95 % interval {signed(found.low, 2)} to "
        f"{signed(found.high, 2)}."
    )


def write_report(folder: Path, report: Report) -> None:
    """Write both files.

    Raises
    ------
    InputError
        If one cannot be written.
    """
    title = "A/B test in a closed loop"
    for path, text in (
        (folder / "report.html", page.render(title, _blocks(title, report))),
        (folder / "result.json", json.dumps(_record(report), indent=1, allow_nan=False) + "\n"),
    ):
        with writing(path), whole_file(path) as file:
            file.write(text.encode())


def _record(report: Report) -> Dict[str, Any]:
    lines = {
        line.name: {
            name: _known(getattr(line.found, name))
            for name in ("a", "b", "difference", "low", "high")
        }
        for line in report.lines
    }
    found = report.curves
    return {
        **report.about,
        "metrics": lines,
        "shares": report.shares,
        "watch_seconds_by_day": {name: of.tolist() for name, of in found.watched.items()},
        "difference_so_far": found.so_far.tolist(),
        "confidence_sequence": found.sequence.tolist(),
    }


def _known(value: float) -> Any:
    """Return a value as JSON can have it: None in place of NaN."""
    return None if value != value else value


def _blocks(title: str, report: Report) -> List[Block]:
    about = "; ".join(f"{name}: {value}" for name, value in report.about.items())
    rows = [Row([Cell(text) for text in cells(line)]) for line in report.lines]
    notes = [f"{line.name}: {line.note}." for line in report.lines if line.note]
    shares = ", ".join(
        f"{name} {number(100 * share, 1)} %" for name, share in report.shares.items() if share
    )
    return [
        Heading(1, title),
        Paragraph(verdict(report), "verdict"),
        Paragraph(about, "note"),
        Table(list(HEADER), rows),
        Paragraph(
            "Both arms have the same people, who live on from the same moment by the same chances; "
            "intervals are percentile bootstraps over users of the differences. " + " ".join(notes),
            "note",
        ),
        *(
            [
                Paragraph(
                    f"On the way from {FLOOR} (0) to {CEILING} (100 %), by watch time: {shares}."
                )
            ]
            if shares
            else []
        ),
        _watched(report),
        _differences(report),
    ]


def _watched(report: Report) -> Chart:
    """Draw the seconds of a user on each day, A and B strong, ceiling and floor as they are."""
    figure = go.Figure()
    styles = {
        report.names["a"]: ("A: " + report.about["a"], _BLUE, "solid"),
        report.names["b"]: ("B: " + report.about["b"], _ORANGE, "solid"),
    }
    styles.setdefault(CEILING, (f"{CEILING}: the fair ceiling", _GREEN, "dash"))
    styles.setdefault(FLOOR, (f"{FLOOR}: the platform's sources alone", _GREY, "dot"))
    for name, values in report.curves.watched.items():
        label, colour, dash = styles[name]
        figure.add_scatter(
            x=list(range(1, len(values) + 1)), y=[float(f"{value:.6g}") for value in values],
            mode="lines+markers", name=html.escape(label), line={"color": colour, "dash": dash},
        )  # fmt: skip
    _lay_out(figure, "seconds watched by a user")
    return Chart(figure, "Seconds that a user watches on each day since the test began.")


def _differences(report: Report) -> Chart:
    """Draw B less A: each day alone, and the mean so far with its confidence sequence."""
    found = report.curves
    day = list(range(1, len(found.so_far) + 1))
    figure = go.Figure()
    figure.add_scatter(
        x=[*day, *day[::-1]], y=[*found.sequence[:, 1], *found.sequence[::-1, 0]], fill="toself",
        fillcolor="rgba(31,111,180,0.15)", line={"width": 0}, hoverinfo="skip",
        name="95 % confidence sequence",
    )  # fmt: skip
    figure.add_scatter(
        x=day, y=found.so_far, mode="lines", line={"color": _BLUE}, name="all days so far"
    )
    figure.add_scatter(
        x=day, y=[each.difference for each in found.differences], mode="markers",
        marker={"color": _ORANGE},
        error_y={
            "type": "data", "symmetric": False, "thickness": 1, "width": 3,
            "array": [each.high - each.difference for each in found.differences],
            "arrayminus": [each.difference - each.low for each in found.differences],
        },
        name="each day alone, 95 % interval",
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": _GREY, "width": 1})
    _lay_out(figure, "B less A, seconds per user and day")
    return Chart(
        figure,
        "Paired differences. The band holds on all days at once, so a test may be stopped when it "
        "leaves 0; the interval of a single day may not be looked at so.",
    )


def _lay_out(figure: go.Figure, y: str) -> None:
    figure.update_layout(
        template="plotly_white", height=440, margin={"l": 70, "r": 20, "t": 30, "b": 60},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        xaxis_title_text="day", yaxis_title_text=y,
    )  # fmt: skip
    figure.update_xaxes(dtick=1)

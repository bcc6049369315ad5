"""Several worlds that differ in one dial: what each row gains over its variants, over that dial.

A variant lacks something of its row, or has it tampered with: the rankings, say. So the curve says
what that is worth where the world has more or less of it.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import plotly.graph_objects as go

from recbole_poem.benchmark.report.charts import COLOURS, lay_out
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
from recbole_poem.benchmark.report.findings import Estimate, Results
from recbole_poem.benchmark.report.oracles import Bounds


class Point(NamedTuple):
    """A world of the curve.

    Attributes
    ----------
    at : float
        Value of the dial.
    dataset : str
    results : Results
        With seen items last, as the oracles have it.
    bounds : Bounds
    """

    at: float
    dataset: str
    results: Results
    bounds: Bounds

    def gains(self, metric: str) -> Dict[Tuple[str, str], Estimate]:
        """Return (row, variant) -> what the row has more of a metric, paired over users."""
        return {
            (family.reference, each.row): _turned(each.difference)
            for family in self.results.variants
            if family.metric == metric
            for each in family.comparisons
        }


class Dial(NamedTuple):
    """The one dial in which worlds differ, and the worlds by its value, ascending."""

    name: str
    points: List[Point]


def dial_of(worlds: Dict[str, Tuple[Results, Bounds]]) -> Optional[Dial]:
    """Return the dial in which worlds differ; None for a single one, several dials, or no number.

    Parameters
    ----------
    worlds : dict
        Data set -> results with seen items last, and bounds.
    """
    dials = [bounds.dials for _, bounds in worlds.values()]
    names = list(dict.fromkeys(name for each in dials for name in each))
    differ = [name for name in names if any(each.get(name) != dials[0].get(name) for each in dials)]
    if len(differ) != 1:
        return None
    (name,) = differ
    if name == "seed":  # other people in the same world
        return None
    if not all(_is_number(each.get(name)) for each in dials):
        return None
    points = [
        Point(float(bounds.dials[name]), dataset, results, bounds)
        for dataset, (results, bounds) in worlds.items()
    ]
    return Dial(name, sorted(points, key=lambda point: point.at))


def dial_sentence(dial: Dial) -> str:
    """Say of each row what it gains over its variants at both ends; nothing without variants."""
    metric = _metric(dial)
    said = []
    for pair in _pairs(dial, metric):
        found = [(point.at, point.gains(metric)[pair]) for point in _with(dial, metric, pair)]
        ends = [found[-1], found[0]] if len(found) > 1 else found
        words = (f"{_interval(gain)} where {dial.name} is {at:g}" for at, gain in ends)
        said.append(f"{pair[0]} gains over {pair[1]} in {metric}: {', '.join(words)}.")
    return " ".join(said)


def dial_section(dial: Dial) -> List[Block]:
    """Return the curve: a table, a row for each world, and a chart; nothing without variants."""
    metric = _metric(dial)
    pairs = _pairs(dial, metric)
    if not pairs:
        return []
    titles = [f"{row} \u2212 {variant}" for row, variant in pairs]
    header = [dial.name, "data set", "oracles: taste", "previous"]
    for title in titles:
        header += [f"{title}: {metric}", "of the reachable", "95 % interval"]
    lines = [_line(point, metric, pairs) for point in dial.points]
    return [
        Heading(2, f"What is gained over {dial.name}"),
        Paragraph(
            "Each difference is paired over the users of its world, its seeds averaged, with a "
            "95 % bootstrap interval over users. What is reachable is the way from the oracle that "
            "knows the taste alone to the one that knows the previous context as well."
        ),
        Table(header, lines),
        _chart(dial, metric, pairs),
    ]


def _line(point: Point, metric: str, pairs: List[Tuple[str, str]]) -> Row:
    scores, gains = point.bounds.scores, point.gains(metric)
    reachable = point.bounds.reachable(metric)
    taste, previous = scores["taste"][metric], scores["previous"][metric]
    texts = (f"{point.at:g}", point.dataset, number(taste), number(previous))
    cells = list(map(Cell, texts))
    for pair in pairs:
        gain = gains.get(pair)
        if gain is None:
            cells += [Cell("\u2013")] * 3
            continue
        tone = "good" if gain.low > 0 else "bad" if gain.high < 0 else ""
        cells += [
            Cell(signed(gain.mean), tone=tone),
            Cell(percent(gain.mean / reachable if reachable > 0 else float("nan"))),
            Cell(f"{signed(gain.low)} to {signed(gain.high)}"),
        ]
    return Row(cells)


def _chart(dial: Dial, metric: str, pairs: List[Tuple[str, str]]) -> Chart:
    figure = go.Figure()
    reachable = [point.bounds.reachable(metric) for point in dial.points]
    figure.add_scatter(
        x=[point.at for point in dial.points],
        y=reachable,
        mode="lines",
        line={"color": "#9aa4b5", "dash": "dot"},
        name="reachable: oracles, previous \u2212 taste",
    )
    for number_of, pair in enumerate(pairs):
        there = _with(dial, metric, pair)
        gains = [point.gains(metric)[pair] for point in there]
        figure.add_scatter(
            x=[point.at for point in there],
            y=[gain.mean for gain in gains],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [gain.high - gain.mean for gain in gains],
                "arrayminus": [gain.mean - gain.low for gain in gains],
            },
            mode="lines+markers",
            line={"color": COLOURS[number_of % len(COLOURS)]},
            name=f"{pair[0]} \u2212 {pair[1]}",
        )
    lay_out(figure, dial.name, f"{metric}, difference", 440)
    return Chart(
        figure,
        f"What a row has more of {metric} than its variant, paired over users, over {dial.name}; "
        "whiskers: 95 % bootstrap interval. The dotted line is what the previous context is worth "
        "to who knows all else.",
    )


def _metric(dial: Dial) -> str:
    return next(iter(dial.points[0].results.estimates))


def _pairs(dial: Dial, metric: str) -> List[Tuple[str, str]]:
    """Return each row with each of its variants, of whichever world has them."""
    return list(dict.fromkeys(pair for point in dial.points for pair in point.gains(metric)))


def _with(dial: Dial, metric: str, pair: Tuple[str, str]) -> List[Point]:
    return [point for point in dial.points if pair in point.gains(metric)]


def _turned(difference: Estimate) -> Estimate:
    """Return what the reference has more, of what the other one has more."""
    return Estimate(*(0.0 - value for value in (difference.mean, difference.high, difference.low)))


def _interval(gain: Estimate) -> str:
    return f"{signed(gain.mean)} ({signed(gain.low)} to {signed(gain.high)})"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

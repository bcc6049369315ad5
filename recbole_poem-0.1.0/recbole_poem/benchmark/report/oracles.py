"""What could be known of the rows of a world's data set, and each row's share of it.

A world writes the bounds beside its data (`recbole_poem.world.oracles`), and every run keeps them
in its record. A row's share is its place between who knows the long-term taste alone, 0, and who
knows the context of the request before as well, 1.
"""

from typing import Any, Dict, List, NamedTuple, Optional

from recbole_poem.benchmark.report.document import (
    DASH,
    Block,
    Cell,
    Heading,
    Paragraph,
    Row,
    Table,
    number,
    percent,
)
from recbole_poem.benchmark.report.findings import Estimate, Results
from recbole_poem.benchmark.results import Run
from recbole_poem.core.errors import InputError

#: oracle -> what it knows, from the one that knows least
ORACLES = {
    "taste": "knows the long-term taste alone",
    "previous": "knows the context of the request before as well",
    "now": "knows the context of this request, which no retrieval can",
}


class Bounds(NamedTuple):
    """What a world says of its data set.

    Attributes
    ----------
    scores : dict
        Oracle -> metric -> on the test rows, seen items last.
    dials : dict
        Dotted name of each dial of the world -> its value; ``requests`` beside.
    """

    scores: Dict[str, Dict[str, float]]
    dials: Dict[str, Any]

    def reachable(self, metric: str) -> float:
        """Return what the previous context is worth beside the taste; below 0 = it misleads."""
        return self.scores["previous"][metric] - self.scores["taste"][metric]

    def share(self, value: float, metric: str) -> float:
        """Return the share of a score: 0 for `taste`, 1 for `previous`; NaN if nothing is there."""
        reachable = self.reachable(metric)
        return (value - self.scores["taste"][metric]) / reachable if reachable > 0 else float("nan")


def bounds_of(rows: Dict[str, List[Run]]) -> Optional[Bounds]:
    """Return the bounds of a data set, of which each run says the same; None where none says any.

    Raises
    ------
    InputError
        If two runs say different ones, because the data set was written anew between them.
    """
    found = [run for runs in rows.values() for run in runs if run.record.get("oracle")]
    if not found:
        return None
    first = found[0].record["oracle"]
    for run in found:
        if run.record["oracle"] != first:
            raise InputError(
                f"{found[0].folder} and {run.folder}: their data set is not of the same world; "
                "remove the runs of the former one"
            )
    scores = {name: _as_reported(of) for name, of in first["oracle"]["test"].items()}
    world = {"requests": first["requests"], **first["world"]}
    return Bounds(scores, dict(_dotted(world)))


def _as_reported(scores: Dict[str, float]) -> Dict[str, float]:
    """Return scores by the names of a report, which says HR for Hit."""
    return {metric.replace("Hit@", "HR@"): value for metric, value in scores.items()}


def _dotted(world: Dict[str, Any]) -> Dict[str, Any]:
    dials: Dict[str, Any] = {}
    for name, value in world.items():
        settings = value.items() if isinstance(value, dict) else ()
        dials.update({f"{name}.{of}": each for of, each in settings} or {name: value})
    return dials


def passing(results: Results, bounds: Bounds) -> List[str]:
    """Say of each row that is better than an oracle which knows what it cannot know better."""
    said = []
    for metric, estimates in results.estimates.items():
        best = bounds.scores["previous"].get(metric)
        over = [name for name, of in estimates.items() if best is not None and of.mean > best]
        if over:
            said.append(
                f"{' and '.join(over)} passed the oracle of the previous context in {metric} "
                f"({number(best or 0.0)}). The oracle ranks by utility, and a model may have "
                "learned what is shown."
            )
    return said


def share_section(results: Results, names: Dict[str, str], bounds: Bounds) -> List[Block]:
    """Return the table of each row's share, best first, with the oracles in their places.

    Parameters
    ----------
    results : Results
        With seen items last, as the oracles have it.
    names : dict
        Name of the row -> the name with its marks.
    bounds : Bounds
    """
    metrics = [metric for metric in results.estimates if metric in bounds.scores["taste"]]
    if not metrics or results.new_only:
        return []
    header = ["row"]
    for metric in metrics:
        header += [metric, f"share of {metric}", "its 95 % interval"]
    lines = [
        (of[metrics[0]].mean, Row([Cell(names[name]), *_cells(of, bounds)]))
        for name, of in _by_row(results, metrics).items()
    ]
    for oracle, knows in ORACLES.items():
        scores = bounds.scores[oracle]
        cells = [Cell(f"oracle {oracle}", knows, bold=True)]
        for metric in metrics:
            share = _unsigned(bounds.share(scores[metric], metric))
            cells += [Cell(number(scores[metric])), Cell(share), Cell(DASH)]
        lines.append((scores[metrics[0]], Row(cells)))
    lines.sort(key=lambda line: -line[0])
    return [
        Heading(4, "Share of what could be known"),
        Paragraph(
            "The share is (row \u2212 taste) / (previous \u2212 taste): 0 % for who knows the "
            "long-term taste alone, 100 % for who knows the context of the request before as well. "
            "Its interval is that of the row, and takes the oracles as known. They know all that "
            "was shown, whatever histories hold."
        ),
        *_nothing_to_reach(metrics, bounds),
        Table(header, [row for _, row in lines]),
    ]


def _nothing_to_reach(metrics: List[str], bounds: Bounds) -> List[Block]:
    """Say where the previous context helps nobody, so that no share can be stated."""
    without = [metric for metric in metrics if not bounds.reachable(metric) > 0]
    if not without:
        return []
    return [
        Paragraph(
            f"In {' and '.join(without)} the oracle of the previous context is not better than "
            "that of the taste, so there is nothing to reach, and no share."
        )
    ]


def _by_row(results: Results, metrics: List[str]) -> Dict[str, Dict[str, Estimate]]:
    """Return row -> metric -> estimate."""
    rows = results.estimates[metrics[0]]
    return {name: {metric: results.estimates[metric][name] for metric in metrics} for name in rows}


def _cells(estimates: Dict[str, Estimate], bounds: Bounds) -> List[Cell]:
    cells = []
    for metric, estimate in estimates.items():
        share, low, high = (bounds.share(value, metric) for value in estimate)
        tone = "bad" if share < 0 else ""
        cells += [
            Cell(number(estimate.mean)),
            Cell(_unsigned(share), tone=tone),
            Cell(DASH if share != share else f"{_unsigned(low)} to {_unsigned(high)}"),
        ]
    return cells


def _unsigned(share: float) -> str:
    return percent(share).lstrip("+")

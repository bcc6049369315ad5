"""The sections of a report that say who wins: scores and tests of one data set."""

from typing import Dict, List, Optional, Sequence

from recbole_poem.benchmark.report.conclusion import with_extras
from recbole_poem.benchmark.report.document import (
    Block,
    Cell,
    Fold,
    Heading,
    Paragraph,
    Row,
    Table,
    number,
    p_value,
    percent,
    signed,
)
from recbole_poem.benchmark.report.findings import (
    Family,
    Results,
    Spread,
    typical_detectable,
)
from recbole_poem.benchmark.report.labels import reason
from recbole_poem.benchmark.report.oracles import Bounds, share_section
from recbole_poem.benchmark.report.passed_on import passed_on_section
from recbole_poem.benchmark.results import Run
from recbole_poem.benchmark.statistics import ALPHA, POWER

PROTOCOL_TITLES = {
    "masked": "Seen items ranked last",
    "recbole": "Seen items ranked like all others (RecBole's protocol)",
}
_TONES = {"better": "good", "worse": "bad"}


def protocol_section(
    results: Results,
    rows: Dict[str, List[Run]],
    variant_of: Dict[str, str],
    names: Dict[str, str],
    bounds: Optional[Bounds] = None,
) -> List[Block]:
    """Return scores and tests of one data set under one protocol.

    Parameters
    ----------
    results : Results
    rows : dict
        Name of the row -> its runs.
    variant_of : dict
        Name of an ablation or a control -> that of the row it belongs to: it has a table of its
        own beside that row, and no place in the contest.
    names : dict
        Name of the row -> the name with its marks.
    bounds : Bounds, optional
        Of a world's data set; they are of seen items ranked last.
    """
    shares = bounds is not None and results.protocol == "masked"
    contest = {name: runs for name, runs in rows.items() if name not in variant_of}
    contest = best_first(results, contest)
    title = PROTOCOL_TITLES[results.protocol]
    return [
        Heading(3, f"{title}: new targets" if results.new_only else title),
        scores_table(results.metrics, contest, names),
        *(share_section(results, names, bounds) if shares and bounds else []),
        *_all_targets(results, rows, names),
        Paragraph(_noise(results), "note"),
        *_tests(results, names),
        *_unequal(results, names),
        *_variants(results, rows, variant_of, names),
        *passed_on_section(rows, results.protocol, names),
    ]


def best_first(results: Results, rows: Dict[str, List[Run]]) -> Dict[str, List[Run]]:
    """Sort rows by the metric that decides, those that have not finished last."""
    metric = next(iter(results.estimates))
    means = {row: spreads[metric].mean for row, spreads in results.metrics.items()}
    return {row: rows[row] for row in sorted(rows, key=lambda row: -means.get(row, -1.0))}


def _all_targets(
    results: Results, rows: Dict[str, List[Run]], names: Dict[str, str]
) -> List[Block]:
    """Return the scores on all test rows, where others than these stand first."""
    if not results.new_only:
        return []
    table = scores_table(results.everything, rows, names, bold=False)
    return [Fold("The same on all test rows, seen targets among them", [table])]


def scores_table(
    metrics: Dict[str, Dict[str, Spread]],
    rows: Dict[str, List[Run]],
    names: Dict[str, str],
    columns: Optional[Sequence[str]] = None,
    bold: bool = True,
) -> Table:
    """Return the scores of some rows, in their order.

    Parameters
    ----------
    metrics : dict
        Row -> metric -> over seeds; of one row at least.
    rows, names : dict
        Of `protocol_section`.
    columns : sequence of str, optional
        Metrics; all by default.
    bold : bool
        Whether the best of each column stands out.
    """
    columns = columns or list(next(iter(metrics.values())))
    found = [metrics[name] for name in rows if name in metrics]
    best = {m: max(row[m].mean for row in found) for m in columns} if found and bold else {}
    lines = []
    for name, runs in rows.items():
        done = sum(run.finished for run in runs)
        seeds = Cell(str(done) if done == len(runs) else f"{done} of {len(runs)}")
        if name in metrics:
            spreads = metrics[name]
            cells = [_spread(spreads[m], spreads[m].mean == best.get(m)) for m in columns]
            lines.append(Row([Cell(names[name]), seeds, *cells]))
        else:
            lines.append(Row([Cell(names[name]), seeds], reason(runs)))
    return Table(["row", "seeds", *columns], lines)


def _spread(spread: Spread, bold: bool) -> Cell:
    minor = "" if spread.deviation != spread.deviation else f"± {number(spread.deviation)}"
    return Cell(number(spread.mean), minor, bold)


def _tests(results: Results, names: Dict[str, str]) -> List[Block]:
    blocks: List[Block] = []
    for title, families in (
        ("Against the best baseline", results.against_baseline),
        ("POEM against the best upstream row", results.against_upstream),
    ):
        for family in families:
            table = _family_table(results, family, names)
            head = f"{title}{with_extras(family.extras)}, {family.reference}: {family.metric}"
            # the metric that decides stands open, the other one is there for who asks
            decides = family.metric == families[0].metric
            blocks += [Heading(4, head), table] if decides else [Fold(head, [table])]
    return blocks


def _unequal(results: Results, names: Dict[str, str]) -> List[Block]:
    """Return what is told of rows with extras beside a reference without, which is no gain."""
    return [
        Fold(
            f"No gain is stated: rows{with_extras(family.extras)} beside {family.reference}, which "
            f"has not the same: {family.metric}",
            [_family_table(results, family, names, "unequal extras")],
        )
        for family in results.unequal
    ]


def _variants(
    results: Results,
    rows: Dict[str, List[Run]],
    variant_of: Dict[str, str],
    names: Dict[str, str],
) -> List[Block]:
    """Return what is said of ablations and controls, beside the row that each belongs to."""
    blocks: List[Block] = []
    for base in dict.fromkeys(variant_of.values()):
        chosen = [base, *(name for name, of in variant_of.items() if of == base)]
        table = scores_table(results.metrics, {n: rows[n] for n in chosen if n in rows}, names)
        blocks += [Heading(4, f"Variants of {base}"), table]
        families = [family for family in results.variants if family.reference == base]
        for at, family in enumerate(families):
            title = f"Against {base}: {family.metric}"
            table = _family_table(results, family, names)
            blocks += [Heading(4, title), table] if at == 0 else [Fold(title, [table])]
    return blocks


def _family_table(
    results: Results, family: Family, names: Dict[str, str], instead: str = ""
) -> Table:
    """Return the tests of a family; `instead` of the verdict, if it is given."""
    header = [
        "row", family.metric, "95 % interval", "difference", "its 95 % interval",
        "relative", "p (Holm)", "p alone", "p with seeds", "verdict",
    ]  # fmt: skip
    lines = [Row([*_estimate(results, family, family.reference, names), Cell("reference")])]
    for comparison in family.comparisons:
        low, high = comparison.difference.low, comparison.difference.high
        cells = [
            Cell(signed(comparison.difference.mean)),
            Cell(f"{signed(low)} to {signed(high)}"),
            Cell(percent(comparison.relative)),
            Cell(p_value(comparison.p_corrected)),
            Cell(p_value(comparison.p)),
            Cell(p_value(comparison.p_with_seeds)),
            Cell(instead or comparison.verdict, tone=_TONES.get(instead or comparison.verdict, "")),
        ]
        lines.append(Row(_estimate(results, family, comparison.row, names) + cells))
    return Table(header, lines)


def _estimate(results: Results, family: Family, row: str, names: Dict[str, str]) -> List[Cell]:
    estimate = results.estimates[family.metric][row]
    interval = f"{number(estimate.low)} to {number(estimate.high)}"
    return [Cell(names[row]), Cell(number(estimate.mean)), Cell(interval)]


def _noise(results: Results) -> str:
    """Say which differences this data set is too small to show."""
    families = results.against_baseline or results.against_upstream
    found = typical_detectable(families[0]) if families else None
    rows = f"{results.n_rows:,} test rows"
    several = results.n_rows > results.n_users
    if several:
        rows += f" of {results.n_users:,} users"
    if found is None:
        return f"{rows}; there is no pair of rows to test."
    low, median, high = map(number, found)
    spread = f" (from {low} to {high}, by the pair of rows)" if low != high else ""
    text = (
        f"Smallest difference in {families[0].metric} that {rows} show with "
        f"{100 * POWER:.0f} % power, in one paired test at {ALPHA:g} before any correction: "
        f"{median}{spread}. Smaller ones mostly go unseen, and one that "
        "is shown all the same is likely overestimated."
    )
    if several:
        text += (
            " Test rows of one user are not independent: the scores are means over rows, the "
            "bootstrap draws users with all their rows, and the test's standard error is "
            "clustered by user."
        )
    return text

"""The sections of a report that say who wins: scores, verdicts and tests of one data set."""

from typing import Dict, List, Tuple

from recbole_poem.benchmark.report.document import (
    Block,
    Cell,
    Fold,
    Heading,
    Paragraph,
    Row,
    Table,
    number,
    p_equation,
    p_value,
    percent,
    signed,
)
from recbole_poem.benchmark.report.summary import (
    Comparison,
    Family,
    Results,
    Spread,
    typical_detectable,
)
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
) -> List[Block]:
    """Return verdict, scores and tests of one data set under one protocol.

    Parameters
    ----------
    results : Results
    rows : dict
        Name of the row -> its runs.
    variant_of : dict
        Name of an ablation or a control -> that of the row it belongs to: it has a table of its
        own beside that row, and no place in the contest.
    names : dict
        Name of the row -> the name with the marks of its footnotes.
    """
    contest = {name: runs for name, runs in rows.items() if name not in variant_of}
    return [
        Heading(3, PROTOCOL_TITLES[results.protocol]),
        *(Paragraph(text, "verdict") for text in _verdicts(results, contest)),
        Paragraph(_noise(results)),
        *(Paragraph(text) for text in _cut_off(contest)),
        _scores(results, contest, names),
        *_tests(results, names),
        *_variants(results, rows, variant_of, names),
    ]


def reason(runs: List[Run]) -> str:
    """Say why none of a row's runs finished."""
    if not runs:
        return "not run yet"
    seeds: Dict[str, List[str]] = {}
    for run in runs:
        words = str(run.record.get("reason") or "no reason was recorded")
        seeds.setdefault(words, []).append(str(run.record["seed"]))
    if len(seeds) == 1:
        return f"failed: {next(iter(seeds))}"
    said = (f"seed {', '.join(which)}: {words}" for words, which in seeds.items())
    return f"failed: {'; '.join(said)}"


def _scores(results: Results, rows: Dict[str, List[Run]], names: Dict[str, str]) -> Table:
    metrics = list(next(iter(results.metrics.values())))
    found = [results.metrics[name] for name in rows if name in results.metrics]
    best = {m: max(row[m].mean for row in found) for m in metrics} if found else {}
    lines = []
    for name, runs in rows.items():
        done = sum(run.finished for run in runs)
        seeds = Cell(str(done) if done == len(runs) else f"{done} of {len(runs)}")
        if name in results.metrics:
            spreads = results.metrics[name]
            cells = [_spread(spreads[m], spreads[m].mean == best[m]) for m in metrics]
            lines.append(Row([Cell(names[name]), seeds, *cells]))
        else:
            lines.append(Row([Cell(names[name]), seeds], reason(runs)))
    return Table(["row", "seeds", *metrics], lines)


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
            head = f"{title}{_with(family.extras)}, {family.reference}: {family.metric}"
            # the metric that decides stands open, the other one is there for who asks
            decides = family.metric == families[0].metric
            blocks += [Heading(4, head), table] if decides else [Fold(head, [table])]
    return blocks


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
        table = _scores(results, {n: rows[n] for n in chosen if n in rows}, names)
        blocks += [Heading(4, f"Variants of {base}"), table]
        families = [family for family in results.variants if family.reference == base]
        for at, family in enumerate(families):
            title = f"Against {base}: {family.metric}"
            table = _family_table(results, family, names)
            blocks += [Heading(4, title), table] if at == 0 else [Fold(title, [table])]
    return blocks


def _family_table(results: Results, family: Family, names: Dict[str, str]) -> Table:
    header = [
        "row", family.metric, "95 % interval", "difference", "its 95 % interval",
        "relative", "p (Holm)", "p alone", "verdict",
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
            Cell(comparison.verdict, tone=_TONES.get(comparison.verdict, "")),
        ]
        lines.append(Row(_estimate(results, family, comparison.row, names) + cells))
    return Table(header, lines)


def _estimate(results: Results, family: Family, row: str, names: Dict[str, str]) -> List[Cell]:
    estimate = results.estimates[family.metric][row]
    interval = f"{number(estimate.low)} to {number(estimate.high)}"
    return [Cell(names[row]), Cell(number(estimate.mean)), Cell(interval)]


def _verdicts(results: Results, rows: Dict[str, List[Run]]) -> List[str]:
    """Say who leads, whether it is noise, and what POEM adds to what feeds it."""
    metric, estimates = next(iter(results.estimates.items()))
    estimates = {row: estimate for row, estimate in estimates.items() if row in rows}
    if not estimates:
        return ["No row but variants of others has finished."]
    leader = max(estimates, key=lambda row: estimates[row].mean)
    lead = f"{leader} is first with {metric} {number(estimates[leader].mean)}"
    families = [family for family in results.against_baseline if family.metric == metric]
    if not families:
        return [f"{lead}; there is no baseline to test it against."]
    of_leader = [family for family in families if family.extras == results.extras[leader]]
    texts = [_first(lead, leader, results.extras[leader], of_leader)]
    for family in families:
        poem = next((c for c in family.comparisons if _model(rows[c.row]) == "POEM"), None)
        if poem is not None and poem.row != leader:
            against = f"the best baseline{_with(family.extras)}, {family.reference}"
            texts.append(_sentence(poem, against))
    for family in results.against_upstream[:1]:
        texts.append(_sentence(family.comparisons[0], f"the best upstream row, {family.reference}"))
    if max(sum(run.finished for run in runs) for runs in rows.values()) == 1:
        texts.append("One seed a row: what another training would give is not known.")
    return texts


def _first(lead: str, leader: str, extras: Tuple[str, ...], families: List[Family]) -> str:
    """Say of the best row how it compares with the best baseline that has the same extras."""
    if not families:
        return (
            f"{lead}; it has {' and '.join(extras) or 'no extras'}, and no baseline that has the "
            "same has finished: no gain is stated."
        )
    (family,) = families
    if not family.comparisons:
        return f"{lead}; no other row{_with(extras)} has finished."
    if leader == family.reference:
        worse = sum(comparison.verdict == "worse" for comparison in family.comparisons)
        others = f"the {len(family.comparisons)} other rows{_with(extras)}"
        return f"{lead}; {worse} of {others} are shown to be worse."
    found = next(c for c in family.comparisons if c.row == leader)
    return f"{lead}. {_sentence(found, f'the best baseline{_with(extras)}, {family.reference}')}"


def _with(extras: Tuple[str, ...]) -> str:
    return f" with {' and '.join(extras)}" if extras else ""


def _model(runs: List[Run]) -> str:
    return str(runs[0].record["model"])


def _cut_off(rows: Dict[str, List[Run]]) -> List[str]:
    """Name the rows that the time limit stopped before they had learnt all they could."""
    stopped = []
    for name, runs in rows.items():
        finished = [run for run in runs if run.finished]
        cut = sum(run.record.get("stopped") == "time limit" for run in finished)
        if cut:
            stopped.append(f"{name} ({cut} of {len(finished)})")
    if not stopped:
        return []
    return [
        "With more time these may be better; the time limit stopped some of their seeds: "
        f"{', '.join(stopped)}."
    ]


def _sentence(comparison: Comparison, against: str) -> str:
    words = {
        "better": "better, and chance among users does not explain it",
        "worse": "worse, and chance among users does not explain it",
        "no difference shown": "no difference shown, chance may explain it",
    }[comparison.verdict]
    amount = f"{signed(comparison.difference.mean)} ({percent(comparison.relative)})"
    p = p_equation(comparison.p_corrected)
    return f"{comparison.row} against {against}: {amount}, {p}: {words}."


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

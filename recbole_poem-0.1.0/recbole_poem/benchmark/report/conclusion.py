"""What a report says first: who wins, by how much, against whom, and whether it is shown."""

from typing import Dict, List, NamedTuple, Optional, Tuple

from recbole_poem.benchmark.endings import cut_short
from recbole_poem.benchmark.evaluation import validation_protocol
from recbole_poem.benchmark.report.document import number, p_equation, percent, signed
from recbole_poem.benchmark.report.findings import Comparison, Family, Results
from recbole_poem.benchmark.results import Run
from recbole_poem.benchmark.statistics import ALPHA

PROTOCOL_WORDS = {"masked": "seen items ranked last", "recbole": "RecBole's protocol"}


class Conclusion(NamedTuple):
    """What is said of one data set under one protocol.

    Attributes
    ----------
    sentence : str
        Who wins, and whether that is shown.
    others : list of str
        What POEM gains where it is not the winner, and on what feeds it.
    cautions : list of str
        What the sentence must not be read without.
    """

    sentence: str
    others: List[str]
    cautions: List[str]


def conclude(dataset: str, results: Results, rows: Dict[str, List[Run]]) -> Conclusion:
    """Say who wins.

    Parameters
    ----------
    dataset : str
    results : Results
    rows : dict
        Name of the row -> its runs; without those of variants, which are in no contest.
    """
    metric, estimates = next(iter(results.estimates.items()))
    estimates = {row: estimate for row, estimate in estimates.items() if row in rows}
    where = f"{dataset}, {PROTOCOL_WORDS[results.protocol]}"
    where += ", new targets: " if results.new_only else ": "
    if not estimates:
        return Conclusion(f"{where}no row but variants of others has finished.", [], [])
    leader = max(estimates, key=lambda row: estimates[row].mean)
    score = f"{metric} {number(estimates[leader].mean)}"
    families = [family for family in results.against_baseline if family.metric == metric]
    own = next((f for f in families if f.extras == results.extras[leader]), None)
    first = _first(leader, score, results.extras[leader], own, bool(families))
    others = []
    for family in families:
        poem = next((c for c in family.comparisons if _model(rows[c.row]) == "POEM"), None)
        if poem is not None and poem.row != leader:
            against = f"the best baseline{with_extras(family.extras)}, {family.reference}"
            others.append(_sentence(poem, against))
    for family in results.against_upstream[:1]:
        against = f"the best upstream row, {family.reference}"
        others.append(_sentence(family.comparisons[0], against))
    compared = {leader: rows[leader]}
    if own is not None:
        compared[own.reference] = rows[own.reference]
    found = None if own is None else _of(own, leader)
    cautions = [*_stopped(compared), *_seeds(leader, found, rows), *_chosen(results, compared)]
    return Conclusion(where + first, others, [*cautions, *_missing(rows)])


def seen_words(results: Results) -> List[str]:
    """Say how many targets their users had seen before, and what that means, if it is much."""
    share = results.seen_share
    if share != share:
        return ["How many targets their users had seen before is not recorded in these runs."]
    part = f"{100 * share:.1f}\u00a0% of the targets of the test rows"
    if not results.new_only:
        return [f"{part} had been seen before by their users."]
    return [
        f"{part} had been seen before by their users. Conclusion, tables and tests are of the "
        "others, the new targets. On seen targets a model gains by giving seen items high scores, "
        "as a term for repeats does. Where seen items are ranked last, the target is the only one "
        "of them that stays, so such a model finds it though no list would show it."
    ]


def with_extras(extras: Tuple[str, ...]) -> str:
    """Return `` with A and B``, or nothing."""
    return f" with {' and '.join(extras)}" if extras else ""


def _first(
    leader: str, score: str, extras: Tuple[str, ...], own: Optional[Family], any_baseline: bool
) -> str:
    """Say of the best row how it compares with the best baseline that has the same extras."""
    if own is None and (extras or any_baseline):
        having = " and ".join(extras) or "no extras"
        return (
            f"no gain is stated: {leader} is first with {score}, has {having}, and no baseline "
            "that has the same has finished."
        )
    if own is None:
        return f"{leader} is first with {score}, and there is no baseline to test it against."
    if not own.comparisons:
        return f"{leader} is first with {score}; no other row{with_extras(extras)} has finished."
    if leader == own.reference:
        worse = sum(comparison.verdict == "worse" for comparison in own.comparisons)
        of = f"{len(own.comparisons)} other row{'s' if len(own.comparisons) > 1 else ''}"
        return (
            f"{leader}, a baseline, is first with {score}; {worse} of {of}{with_extras(extras)} "
            f"{'is' if worse == 1 else 'are'} shown to be worse."
        )
    found = _of(own, leader)
    assert found is not None
    against = f"{own.reference}, the best baseline{with_extras(extras)}"
    amount = f"{signed(found.difference.mean)} ({percent(found.relative)}) on {against}"
    test = (
        f"95 % interval {signed(found.difference.low)} to {signed(found.difference.high)}, "
        f"{p_equation(found.p_corrected)}"
    )
    if found.verdict == "no difference shown":
        return (
            f"no winner is shown: {leader} is first with {score}, but {amount} may be chance "
            f"({test})."
        )
    return f"{leader} wins with {score}, {amount} ({test}): the difference is shown."


def _of(family: Family, row: str) -> Optional[Comparison]:
    return next((c for c in family.comparisons if c.row == row), None)


def _sentence(comparison: Comparison, against: str) -> str:
    words = {
        "better": "shown to be better",
        "worse": "shown to be worse",
        "no difference shown": "no difference shown, it may be chance",
    }[comparison.verdict]
    amount = f"{signed(comparison.difference.mean)} ({percent(comparison.relative)})"
    p = p_equation(comparison.p_corrected)
    return f"{comparison.row} against {against}: {amount}, {p}: {words}."


def _stopped(compared: Dict[str, List[Run]]) -> List[str]:
    """Say which of the rows that the sentence compares was cut short."""
    cut = {name: cut_short(runs) for name, runs in compared.items()}
    return [
        f"{name} was stopped by {words} and may be better with more."
        for name, words in cut.items()
        if words
    ]


def _seeds(leader: str, found: Optional[Comparison], rows: Dict[str, List[Run]]) -> List[str]:
    """Say what the test over users leaves out: that another training would give other numbers."""
    if max(sum(run.finished for run in runs) for runs in rows.values()) == 1:
        return ["One seed a row: what another training would give is not known."]
    if found is None or found.verdict == "no difference shown":
        return []
    p = found.p_with_seeds
    if p != p:
        return ["One of the two rows has a single seed: what another would give is not known."]
    if p < ALPHA:
        return [f"With the scatter of the seeds as chance beside the users, {p_equation(p)}."]
    return [
        f"The seeds scatter so much that another training of {leader} might not be better: with "
        f"their scatter as chance beside the users, {p_equation(p)}."
    ]


def _chosen(results: Results, compared: Dict[str, List[Run]]) -> List[str]:
    """Say whose epochs and trials were chosen by another protocol than the one that judges."""
    other = [
        name
        for name, runs in compared.items()
        if any(
            run.finished
            and run.trains
            and validation_protocol(run.record["config"]) != results.protocol
            for run in runs
        )
    ]
    if not other:
        return []
    by = next(PROTOCOL_WORDS[name] for name in PROTOCOL_WORDS if name != results.protocol)
    return [f"Epochs and tuning trials of {' and '.join(other)} were chosen under {by}."]


def _missing(rows: Dict[str, List[Run]]) -> List[str]:
    missing = [name for name, runs in rows.items() if not any(run.finished for run in runs)]
    return [f"Not finished, and so not compared: {', '.join(missing)}."] if missing else []


def _model(runs: List[Run]) -> str:
    return str(runs[0].record["model"])

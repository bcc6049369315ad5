"""Writing ``report.md``, ``report.html`` and ``runs.jsonl`` of a results folder."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

from recbole_poem.benchmark.report import charts, effort, labels, markdown, oracles, page, sections
from recbole_poem.benchmark.report.conclusion import Conclusion, conclude, seen_words
from recbole_poem.benchmark.report.dial import Dial, dial_of, dial_section, dial_sentence
from recbole_poem.benchmark.report.document import (
    Block,
    Bullets,
    Cell,
    Code,
    Contents,
    Fold,
    Heading,
    Paragraph,
    Row,
    Table,
)
from recbole_poem.benchmark.report.findings import Results
from recbole_poem.benchmark.report.oracles import Bounds
from recbole_poem.benchmark.report.summary import summarise
from recbole_poem.benchmark.report.terminal import text_of
from recbole_poem.benchmark.report.terms import terms_section
from recbole_poem.benchmark.results import (
    PROTOCOLS,
    Plan,
    Run,
    read_plan,
    rows_of,
    runs_of_plan,
    write_jsonl,
)
from recbole_poem.core.files import whole_file, writing

_HOW_TO_READ = [
    "Scores are means over seeds ± their standard deviation; bold is the best of its column.",
    "Intervals and tests are over users, each one's value averaged over the seeds first: 95 % "
    "percentile bootstrap, and a two-sided paired t-test (Smucker, Allan and Carterette, CIKM "
    "2007), corrected over the rows of its table by Holm's method. They take the seeds as they "
    "are; 'p with seeds', not corrected, takes their scatter for chance as well.",
    "A baseline is any row that is neither POEM nor its upstream. The best one is chosen on these "
    "same test rows, which favours it; so is the first row of all.",
    "Rows are tested against each other where they have the same extras: the logit terms that "
    "every model may have, and re-rankers. Ablations and controls are compared with their own row "
    "alone.",
    "'No difference shown' is not 'equal'.",
    "A test row has one target: HR@k is its recall@k as well, and k times its precision@k, which "
    "have no columns of their own. Coverage and diversity are of the lists.",
    "Of items with the same score the one with the lower number is ahead, be it the target or not.",
]


class Report(NamedTuple):
    """A report that has been written.

    Attributes
    ----------
    page : Path
        ``report.html``.
    in_short : str
        Conclusions and main tables, for a terminal; empty if no run has finished.
    """

    page: Path
    in_short: str


class _Section(NamedTuple):
    """What is known of one data set."""

    dataset: str
    rows: Dict[str, List[Run]]
    trials: Dict[str, str]
    results: List[Results]
    variant_of: Dict[str, str]  # of its rows
    bounds: Optional[Bounds]  # of a world's data set


def write_report(folder: Union[str, Path]) -> Report:
    """Write ``report.md``, ``report.html`` and ``runs.jsonl``.

    The same folder gives the same bytes.

    Raises
    ------
    InputError
        If the plan, a record or stored ranks are damaged or do not fit each other, or a file cannot
        be written.
    """
    folder = Path(folder)
    title = f"Benchmark {folder.resolve().name}"
    plan, runs = read_plan(folder), runs_of_plan(folder)
    found = [_section(dataset, plan, runs) for dataset in _datasets(plan, runs)]
    dial = _dial(found)
    blocks = _blocks(folder, title, plan, runs, found, dial)
    for name, text in (
        ("report.md", markdown.render(blocks)),
        ("report.html", page.render(title, blocks)),
    ):
        with writing(folder / name), whole_file(folder / name) as file:
            file.write(text.encode())
    write_jsonl(folder)
    gained = [dial_sentence(dial)] if dial is not None else []
    in_short = [*filter(None, gained), *map(_in_short, found)]
    return Report(folder / "report.html", "\n\n".join(in_short))


def _datasets(plan: Plan, runs: List[Run]) -> List[str]:
    others = (run.record["dataset"] for run in runs)
    return list(dict.fromkeys([*plan.datasets, *others]))


def _section(dataset: str, plan: Plan, runs: List[Run]) -> _Section:
    rows = rows_of(runs, plan, dataset)
    variant_of = {name: base for name, base in plan.variant_of.items() if name in rows}
    results = summarise(rows, variant_of, list(PROTOCOLS))
    trials, bounds = effort.trials_of(runs, dataset), oracles.bounds_of(rows)
    return _Section(dataset, rows, trials, results, variant_of, bounds)


def _dial(found: List[_Section]) -> Optional[Dial]:
    """Return the dial in which the worlds of the data sets differ, where it is one."""
    worlds = {
        section.dataset: (result, section.bounds)
        for section in found
        for result in section.results
        if section.bounds is not None and result.protocol == "masked"
    }
    return dial_of(worlds)


def _conclusions(section: _Section) -> List[Tuple[Results, Conclusion]]:
    contest = _contest(section)
    return [(result, conclude(section.dataset, result, contest)) for result in section.results]


def _contest(section: _Section) -> Dict[str, List[Run]]:
    return {name: runs for name, runs in section.rows.items() if name not in section.variant_of}


def _blocks(
    folder: Path,
    title: str,
    plan: Plan,
    runs: List[Run],
    found: List[_Section],
    dial: Optional[Dial],
) -> List[Block]:
    finished, over = effort.finished_share(runs)
    total = over if plan.runs is None else len(plan.runs)
    trials = any(run.record["purpose"] == "trial" for run in runs)
    also = ", tuning trials among them" if trials else ""
    gained = dial_sentence(dial) if dial is not None else ""
    return [
        Heading(1, title),
        *([Paragraph(gained, "verdict")] if gained else []),
        *(block for section in found for block in _said_first(section)),
        Paragraph(f"{finished} of {total} runs finished{also}.", "note"),
        Contents(),
        *(dial_section(dial) if dial is not None else []),
        *(block for section in found for block in _dataset_section(section)),
        *(_how_to_read() if finished else []),
        Heading(2, "How it was run"),
        Fold("The plan", [Code((folder / "plan.yaml").read_text(encoding="utf-8"))]),
        *effort.provenance_section(runs),
    ]


def _how_to_read() -> List[Block]:
    return [Heading(2, "How to read the tables"), Bullets(_HOW_TO_READ)]


def _said_first(section: _Section) -> List[Block]:
    """Return the conclusions on one data set, and what they must not be read without."""
    if not section.results:
        return [Paragraph(f"{section.dataset}: no run has finished.", "verdict")]
    blocks: List[Block] = []
    if section.results[0].new_only:
        blocks = [Paragraph(text, "caution") for text in seen_words(section.results[0])]
    for result, conclusion in _conclusions(section):
        blocks.append(Paragraph(conclusion.sentence, "verdict"))
        said = [*conclusion.others, *conclusion.cautions]
        if section.bounds is not None and result.protocol == "masked":
            said += oracles.passing(result, section.bounds)
        blocks += [Bullets(said)] if said else []
    return blocks


def _dataset_section(section: _Section) -> List[Block]:
    rows, results, variant_of = section.rows, section.results, section.variant_of
    if not results:
        lines = [Row([Cell(name)], labels.reason(runs)) for name, runs in rows.items()]
        return [Heading(2, section.dataset), Table(["row", "state"], lines)]
    names, contest = labels.labels_of(rows), _contest(section)
    remarks = [*labels.meaning_of_marks(rows), *labels.failures(rows), *seen_words(results[0])]
    bounds = section.bounds
    protocols = [
        sections.protocol_section(result, rows, variant_of, names, bounds) for result in results
    ]
    curves = charts.training_curves(contest)
    return [
        Heading(2, section.dataset),
        Bullets(remarks),
        *charts.score_bars(results, variant_of, names, bounds.scores if bounds else None),
        *(block for protocol in protocols for block in protocol),
        *terms_section(rows, variant_of, section.trials),
        *effort.cost_section(rows, names, section.trials),
        *([curves] if curves else []),
        *charts.time_and_quality(results, contest),
        *effort.configuration_section(rows, names),
    ]


def _in_short(section: _Section) -> str:
    """Say the conclusions, and the main tables by the metrics that are tested."""
    if not section.results:
        return f"{section.dataset}: no run has finished."
    contest = _contest(section)
    names = labels.labels_of(contest)
    parts = []
    for result, conclusion in _conclusions(section):
        ranked = sections.best_first(result, contest)
        table = sections.scores_table(result.metrics, ranked, names, list(result.estimates))
        said = (f"  {text}" for text in [*conclusion.others, *conclusion.cautions])
        parts.append("\n".join([conclusion.sentence, *said, "", text_of(table)]))
    seen = seen_words(section.results[0]) if section.results[0].new_only else []
    return "\n\n".join([*parts, "\n".join([*labels.meaning_of_marks(contest), *seen])])

"""Writing ``report.md``, ``report.html`` and ``runs.jsonl`` of a results folder."""

from pathlib import Path
from typing import Dict, List, Union

from recbole_poem.benchmark.report import charts, effort, markdown, page, sections
from recbole_poem.benchmark.report.document import (
    Block,
    Cell,
    Code,
    Fold,
    Heading,
    Paragraph,
    Row,
    Table,
)
from recbole_poem.benchmark.report.summary import summarise
from recbole_poem.benchmark.results import (
    PROTOCOLS,
    Run,
    read_plan,
    rows_of,
    runs_of_plan,
    write_jsonl,
)
from recbole_poem.core.files import whole_file, writing

_LEGEND = (
    " Scores are means over seeds ± their standard deviation; bold is the best of its column. "
    "Intervals and tests are over users, each one's value averaged over the seeds first: 95 % "
    "percentile bootstrap, and a two-sided paired t-test (Smucker, Allan and Carterette, CIKM "
    "2007), corrected over the rows of its table by Holm's method; they take the seeds as they "
    "are. A baseline is any row that is neither POEM nor its upstream; the best one is chosen on "
    "these same test rows, which favours it. Rows are tested against each other where they have "
    "the same extras: the logit terms that every model may have, and re-rankers. Ablations "
    "and controls are compared with their own row alone. 'No difference shown' is not 'equal'."
)


def write_report(folder: Union[str, Path]) -> Path:
    """Write ``report.md``, ``report.html`` and ``runs.jsonl``; return the path of the page.

    The same folder gives the same bytes.

    Raises
    ------
    InputError
        If the plan, a record or stored ranks are damaged or do not fit each other, or a file cannot
        be written.
    """
    folder = Path(folder)
    title = f"Benchmark {folder.resolve().name}"
    blocks = _blocks(folder, title)
    for name, text in (
        ("report.md", markdown.render(blocks)),
        ("report.html", page.render(title, blocks)),
    ):
        with writing(folder / name), whole_file(folder / name) as file:
            file.write(text.encode())
    write_jsonl(folder)
    return folder / "report.html"


def _share(finished: int, total: int, runs: List[Run]) -> str:
    trials = any(run.record["purpose"] == "trial" for run in runs)
    return f"{finished} of {total} runs finished{', tuning trials among them' if trials else ''}."


def _blocks(folder: Path, title: str) -> List[Block]:
    plan, runs = read_plan(folder), runs_of_plan(folder)
    finished, over = effort.finished_share(runs)
    total = over if plan.runs is None else len(plan.runs)
    blocks: List[Block] = [
        Heading(1, title),
        Paragraph(f"{_share(finished, total, runs)}{_LEGEND if finished else ''}", "note"),
    ]
    others = dict.fromkeys(run.record["dataset"] for run in runs)
    for dataset in dict.fromkeys([*plan.datasets, *others]):
        rows = rows_of(runs, plan, dataset)
        trials = effort.trials_of(runs, dataset)
        blocks += [Heading(2, dataset), *_dataset_section(rows, plan.variant_of, trials)]
    return [
        *blocks,
        Heading(2, "How it was run"),
        Fold("The plan", [Code((folder / "plan.yaml").read_text(encoding="utf-8"))]),
        *effort.provenance_section(runs),
    ]


def _dataset_section(
    rows: Dict[str, List[Run]], variant_of: Dict[str, str], trials: Dict[str, str]
) -> List[Block]:
    names, notes = effort.footnotes(rows)
    results = summarise(rows, variant_of, list(PROTOCOLS))
    remarks = [Paragraph(note, "note") for note in notes]
    if not results:
        lines = [Row([Cell(name)], sections.reason(runs)) for name, runs in rows.items()]
        return [Paragraph("No run has finished."), Table(["row", "state"], lines)]
    protocols = [sections.protocol_section(result, rows, variant_of, names) for result in results]
    contest = {name: runs for name, runs in rows.items() if name not in variant_of}
    curves = charts.training_curves(contest)
    return [
        *charts.score_bars(results, variant_of),
        *(block for section in protocols for block in [*section, *remarks]),
        *effort.cost_section(rows, names, trials),
        *remarks,
        *([curves] if curves else []),
        *charts.time_and_quality(results, contest),
        *effort.configuration_section(rows, names),
    ]

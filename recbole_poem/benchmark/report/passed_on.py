"""What each row passes on of what the ranking stage likes best, by the records of its runs."""

from typing import Any, Dict, List, Optional

from recbole_poem.benchmark.report.document import (
    DASH,
    Block,
    Cell,
    Fold,
    Paragraph,
    Row,
    Table,
    number,
)
from recbole_poem.benchmark.report.summary import cut_offs, spread
from recbole_poem.benchmark.results import Run


def passed_on_section(
    rows: Dict[str, List[Run]], protocol: str, names: Dict[str, str]
) -> List[Block]:
    """Return the table of the largest cut-off; nothing where no row has been judged.

    Parameters
    ----------
    rows : dict
        Name of the row -> its runs.
    protocol : str
    names : dict
        Name of the row -> the name with its marks.
    """
    found = {name: _judged(runs, protocol) for name, runs in rows.items()}
    known = [figures for of_row in found.values() for figures in of_row]
    if not known:
        return []
    finished = next(run for runs in rows.values() for run in runs if run.finished)
    ks = cut_offs(finished.measures(protocol))
    k, n = max(ks), min(ks)
    columns = list(
        dict.fromkeys(
            name
            for figures in known
            for name in figures
            if name.partition(":")[0] == f"overlap@{k}"
        )
    )
    columns.append(f"regret@{k}")
    lines = [
        Row([Cell(names[name]), Cell(str(len(of_row)) if of_row else DASH),
             *(_cell(of_row, column) for column in columns)])
        for name, of_row in found.items()
    ]  # fmt: skip
    judges = ", ".join(dict.fromkeys(filter(None, map(_judge, _runs(rows)))))
    requests = min(int(figures["requests"]) for figures in known)
    return [
        Fold(
            "What the ranking stage likes best, and a retrieval passes on",
            [
                Paragraph(
                    f"The ranking stage is that of {judges}, asked what it made of the request "
                    f"itself; {requests:,} test rows have a ranking. overlap@{k} is the share of "
                    f"its {k} best that are among the first {k} of a row's list, by the fused "
                    f"score and by each objective alone. regret@{k} is the value that its list of "
                    f"{n} loses if it may choose among these {k} alone, as a share. It has seen "
                    "its own candidates only: what a row finds beside them counts as nothing, so "
                    "a low overlap is no proof of a bad retrieval."
                ),
                Table(["row", "seeds", *columns], lines),
            ],
        )
    ]


def _judged(runs: List[Run], protocol: str) -> List[Dict[str, float]]:
    """Return the figures of the test rows of each run that has been judged."""
    found = [_stage(run).get(protocol, {}).get("test", {}) for run in runs if run.finished]
    return [figures for figures in found if figures.get("requests")]


def _runs(rows: Dict[str, List[Run]]) -> List[Run]:
    return [run for runs in rows.values() for run in runs if run.finished]


def _judge(run: Run) -> Optional[str]:
    name = _stage(run).get("row")
    return None if name is None else str(name)


def _stage(run: Run) -> Dict[str, Any]:
    """Return what a run says of the ranking stage; records of former versions say nothing."""
    return run.record.get("ranking_stage") or {}


def _cell(figures: List[Dict[str, float]], column: str) -> Cell:
    values = [of[column] for of in figures if column in of]
    if not values:
        return Cell(DASH)
    over_seeds = spread(values)
    several = over_seeds.deviation == over_seeds.deviation
    return Cell(number(over_seeds.mean), f"± {number(over_seeds.deviation)}" if several else "")

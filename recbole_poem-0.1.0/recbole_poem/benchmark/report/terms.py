"""On which terms the rows were run, where unequal: each of them may explain a difference."""

from typing import Any, Callable, Dict, List, Tuple

from recbole_poem.benchmark.endings import all_endings
from recbole_poem.benchmark.evaluation import validation_protocol
from recbole_poem.benchmark.report.document import (
    DASH,
    Block,
    Cell,
    Heading,
    Paragraph,
    Row,
    Table,
    number,
)
from recbole_poem.benchmark.results import Run


def terms_section(
    rows: Dict[str, List[Run]], variant_of: Dict[str, str], trials: Dict[str, str]
) -> List[Block]:
    """Return the table of what is unequal between the rows that finished; no heading without it.

    Parameters
    ----------
    rows : dict
        Name of the row -> its runs.
    variant_of : dict
        Name of an ablation or a control -> that of the row whose tuned keys it has.
    trials : dict
        Name of the row -> its tuning trials.
    """
    finished = {name: [run for run in runs if run.finished] for name, runs in rows.items()}
    finished = {name: runs for name, runs in finished.items() if runs}
    columns = {
        title: [_said(runs, of, of_learning) for runs in finished.values()]
        for title, of, of_learning in _TERMS
    }
    learns = {name: any(run.trains for run in runs) for name, runs in finished.items()}
    columns["tuning trials"] = [
        trials.get(variant_of.get(name, name), "0") if learns[name] else DASH for name in finished
    ]
    columns["ended by"] = ["; ".join(all_endings(runs)) or DASH for runs in finished.values()]
    unequal = {title: texts for title, texts in columns.items() if len({*texts} - {DASH}) > 1}
    if not unequal:
        return []
    lines = [
        Row([Cell(name), *(Cell(texts[at], code=True) for texts in unequal.values())])
        for at, name in enumerate(finished)
    ]
    return [
        Heading(3, "What was unequal"),
        Paragraph(
            "Each of these may explain a part of a difference. Fewer seeds leave more of their "
            "scatter in a mean; a time limit gives unequal machines unequal work; more trials, or "
            "keys that were chosen by hand, find better ones. The rest was the same for all rows."
        ),
        Table(["row", *unequal], lines),
    ]


def _machine(record: Dict[str, Any]) -> str:
    machine = record.get("machine", {})
    return f"{machine.get('processor')}, {machine.get('cores')} cores"


def _limit(record: Dict[str, Any]) -> str:
    limit = record.get("time_limit")  # records of former versions lack it
    return DASH if limit is None else number(limit, 0)


def _key(*names: str) -> Callable[[Dict[str, Any]], str]:
    """Return a function that says the first of some keys that a record has."""

    def of(record: Dict[str, Any]) -> str:
        values = (record["config"].get(name) for name in names)
        found = [value for value in values if value is not None]
        return str(found[0]) if found else DASH

    return of


def _said(runs: List[Run], of: Callable[[Dict[str, Any]], str], of_learning: bool) -> str:
    """Say what holds of the runs of a row, each value once."""
    if of_learning:
        runs = [run for run in runs if run.trains]
    return ", ".join(dict.fromkeys(of(run.record) for run in runs)) or DASH


#: title, what a record says of it, and whether it is nothing to rows that learn nothing
_TERMS: List[Tuple[str, Callable[[Dict[str, Any]], str], bool]] = [
    ("seeds", lambda record: str(record["seed"]), False),
    ("time limit s", _limit, True),
    ("patience", _key("stopping_step"), True),
    ("epochs chosen by", lambda record: validation_protocol(record["config"]), True),
    ("numbers an item", _key("embedding_size", "hidden_size"), True),
    ("history", _key("MAX_ITEM_LIST_LENGTH"), True),
    ("machine", _machine, False),
    ("commit", lambda record: str(record.get("commit")), False),
]

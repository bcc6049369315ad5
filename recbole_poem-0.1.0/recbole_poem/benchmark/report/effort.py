"""The sections of a report that say what the rows cost, and with which keys they were run."""

import json
from collections import Counter
from typing import Any, Dict, List, Sequence, Tuple

from recbole_poem.benchmark.evaluation import validation_protocol
from recbole_poem.benchmark.report.document import (
    DASH,
    Block,
    Cell,
    Fold,
    Heading,
    PageOnly,
    Paragraph,
    Row,
    Table,
    mean_number,
    number,
)
from recbole_poem.benchmark.report.labels import reason
from recbole_poem.benchmark.results import Run

_ABSENT = object()
_NOT_CHOSEN = {"seed", "checkpoint_dir"}  # said elsewhere, and where the benchmark itself writes


def cost_section(
    rows: Dict[str, List[Run]], names: Dict[str, str], trials: Dict[str, str]
) -> List[Block]:
    """Return the table of time, memory, size and tuning of each row: means over seeds."""
    finished = {name: [run for run in runs if run.finished] for name, runs in rows.items()}
    valid = {run.record.get("valid_metric") for runs in finished.values() for run in runs}
    score = f"validation {valid.pop()}" if len(valid) == 1 else "validation score"
    header = [
        "row", "seeds", score, "best epoch", "epochs", "training s", "total s",
        "peak memory MiB", "peak GPU MiB", "parameters", "tuning trials",
    ]  # fmt: skip
    lines = []
    for name, runs in finished.items():
        first = [Cell(names[name]), Cell(f"{len(runs)}")]
        if not runs:
            lines.append(Row(first, reason(rows[name])))
            continue
        records = [run.record for run in runs]
        best_score = number(_mean([record.get("best_valid_score") for record in records]))
        learnt = [run.record for run in runs if run.trains]
        cells = [
            mean_number(_mean([record.get("best_epoch") for record in learnt])),
            mean_number(_mean([len(record["curve"]) for record in learnt])),
            number(_mean([record["seconds"].get("training") for record in learnt]), 1),
            number(_mean([record["seconds"].get("total") for record in records]), 1),
            number(_mean([record["peak_memory_mib"] for record in records]), 0),
            number(_mean([record.get("peak_gpu_memory_mib") for record in records]), 0),
            number(_mean([record["n_parameters"] for record in learnt]), 0),
            trials.get(name, "0"),
        ]
        protocols = dict.fromkeys(validation_protocol(record["config"]) for record in records)
        scored = Cell(best_score, f"({' and '.join(protocols)})")
        lines.append(Row([*first, scored, *map(Cell, cells)]))
    remark = (
        "The validation score is the one that early stopping and tuning looked at: with seen items "
        "ranked like all others (recbole) or last (masked), as RecBole does for models that are "
        "not sequential. The first epoch is 0; rows that train nothing have none. Seconds are "
        "those of the clock on the wall, whatever else the machine did; the time limit counts the "
        "processor's on a CPU. It counts preparation, such as the request cache: a run that finds "
        "one is charged with what building it took. Memory is that of preparation and training."
    )
    return [Heading(3, "What it cost, a seed"), Table(header, lines), Paragraph(remark, "note")]


def trials_of(runs: List[Run], dataset: str) -> Dict[str, str]:
    """Count the tuning trials of each row of a data set: all, and those with less than a say."""
    records: Dict[str, List[Dict[str, Any]]] = {}
    for run in runs:
        if run.record["purpose"] == "trial" and run.record["dataset"] == dataset:
            records.setdefault(run.record["row"], []).append(run.record)
    return {row: _trials(of_row) for row, of_row in records.items()}


def _trials(records: List[Dict[str, Any]]) -> str:
    counts = {
        "failed": sum(record["status"] != "finished" for record in records),
        "at the limit": sum(record.get("stopped") == "time limit" for record in records),
    }
    return ", ".join([str(len(records)), *(f"{n} {words}" for words, n in counts.items() if n)])


def configuration_section(rows: Dict[str, List[Run]], names: Dict[str, str]) -> List[Block]:
    """Return the keys that were given, and for the page every key that was used."""
    runs = [run for group in rows.values() for run in group]
    shared = _shared(list(map(_given, runs)))
    common = "; ".join(f"{key}: {_text(value)}" for key, value in sorted(shared.items()))
    lines = [
        Row([Cell(names[name]), Cell(own, code=True)])
        for name, group in rows.items()
        for own in _own_keys(group, shared)
    ]
    full = [
        Fold(name, [_full_table(group)])
        for name, group in rows.items()
        if any(run.finished for run in group)
    ]
    return [
        Heading(3, "Configurations"),
        Paragraph("Given to every row, beside the seed:"),
        Table(["keys"], [Row([Cell(common or DASH, code=True)])]),
        Paragraph("Given to one row, by hand or chosen by its tuning trials on validation data:"),
        Table(["row", "keys"], lines),
        PageOnly([Fold("Every key of every row", full)]),
    ]


def provenance_section(runs: List[Run]) -> List[Block]:
    """Return versions, machines, commits and commands of all runs that recorded them."""
    tables: List[Block] = []
    for key, title in (("commit", "Commit"), ("versions", "Versions"), ("machine", "Machine")):
        counted = Counter(_text(run.record.get(key)) for run in runs if key in run.record)
        lines = [Row([Cell(text, code=True), Cell(f"{n}")]) for text, n in sorted(counted.items())]
        tables.append(Table([title.lower(), "runs"], lines))
    commands = [
        Row([Cell(run.folder.name), Cell(run.record["purpose"]), Cell(run.record["status"]),
             Cell(_text(run.record.get("command")), code=True)])
        for run in runs
    ]  # fmt: skip
    listed = Fold("Every run", [Table(["run", "purpose", "status", "command"], commands)])
    return [Fold("Commit, versions, machine and commands", [*tables, PageOnly([listed])])]


def _given(run: Run) -> Dict[str, Any]:
    """Return the keys that were given to a run: by files, then one by one."""
    parts = [*run.record.get("config_files", []), run.record.get("given") or {}]
    return {key: value for part in parts for key, value in part.items()}


def _own_keys(group: List[Run], shared: Dict[str, Any]) -> List[str]:
    """Write what was given beside `shared`: one text, or one for each set of seeds that differ."""
    seeds: Dict[str, List[str]] = {}
    for run in group:
        own = {k: v for k, v in _given(run).items() if k not in shared and k not in _NOT_CHOSEN}
        text = "; ".join(f"{key}: {_text(value)}" for key, value in sorted(own.items())) or DASH
        seeds.setdefault(text, []).append(str(run.record["seed"]))
    if len(seeds) < 2:
        return list(seeds)
    return [f"seed {', '.join(which)}: {text}" for text, which in seeds.items()]


def _full_table(group: List[Run]) -> Table:
    """List every key; where it differs between seeds, the value of each."""
    records = [run.record for run in group if run.finished]
    lines = []
    for key in sorted({key for record in records for key in record["config"]}):
        values = {str(record["seed"]): _text(record["config"].get(key)) for record in records}
        same = len(set(values.values())) == 1
        text = next(iter(values.values())) if same else "; ".join(map(": ".join, values.items()))
        lines.append(Row([Cell(key), Cell(text, code=True)]))
    return Table(["key", "value"], lines)


def _shared(dictionaries: List[Dict[str, Any]]) -> Dict[str, Any]:
    first: Dict[str, Any] = dictionaries[0] if dictionaries else {}
    return {
        key: value
        for key, value in first.items()
        if key not in _NOT_CHOSEN
        and all(given.get(key, _ABSENT) == value for given in dictionaries)
    }


def _mean(values: Sequence[Any]) -> float:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def finished_share(runs: List[Run]) -> Tuple[int, int]:
    """Return how many runs finished, and how many are over; tuning trials are runs too."""
    return sum(run.finished for run in runs), len(runs)

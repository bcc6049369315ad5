"""A results folder: its plan, and the records of its runs.

A run writes its record into its own folder, as ``record.json``. A report gathers the records of the
plan in ``runs.jsonl``; see `recbole_poem.benchmark.gathered`. A line there speaks for a run which
has not begun here: a copy of the folder needs no record of a run's own.
"""

from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

import yaml

from recbole_poem.benchmark.gathered import damaged, object_of, read_records, write_records
from recbole_poem.benchmark.ranking import in_order
from recbole_poem.benchmark.stored_ranks import Ranks, read_ranks
from recbole_poem.core.errors import InputError

PROTOCOLS = ("masked", "recbole")

_RECORD = {"row": str, "model": str, "dataset": str, "seed": int, "purpose": str, "status": str}
_FINISHED = {
    "given": dict,
    "config": dict,
    "curve": list,
    "seconds": dict,
    "peak_memory_mib": (int, float),
    "n_parameters": int,
    "metrics": dict,
}


class Run(NamedTuple):
    """One run that is over: its folder, and its record."""

    folder: Path
    record: Dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether the run came to its end, early or not."""
        return self.record["status"] == "finished"

    @property
    def trains(self) -> bool:
        """Whether the model of a finished run learns; RecBole's that do not have one parameter."""
        return self.record["n_parameters"] > 1

    def measures(self, protocol: str) -> Dict[str, float]:
        """Return the metrics of a finished run on its test rows, in the order of a table."""
        found = self.record["metrics"][protocol]["test"]
        return {metric: found[metric] for metric in in_order(found)}

    def ranks(self) -> Ranks:
        """Read the ranks of the test rows.

        Raises
        ------
        InputError
            If they are missing or damaged.
        """
        return read_ranks(self.folder)


class Plan(NamedTuple):
    """What ``plan.yaml`` asked for, as far as a report needs it."""

    datasets: List[str]
    rows: List[Tuple[str, str]]  # name of the row and of its model
    variant_of: Dict[str, str]  # name of an ablation or a control -> that of the row it belongs to
    runs: Optional[List[str]]  # ids; others in the folder are of a former plan. None = all count
    datasets_of: Dict[str, List[str]]  # name of a row that is not run on all of them -> its


def read_plan(folder: Union[str, Path]) -> Plan:
    """Read ``plan.yaml`` of a results folder.

    Raises
    ------
    InputError
        If it is missing or lacks what a report needs.
    """
    path = Path(folder, "plan.yaml")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is this the folder of a benchmark?") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this is no YAML ({_first_line(error)})") from error
    plan = content if isinstance(content, dict) else {}
    for key in ("datasets", "rows"):
        if not isinstance(plan.get(key), list):
            raise InputError(f"{path}: 'rows' and 'datasets' have to be lists; '{key}' is not")
    for row in plan["rows"]:
        if not isinstance(row, dict) or not {"row", "model"} <= set(row):
            raise InputError(f"{path}: rows: each one needs 'row' and 'model'; {row!r} has not")
    rows = {str(row["row"]): str(row["model"]) for row in plan["rows"]}
    bases = {str(row["row"]): _base(row) for row in plan["rows"]}
    variant_of = {name: base for name, base in bases.items() if base != name}
    datasets = list(map(str, plan["datasets"]))
    some = {str(row["row"]): row["datasets"] for row in plan["rows"] if row.get("datasets")}
    return Plan(datasets, list(rows.items()), variant_of, plan.get("runs"), some)


def _base(row: Dict[str, Any]) -> str:
    """Return the row that a row belongs to, which has the same extra."""
    base, extra = row.get("tuned_as"), row.get("extra")
    if base is None:
        return str(row["row"])
    return str(base) if extra is None else f"{base} + {extra}"


def read_run(folder: Union[str, Path]) -> Run:
    """Read the record of one run: its own ``record.json``, or its line in ``runs.jsonl``.

    Raises
    ------
    InputError
        If there is neither, or it is damaged or lacks a key.
    """
    home = Path(folder)
    return _run_at(home, _gathered(home.resolve().parent.parent))


def read_runs(folder: Union[str, Path], asked: Optional[Iterable[str]] = None) -> List[Run]:
    """Read the records of the runs that are over, in the order of their ids.

    Parameters
    ----------
    folder : path
        Of the results.
    asked : iterable of str, optional
        Ids; others are not looked at. None = all.

    Raises
    ------
    InputError
        If a record is damaged.
    """
    runs, gathered = Path(folder, "runs"), _gathered(Path(folder))
    known = {path.parent.name for path in runs.glob("*/record.json")} | set(gathered)
    wanted = known if asked is None else known & set(asked)
    return [_run_at(runs / name, gathered) for name in sorted(wanted)]


def runs_of_plan(folder: Union[str, Path]) -> List[Run]:
    """Read the records of the runs that ``plan.yaml`` asks for and that are over.

    Raises
    ------
    InputError
        If the plan or a record is damaged.
    """
    return read_runs(folder, read_plan(folder).runs)


def rows_of(runs: List[Run], plan: Plan, dataset: str) -> Dict[str, List[Run]]:
    """Group the test runs of a data set into rows, each in the order of its seeds.

    Rows come in the order of the plan, a row without any run with an empty list, and after them
    those that the plan no longer names. Of two runs of one seed the finished one counts.

    Raises
    ------
    InputError
        If one seed of a row finished twice, with different keys: both names are said.
    """
    rows: Dict[str, Dict[int, Run]] = {
        name: {} for name, _ in plan.rows if dataset in plan.datasets_of.get(name, [dataset])
    }
    for run in runs:
        if run.record["purpose"] != "test" or run.record["dataset"] != dataset:
            continue
        seeds = rows.setdefault(run.record["row"], {})
        former = seeds.get(run.record["seed"])
        if former is not None and former.finished and run.finished:
            raise InputError(
                f"{former.folder} and {run.folder}: both are seed {run.record['seed']} of "
                f"'{run.record['row']}' on {dataset}, with different keys; remove the one that "
                "is not meant, or give the benchmark another name"
            )
        if former is None or run.finished:
            seeds[run.record["seed"]] = run
    return {name: [seeds[seed] for seed in sorted(seeds)] for name, seeds in rows.items()}


def write_jsonl(folder: Union[str, Path]) -> Path:
    """Write ``runs.jsonl``, the records of the plan's runs, and return its path."""
    path = Path(folder, "runs.jsonl")
    write_records(path, [run.record for run in runs_of_plan(folder)])
    return path


def _gathered(folder: Path) -> Dict[str, Tuple[str, Any]]:
    """Return the lines of ``runs.jsonl`` by run: of each its place and its record.

    Those of runs that have begun here are left out.
    """
    path = folder / "runs.jsonl"
    if not path.is_file():
        return {}
    found = {}
    for where, record in read_records(path):
        if not isinstance(record.get("id"), str):
            raise damaged(where, "'id' is missing or of the wrong type")
        if not (folder / "runs" / record["id"] / "job.json").exists():
            found[record["id"]] = (where, record)
    return found


def _run_at(home: Path, gathered: Dict[str, Tuple[str, Any]]) -> Run:
    path = home / "record.json"
    name = home.resolve().name
    if name in gathered and not path.exists():
        return Run(home, _checked(*gathered[name]))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is this a run that is over?") from error
    return Run(home, _checked(str(path), object_of(str(path), content)))


def _checked(where: str, record: Dict[str, Any]) -> Dict[str, Any]:
    """Return a record, in which all is there that a report needs."""
    finished_test = (record.get("status"), record.get("purpose")) == ("finished", "test")
    for key, kind in {**_RECORD, **(_FINISHED if finished_test else {})}.items():
        if not isinstance(record.get(key), kind):  # type: ignore[arg-type]
            raise damaged(where, f"'{key}' is missing or of the wrong type")
    for protocol in PROTOCOLS if finished_test else ():
        if "test" not in record["metrics"].get(protocol, {}):
            raise damaged(where, f"'metrics' lacks the test rows of '{protocol}'")
    return record


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

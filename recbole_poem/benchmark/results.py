"""Reading a results folder: the plan, the records of its runs, and their stored ranks."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import yaml

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file, writing

PROTOCOLS = ("masked", "recbole")

_RECORD = {"row": str, "model": str, "dataset": str, "seed": int, "purpose": str, "status": str}
_FINISHED = {
    "given": dict,
    "config": dict,
    "curve": list,
    "seconds": dict,
    "peak_memory_mib": (int, float),
    "n_parameters": int,
}


class Ranks(NamedTuple):
    """What a run gave each of U users; the dictionaries' keys are the protocols."""

    user: np.ndarray  # (U,) str
    target: np.ndarray  # (U,) str
    rank: Dict[str, np.ndarray]  # (U,) int, 1 = first
    top: Dict[str, np.ndarray]  # (U, K) int, best first
    ks: List[int]
    n_items: int  # with the padding item
    category: Optional[np.ndarray]  # (n_items, C) bool


class Run(NamedTuple):
    """One run that is over: its folder, and its record as read from ``record.json``."""

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

    def ranks(self) -> Ranks:
        """Read ``ranks.npz``.

        Raises
        ------
        InputError
            If the file is missing or damaged.
        """
        return _read_ranks(self.folder / "ranks.npz")


class Plan(NamedTuple):
    """What ``plan.yaml`` asked for, as far as a report needs it."""

    datasets: List[str]
    rows: List[Tuple[str, str]]  # name of the row and of its model
    variant_of: Dict[str, str]  # name of an ablation or a control -> that of the row it belongs to
    runs: Optional[List[str]]  # ids; others in the folder are of a former plan. None = all count


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
    bases = {str(row["row"]): str(row.get("tuned_as") or row["row"]) for row in plan["rows"]}
    variant_of = {name: base for name, base in bases.items() if base != name}
    datasets = list(map(str, plan["datasets"]))
    return Plan(datasets, list(rows.items()), variant_of, plan.get("runs"))


def read_run(folder: Union[str, Path]) -> Run:
    """Read the record of one run.

    Raises
    ------
    InputError
        If ``record.json`` is missing, damaged, or lacks a key.
    """
    path = Path(folder, "record.json")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is this a run that is over?") from error
    except ValueError as error:
        raise InputError(f"{path}: damaged, no JSON ({_first_line(error)})") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: damaged, a record is one JSON object")
    finished_test = (record.get("status"), record.get("purpose")) == ("finished", "test")
    for key, kind in {**_RECORD, **(_FINISHED if finished_test else {})}.items():
        if not isinstance(record.get(key), kind):  # type: ignore[arg-type]
            raise InputError(f"{path}: damaged, '{key}' is missing or of the wrong type")
    return Run(Path(folder), record)


def read_runs(folder: Union[str, Path], asked: Optional[List[str]] = None) -> List[Run]:
    """Read the records of the runs that are over, in the order of their ids.

    Parameters
    ----------
    folder : path
        Of the results.
    asked : list of str, optional
        Ids; others are not looked at. None = all.

    Raises
    ------
    InputError
        If a record is damaged.
    """
    homes = sorted(path.parent for path in Path(folder, "runs").glob("*/record.json"))
    return [read_run(home) for home in homes if asked is None or home.name in asked]


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
    rows: Dict[str, Dict[int, Run]] = {name: {} for name, _ in plan.rows}
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


def pairing(reference: Tuple[str, Ranks], other: Tuple[str, Ranks]) -> np.ndarray:
    """Return the order that puts `other`'s users and targets into `reference`'s.

    Parameters
    ----------
    reference, other : (name, Ranks)
        The names are for the message.

    Returns
    -------
    (U,) int

    Raises
    ------
    InputError
        If they hold other users or targets.
    """
    (name, one), (other_name, two) = reference, other
    if np.array_equal(one.user, two.user) and np.array_equal(one.target, two.target):
        return np.arange(len(one.user))
    first, second = np.lexsort((one.target, one.user)), np.lexsort((two.target, two.user))
    if not (
        np.array_equal(one.user[first], two.user[second])
        and np.array_equal(one.target[first], two.target[second])
    ):
        raise InputError(
            f"{name} and {other_name}: they ranked different users or targets, so they cannot be "
            "paired; were they run on the same data and split?"
        )
    order = np.empty(len(first), dtype=np.int64)
    order[first] = second
    return order


def write_jsonl(folder: Union[str, Path]) -> Path:
    """Write ``runs.jsonl``, one record of the plan's a line, and return its path."""
    lines = (json.dumps(run.record, sort_keys=True) for run in runs_of_plan(folder))
    path = Path(folder, "runs.jsonl")
    with writing(path), whole_file(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    return path


def _read_ranks(path: Path) -> Ranks:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; only finished runs have one") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged ({_first_line(error)})") from error
    users = ["user", "target", *(f"{kind}_{p}" for kind in ("rank", "top") for p in PROTOCOLS)]
    missing = [name for name in (*users, "ks", "n_items") if name not in arrays]
    if missing:
        raise InputError(f"{path}: damaged, it lacks {', '.join(missing)}")
    if len({len(arrays[name]) for name in users}) > 1:
        raise InputError(f"{path}: damaged, its arrays speak of different numbers of users")
    return Ranks(
        user=arrays["user"],
        target=arrays["target"],
        rank={p: arrays[f"rank_{p}"] for p in PROTOCOLS},
        top={p: arrays[f"top_{p}"] for p in PROTOCOLS},
        ks=[int(k) for k in arrays["ks"]],
        n_items=int(arrays["n_items"]),
        category=arrays.get("category"),
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

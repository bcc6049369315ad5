"""What a benchmark compares: rows, data sets, seeds, and the keys that hold for all."""

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set

import yaml

from recbole_poem.benchmark.asked import check_keys, check_list, check_mapping, refuse_twice
from recbole_poem.benchmark.extras import with_extras
from recbole_poem.benchmark.rows import (
    Row,
    ablations,
    check_places,
    refuse_unknown,
    row_of,
)
from recbole_poem.benchmark.worlds import check_worlds
from recbole_poem.core.blocks import laid
from recbole_poem.core.config_files import read_config_file, read_yaml
from recbole_poem.core.errors import InputError
from recbole_poem.training.properties import preset_keys

FIRST_SEED = 2020  # RecBole's

#: Keys that are the same for every row, so that nothing but the models differs.
SHARED: Dict[str, Any] = {
    "metrics": ["Hit", "NDCG", "MRR"],
    "topk": [10, 50],
    "valid_metric": "NDCG@10",
    "MAX_ITEM_LIST_LENGTH": 50,
    "embedding_size": 64,
    "epochs": 200,
    "stopping_step": 10,
    "train_batch_size": 2048,
    "eval_batch_size": 4096,
}


#: Keys that a row may not have of its own: they say how much a row is given, not what it is.
EQUAL = ("stopping_step", "eval_step", "threads", "use_gpu", "gpu_id")


class Plan(NamedTuple):
    """A named benchmark.

    Attributes
    ----------
    datasets : list of str
    rows : list of Row
    seeds : list of int
    keys : dict
        Of every row, after `SHARED`.
    config_files : list of dict
        What the YAML files of every row hold: after `SHARED`, before `keys`.
    trials : int
        Configurations that are tried on validation data for each row; 0 = defaults.
    time_limit : float
        Seconds that one run may prepare and train; on the CPU of the processor, for each thread.
    tune_time_limit : float
        The same for a trial.
    worlds : dict
        Name of a data set -> what is asked of the world that writes it; see
        `recbole_poem.benchmark.worlds`.
    """

    datasets: List[str]
    rows: List[Row]
    seeds: List[int]
    keys: Dict[str, Any]
    config_files: List[Dict[str, Any]]
    trials: int
    time_limit: float
    tune_time_limit: float
    worlds: Dict[str, Dict[str, Any]]


class Job(NamedTuple):
    """One training run.

    Attributes
    ----------
    row, model, dataset, seed
        As in the report.
    purpose : str
        "test", or "trial": tuning, which looks at validation data only.
    given : dict
        Every key that differs from RecBole's and the plugin's defaults and from `config_files`.
    config_files : list of dict
        As in the plan.
    time_limit : float
    rankings : dict, optional
        ``row``, ``model`` and ``given`` of the job whose ranking stage judges the lists of this
        one; see `recbole_poem.benchmark.ranking_stage`. None = nobody does.
    """

    row: str
    model: str
    dataset: str
    seed: int
    purpose: str
    given: Dict[str, Any]
    config_files: List[Dict[str, Any]]
    time_limit: float
    rankings: Optional[Dict[str, Any]] = None

    @property
    def keys(self) -> Dict[str, Any]:
        """Every key of its configuration."""
        return laid(*self.config_files, self.given)

    @property
    def id(self) -> str:
        """A name for its folder: readable, and another one for another configuration."""
        what = self._replace(time_limit=0.0)._asdict()
        del what["rankings"]  # what it does is the same, whoever judges it
        text = json.dumps(list(what.values()), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        words = f"{self.dataset}-{self.row}-{self.seed}-{digest}"
        return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in words)


def make_plan(
    rows: Sequence[Any],
    datasets: Sequence[str],
    seeds: Any = 1,
    keys: Optional[Dict[str, Any]] = None,
    config_files: Sequence[str] = (),
    tune: int = 0,
    time_limit: float = 3600.0,
    tune_time_limit: Optional[float] = None,
    ablate: bool = False,
    extras: Optional[Dict[str, Any]] = None,
    worlds: Optional[Dict[str, Any]] = None,
) -> Plan:
    """Check what was asked for and return the plan.

    Parameters
    ----------
    rows : sequence of str or dict
        See `row_of`.
    datasets : sequence of str
    seeds : int or list of int
        A number of seeds, from RecBole's default upwards, or the seeds.
    keys : dict, optional
        Keys of every row.
    config_files : sequence of str
        Their paths; what they hold now is what counts.
    tune : int
        Trials per row.
    time_limit : float
        Seconds.
    tune_time_limit : float, optional
        Seconds; `time_limit` as a rule.
    ablate : bool
        Whether the first row of POEM is followed by its ablations.
    extras : dict, optional
        Name -> logit terms for every sequential model, with their settings: each row of such a
        model is there without them, and once more with them, as ``ROW + NAME``.
    worlds : dict, optional
        Of the data sets that worlds write: dials, requests.

    Raises
    ------
    InputError
        For an empty or wrong value, one that is there twice, a variant of no row, and a file that
        cannot be read.
    """
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        seeds = list(range(FIRST_SEED, FIRST_SEED + seeds))
    check_list("rows", rows, (str, dict), "names of models and mappings")
    check_list("datasets", datasets, (str,), "names")
    check_list("seeds", seeds, (int,), "whole numbers")
    check_list("config_files", config_files, (str,), "paths")
    listed = list(map(row_of, rows))
    contents = list(map(read_config_file, config_files))
    named = {"keys": keys or {}, **{f"rows: {row.name}": row.keys for row in listed}}
    for name, values in [*named.items(), *zip(config_files, contents)]:
        check_keys(name, values)
    if ablate:
        place = next((n for n, row in enumerate(listed, 1) if row.model == "POEM"), None)
        if place is None:
            raise InputError(
                "ablate: there is no POEM among the rows, whose parts could be taken away"
            )
        listed[place:place] = ablations(listed[place - 1])
    for row in listed:
        _refuse_unequal(row)
    listed = with_extras(listed, extras or {})
    refuse_twice("rows", [row.name for row in listed], "; give one of them another 'row'")
    check_places(listed, datasets)
    for name, value in (("rows", listed), ("datasets", datasets), ("seeds", seeds)):
        if not value:
            raise InputError(f"{name}: expected at least one, not {value!r}")
    if not isinstance(tune, int) or isinstance(tune, bool) or tune < 0:
        raise InputError(f"tune: expected a number of trials from 0, not {tune!r}")
    refuse_twice("datasets", datasets)
    refuse_twice("seeds", seeds)
    if tune_time_limit is None:
        tune_time_limit = time_limit
    for name, limit in (("time_limit", time_limit), ("tune_time_limit", tune_time_limit)):
        if not isinstance(limit, (int, float)) or not limit > 0:
            raise InputError(f"{name}: expected a number of seconds above 0, not {limit!r}")
    return Plan(
        list(datasets), listed, list(seeds), dict(keys or {}), contents, tune, float(time_limit),
        float(tune_time_limit), check_worlds(worlds or {}, list(datasets)),
    )  # fmt: skip


def _refuse_unequal(row: Row) -> None:
    """Refuse keys of one row that have to be equal for all.

    Raises
    ------
    InputError
        For the first of them.
    """
    for key in EQUAL:
        if key in row.keys:
            raise InputError(
                f"rows: '{row.name}': {key} has to be the same for all rows; give it in the plan's "
                "'keys'"
            )


def read_plan(path: Path) -> Dict[str, Any]:
    """Read the arguments of `make_plan` from a YAML file.

    Raises
    ------
    InputError
        If the file cannot be read, holds an unknown key, or 'keys' that are no mapping.
    """
    content = read_yaml(path)
    refuse_unknown(str(path), content, set(inspect.signature(make_plan).parameters))
    check_mapping(f"{path}: keys", content.get("keys") or {})
    return content


def as_yaml(plan: Plan, jobs: Sequence[Job]) -> str:
    """Write out a plan in full, with the ids of its runs."""
    rows = [
        {"row": row.name, **{k: v for k, v in row._asdict().items() if k != "name"}}
        for row in plan.rows
    ]
    content = {**plan._asdict(), "rows": rows, "shared": SHARED}
    content["runs"] = list(dict.fromkeys(job.id for job in jobs))
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def test_jobs(plan: Plan, tuned: Dict[Any, Dict[str, Any]]) -> List[Job]:
    """List the runs that the report is about, one seed after the other.

    Parameters
    ----------
    plan : Plan
    tuned : dict
        (data set, row) to the keys that tuning chose.
    """
    return [
        _job(plan, row, dataset, seed, "test", tuned.get((dataset, row.tuned_as), {}))
        for dataset in plan.datasets
        for seed in plan.seeds
        for row in plan.rows
        if row.is_on(dataset)
    ]


def trial_job(plan: Plan, row: Row, dataset: str, tried: Dict[str, Any]) -> Job:
    """Return the run that tries some keys for a row, on the first seed."""
    job = _job(plan, row, dataset, plan.seeds[0], "trial", tried)
    return job._replace(time_limit=plan.tune_time_limit)


def fixed_keys(plan: Plan, row: Row) -> Set[str]:
    """Return the keys that are chosen for a row, by hand or by its preset."""
    keys = laid(*plan.config_files, plan.keys, row.keys)
    return set(keys) | preset_keys(keys.get("preset", "best"))


def is_fixed(key: str, fixed: Set[str]) -> bool:
    """Tell whether a key is not to be tuned: it, or what it is a setting of, is fixed."""
    parts = key.split(".")
    return any(".".join(parts[:n]) in fixed for n in range(1, len(parts) + 1))


def _job(plan: Plan, row: Row, dataset: str, seed: int, purpose: str, tuned: Dict[str, Any]) -> Job:
    in_files = laid(*plan.config_files)
    shared = {key: value for key, value in SHARED.items() if key not in in_files}
    given = laid(shared, plan.keys, tuned, row.keys)
    return Job(
        row.name, row.model, dataset, seed, purpose, given, plan.config_files, plan.time_limit
    )

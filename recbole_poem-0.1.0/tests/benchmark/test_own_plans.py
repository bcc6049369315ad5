"""The plans of the repository: each can be carried out with the keys of today."""

import json
from pathlib import Path
from typing import Dict, List

import pytest

from recbole_poem.benchmark.checking import check_configurations
from recbole_poem.benchmark.plan import make_plan, read_plan, test_jobs
from recbole_poem.training.config import Config

jobs_of = test_jobs  # under its own name pytest takes it for a test
del test_jobs

PLANS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_every_row_is_a_configuration(path: Path) -> None:
    plan = make_plan(**read_plan(path))
    for dataset in plan.datasets:
        Path("dataset", dataset).mkdir(parents=True)
    check_configurations(plan)
    for dataset in plan.datasets:
        jobs = jobs_of(plan._replace(datasets=[dataset], seeds=plan.seeds[:1]), {})
        found = [Config(job.model, dataset, config_dict=job.keys).final_config_dict for job in jobs]
        rows_of: Dict[str, List[str]] = {}
        for job, keys in zip(jobs, found):
            rows_of.setdefault(json.dumps(keys, sort_keys=True, default=str), []).append(job.row)
        assert [rows for rows in rows_of.values() if len(rows) > 1] == []  # none says it twice


def test_the_ablations_are_rows_of_a_plan() -> None:
    check_configurations(make_plan(["POEM"], ["ml-100k"], ablate=True))

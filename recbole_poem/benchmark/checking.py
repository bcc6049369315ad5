"""Whether a plan can be carried out, as far as can be told before any run."""

from pathlib import Path
from typing import Dict, List

from recbole_poem.benchmark.effective import calls_it_hidden_size
from recbole_poem.benchmark.evaluation import check_lists
from recbole_poem.benchmark.plan import Plan, test_jobs
from recbole_poem.benchmark.results import read_plan
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config


def check_configurations(plan: Plan) -> None:
    """Make the configuration of every row, so that a slip of the pen is found before any run.

    Raises
    ------
    InputError
        For a model, data set, key or value that is not known. A key of all rows has to be known
        to one of them, a row's own key to its model. A model that lacks a package is left to fail
        in its runs, and the other rows to run.
    """
    unknown: Dict[str, List[str]] = {key: [] for key in laid(plan.keys)}
    rows = {row.name: row for row in plan.rows}
    checked = 0
    for job in test_jobs(plan._replace(seeds=plan.seeds[:1]), {}):
        row = rows[job.row]
        try:
            config = Config(job.model, job.dataset, config_dict=job.keys)
            check_lists(config)
        except InputError as error:
            if isinstance(error.__cause__, ImportError):
                continue
            raise InputError(f"{job.row}: {error}") from error
        checked += 1
        if not Path(config["data_path"]).is_dir():
            raise InputError(f"datasets: there is no folder {config['data_path']}")
        for key, near in config.unknown_keys():
            if key == "embedding_size" and calls_it_hidden_size(config):
                continue
            hint = f"; the nearest known key is '{near}'" if near else ""
            if key in laid(row.keys):
                raise InputError(f"{row.name}: {row.model} has no key '{key}'{hint}")
            if key in unknown:
                unknown[key].append(hint)
    for key, hints in unknown.items():
        if hints and len(hints) == checked:
            raise InputError(f"no model of the rows has a key '{key}'{max(hints, key=len)}")


def check_folder(plan: Plan, folder: Path) -> None:
    """See that a folder whose name nobody chose does not hold rows that the plan lacks.

    Raises
    ------
    InputError
        If it does: its report would lose them.
    """
    if not (folder / "plan.yaml").exists():
        return
    names = {row.name for row in plan.rows}
    lost = [name for name, _ in read_plan(folder).rows if name not in names]
    if lost:
        raise InputError(
            f"{folder} holds a benchmark with other rows ({', '.join(lost)}): name them as well, "
            "or give this one a --name"
        )

"""The runs of a plan, each in a process of its own; what has finished is never run again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from logging import getLogger
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Set, Tuple

from tqdm import tqdm

from recbole_poem.benchmark import plan as plans
from recbole_poem.benchmark.clock import SPARE_SECONDS
from recbole_poem.benchmark.plan import Job, Plan
from recbole_poem.benchmark.progress import forget_progress, read_progress, words
from recbole_poem.benchmark.ranking_stage import with_ranking_stage
from recbole_poem.benchmark.results import Run, read_runs
from recbole_poem.benchmark.rows import Row
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file, writing
from recbole_poem.models.idle_keys import idle_keys
from recbole_poem.training.config import Config
from recbole_poem.training.search_space import Space, read_space, sample, space_file

RUN = "recbole_poem.benchmark.run"
#: Between two looks at the runs in progress, on a terminal and in a file.
LOOK_SECONDS = 2.0
LOOK_SECONDS_IN_FILE = 60.0
#: A narrow bar, which leaves room for the runs in progress.
_BAR = "{desc}: {n_fmt}/{total_fmt} |{bar:8}| [{elapsed}<{remaining}{postfix}]"


class Trial(NamedTuple):
    """A run that tries some keys for a row; `tried` are those alone, without the row's own."""

    row: Row
    tried: Dict[str, Any]
    job: Job


def carry_out(plan: Plan, folder: Path, at_once: int = 1, show_progress: bool = True) -> None:
    """Tune and run all rows of a plan; a failure is kept as such and stops nothing.

    Interrupted, it loses the runs in progress; called again, it goes on.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Of the results.
    at_once : int
        Processes side by side.
    show_progress : bool
    """
    if show_progress:
        print(f"each run logs to {folder / 'runs' / '<id>' / 'log.txt'}", file=sys.stderr)
    tuned: Dict[Tuple[str, str], Dict[str, Any]] = {}
    tried: List[Job] = []
    if plan.trials:
        trials = [
            Trial(row, keys, plans.trial_job(plan, row, dataset, keys))
            for dataset in plan.datasets
            for row in plan.rows
            if row.tuned_as == row.name and row.is_on(dataset)
            for keys in _configurations(plan, row)
        ]
        tried = [trial.job for trial in trials]
        # a report after an interruption keeps the tests of the trials so far
        _write_plan(plan, [*tried, *plans.test_jobs(plan, _best(trials, folder))], folder)
        run_all(tried, folder, at_once, "tuning", show_progress)
        tuned = _best(trials, folder)
    tests = with_ranking_stage(plans.test_jobs(plan, tuned))
    _write_plan(plan, [*tried, *tests], folder)
    run_all(tests, folder, at_once, "runs", show_progress)


def _write_plan(plan: Plan, jobs: List[Job], folder: Path) -> None:
    _write(folder / "plan.yaml", plans.as_yaml(plan, jobs))


def run_all(
    jobs: List[Job], folder: Path, at_once: int, title: str, show_progress: bool = True
) -> None:
    """Run the jobs that have not finished; those that had failed are tried again.

    Jobs of one configuration, which two trials may draw, are one run.
    """
    jobs = list({job.id: job for job in jobs}.values())
    finished = _finished(folder, jobs)
    left = [job for job in jobs if job.id not in finished]
    for job in left:
        _begin(folder, job)
    bar = tqdm(total=len(jobs), initial=len(jobs) - len(left), desc=title, unit="run",
               bar_format=_BAR, disable=not show_progress)  # fmt: skip
    with bar, _Processes(folder) as processes, ThreadPoolExecutor(at_once) as pool:
        pending: Set[Future[None]] = {pool.submit(processes.run, job) for job in left}
        look = LOOK_SECONDS if sys.stderr.isatty() else LOOK_SECONDS_IN_FILE
        try:
            while pending:
                done, pending = wait(pending, look, FIRST_COMPLETED)
                for one in done:
                    one.result()
                bar.set_postfix_str(processes.state(), refresh=False)
                bar.update(len(done))
                bar.refresh()
        except BaseException:
            processes.stop()
            raise


class _Processes:
    """The processes that run, which end when the block does.

    Parameters
    ----------
    folder : Path
        Of the results.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: Dict[str, subprocess.Popen[bytes]] = {}
        self._running: Dict[Path, Tuple[Job, float]] = {}  # with the second of its start
        self._stopped = threading.Event()

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.stop()

    def stop(self) -> None:
        """End what runs, and start nothing more."""
        self._stopped.set()
        for child in list(self._children.values()):
            _end(child)

    def state(self) -> str:
        """Say of each run in progress where it stands."""
        now = time.monotonic()
        return "; ".join(
            f"{job.dataset} {job.row} {job.seed}: " + words(read_progress(home), now - begin)
            for home, (job, begin) in list(self._running.items())
        )

    def run(self, job: Job) -> None:
        """Run one job to its record."""
        if self._stopped.is_set():
            return
        home = _home(self._folder, job)
        forget_progress(home)
        self._running[home] = (job, time.monotonic())
        try:
            reason = self._wait(home, job.time_limit + SPARE_SECONDS)
        finally:
            del self._running[home]
            forget_progress(home)
        if self._stopped.is_set() or (home / "record.json").exists():
            return
        record = {"id": home.name, **job._asdict(), "status": "failed", "reason": reason}
        _write(home / "record.json", json.dumps(record, indent=1))

    def _wait(self, home: Path, seconds: float) -> str:
        """Start the process of a run and wait for its end; return why it may have no record."""
        command = [sys.executable, "-W", "ignore", "-m", RUN]
        with (home / "log.txt").open("wb") as log:
            child = subprocess.Popen(
                [*command, str(home / "job.json")],
                stdin=subprocess.PIPE,  # see `lifeline`
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to deal with
            )
        self._children[home.name] = child
        if self._stopped.is_set():  # `stop` may have come by before the child was listed
            _end(child)
        with child:
            try:
                child.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                return f"it was not over after {seconds:.0f} s"
            finally:
                _end(child)
                del self._children[home.name]
        if child.returncode == -signal.SIGKILL:
            return "it was killed, by the system if memory ran out; see log.txt"
        return f"it ended with exit status {child.returncode}; see log.txt"


def _begin(folder: Path, job: Job) -> None:
    """Write what a run is to do, and remove what a former attempt at it left behind."""
    home = _home(folder, job)
    given = {"checkpoint_dir": str(folder / "checkpoints"), **job.given}
    _write(home / "job.json", json.dumps(job._replace(given=given)._asdict()))
    for name in ("record.json", "ranks.npz"):
        (home / name).unlink(missing_ok=True)


def _configurations(plan: Plan, row: Row) -> List[Dict[str, Any]]:
    """Return what is tried for a row: its defaults, then random draws from its search space.

    All rows of a model have one space, whatever their ranking reader: what differs between two rows
    is no difference of what was tuned. What is fixed for the row is not tuned, nor what does
    nothing in it.
    """
    fixed = plans.fixed_keys(plan, row)
    space = read_space(str(space_file(row.model)))
    space = {key: node for key, node in space.items() if not plans.is_fixed(key, fixed)}
    idle = _idle(plan, row, space) if space else set()
    space = {key: node for key, node in space.items() if key not in idle}
    if not space:
        getLogger().warning(
            f"{row.name}: of the search space of {row.model} nothing is left that its keys and its "
            "preset do not set; it is run once, as it is"
        )
        return [{}]
    try:
        return [{}, *sample(space, plan.trials - 1, seed=0)]
    except InputError as error:
        raise InputError(f"tune: {row.name}, beside its defaults: {error}") from error


def _idle(plan: Plan, row: Row, space: Space) -> Set[str]:
    """Return the keys of a space that do nothing in a row."""
    (tried,) = sample(space, 1, seed=0)
    dataset = next(filter(row.is_on, plan.datasets))
    job = plans.trial_job(plan, row, dataset, tried)
    try:
        config = Config(job.model, dataset, config_dict=job.keys)
    except InputError:  # its runs say what is wrong
        return set()
    return {key for key, _ in idle_keys(config)}


def _best(trials: List[Trial], folder: Path) -> Dict[Tuple[str, str], Dict[str, Any]]:
    """Return what was tried for each data set and row where the validation score was best."""
    best: Dict[Tuple[str, str], Tuple[float, Dict[str, Any]]] = {}
    finished = _finished(folder, [trial.job for trial in trials])
    for row, tried, job in trials:
        if job.id not in finished:
            continue
        record = finished[job.id]
        sign = 1 if record["config"]["valid_metric_bigger"] else -1
        score, where = sign * record["best_valid_score"], (job.dataset, row.name)
        if where not in best or score > best[where][0]:
            best[where] = (score, tried)
    return {where: tried for where, (_, tried) in best.items()}


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End a child and what it has started, if they still run."""
    if child.poll() is None:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _write(path: Path, text: str) -> None:
    with writing(path), whole_file(path) as file:
        file.write(text.encode())


def _home(folder: Path, job: Job) -> Path:
    return folder / "runs" / job.id


def _finished(folder: Path, jobs: List[Job]) -> Dict[str, Dict[str, Any]]:
    """Return the records, by id, of the jobs that have finished and left all a report needs."""
    by_id = {job.id: job for job in jobs}
    runs = read_runs(folder, by_id)
    return {run.folder.name: run.record for run in runs if _counts(run, by_id[run.folder.name])}


def _counts(run: Run, job: Job) -> bool:
    """Tell whether a run need not be repeated.

    One that a shorter limit has stopped is; records of former versions lack the limit.
    """
    if not run.finished:
        return False
    limit = run.record.get("time_limit", job.time_limit)
    if run.record.get("stopped") == "time limit" and limit < job.time_limit:
        return False
    if job.purpose == "test":
        try:
            run.ranks()
        except InputError:
            return False
    return True

"""Several trials at once, on Ray Tune; importing this module loads Ray.

Ray's processes keep the objective function, and with it the data that its trials share, from one
trial to the next. What an algorithm that learns proposes depends on the scores it knows, so that
it is asked for as many proposals as there are workers and told their scores together: an
interrupted search then repeats itself, whichever trial ends first.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ray import cloudpickle, tune
from ray.tune.search import Searcher
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.training.search_space import canonical
from recbole_poem.tune.trials import Record, death
from recbole_poem.tune.tuning import Objective, Proposal, Tuning, attempt


class TrialInWorker(tune.Trainable):
    """A trial as Ray Tune runs it: one step."""

    # Ray's with_parameters hands these to a method whose supertype knows the first alone
    def setup(  # type: ignore[override]
        self, config: Dict[str, Any], objective: bytes, folder: str
    ) -> None:
        """Keep what the trials in this process share; what could fail here, `step` reports."""
        self._pickled, self._folder = objective, folder
        self._shared: Optional[Objective] = None
        self._params = config["params"]

    def step(self) -> Dict[str, Any]:
        """Run the trial."""
        # as text, because Ray Tune flattens dictionaries
        return {"record": json.dumps(attempt(self._objective, self._params)), "done": True}

    def reset_config(self, new_config: Dict[str, Any]) -> bool:
        """Let this process run another trial."""
        self._params = new_config["params"]
        return True

    def _objective(self, params: Dict[str, Any]) -> Dict[str, Any]:
        if self._shared is None:
            os.chdir(self._folder)
            self._shared = cloudpickle.loads(self._pickled)
        return self._shared(params)


class Proposals(Searcher):
    """The proposals of a `Tuning`, in the form in which Ray Tune asks for them.

    Parameters
    ----------
    tuning : Tuning
    at_once : int
        Proposals of an algorithm that learns before it is told their scores.
    bar : tqdm

    Attributes
    ----------
    error : InputError or None
        Why the record of a trial could not be kept; Ray Tune itself would lose its sentence.
    """

    def __init__(self, tuning: Tuning, at_once: int, bar: tqdm) -> None:
        super().__init__()
        self._tuning, self._bar = tuning, bar
        self._batch = at_once if tuning.learns else 1
        self._queue: List[Proposal] = []
        self._running: Dict[str, Proposal] = {}
        self._done: List[Tuple[Proposal, Record]] = []
        self.error: Optional[InputError] = None

    def suggest(self, trial_id: str) -> Any:
        """Return the next configuration that was not tried, None to wait, or the end."""
        if self.error is not None:
            raise self.error
        if self.is_over():
            return Searcher.FINISHED
        running = {canonical(proposal.params) for proposal in self._running.values()}
        if not self._queue or canonical(self._queue[0].params) in running:
            return None
        proposal = self._running[trial_id] = self._queue.pop(0)
        self._tuning.store.begin(proposal.params)
        return {"params": proposal.params}

    def is_over(self) -> bool:
        """Take what the folder answers already; return whether nothing is left to start."""
        while True:
            if not self._queue:
                if self._tuning.learns and self._running:
                    return False
                self._next_batch()
                if not self._queue:
                    return True
            record = self._tuning.store.find(self._queue[0].params)
            if record is None:
                return False
            self._end(self._queue.pop(0), record)

    def on_trial_complete(
        self, trial_id: str, result: Optional[Dict[str, Any]] = None, error: bool = False
    ) -> None:
        """Keep the record of a trial that is over."""
        proposal = self._running.pop(trial_id)
        if result is not None and not error:
            self._tuning.store.end(proposal.params)
            record = json.loads(result["record"])
        else:  # memory ran out, say: a trial itself never raises
            reason = "its process died; where memory ran out, fewer workers need less of it"
            record = death(proposal.params, reason, again=True)
        try:
            self._end(proposal, record)
        except InputError as refused:
            self.error = refused

    def interrupt(self) -> None:
        """End what still runs."""
        for proposal in self._running.values():
            self._tuning.store.end(proposal.params)

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the trials are on disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""

    def _end(self, proposal: Proposal, record: Record) -> None:
        self._tuning.take(record, self._bar)
        self._done.append((proposal, record))

    def _next_batch(self) -> None:
        for proposal, record in sorted(self._done, key=lambda done: done[0].document["tid"]):
            self._tuning.learn(proposal, record)
        self._done = []
        while len(self._queue) < self._batch:
            asked = self._tuning.ask()
            if asked is None:
                break
            self._queue.append(asked)


def run(tuning: Tuning, workers: int) -> None:
    """Run the trials of `tuning`, so many at once, on the Ray that runs already.

    Ctrl-C ends it as it ends any loop; Ray Tune would catch the signal, return, and say nothing.
    """
    trainable = tune.with_parameters(
        TrialInWorker,
        objective=cloudpickle.dumps(tuning.objective_function),
        folder=str(Path.cwd()),
    )
    with tempfile.TemporaryDirectory(prefix="tune-") as folder, tuning.progress() as bar:
        proposals = Proposals(tuning, workers, bar)
        if proposals.is_over():  # Ray Tune fails where it has nothing to run
            return
        try:
            tune.run(
                trainable,
                name="trials",
                search_alg=proposals,
                num_samples=-1,
                max_concurrent_trials=workers,
                reuse_actors=True,
                chdir_to_trial_dir=False,
                storage_path=folder,
                raise_on_failed_trial=False,
                verbose=0,
            )
        finally:  # Ctrl-C is an end as well
            proposals.interrupt()
    if proposals.error is not None:  # of the last trials: Ray Tune asked for no more after them
        raise proposals.error

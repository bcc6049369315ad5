"""RecBole's `HyperTuning`, one proposal at a time: seeded, resumable, and open to parallel trials.

RecBole hands its search to hyperopt's `fmin`, which draws other configurations at each start, ends
with the first trial that fails, and runs one trial at a time. Here the space, the algorithms and
the objective function are RecBole's; the loop asks for a proposal, answers it from the trials on
disk or by running it, and lets the algorithm learn from the answer.
"""

import math
import time
from functools import partial
from traceback import format_exc
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np
from recbole.trainer import HyperTuning
from recbole.trainer.hyper_tuning import _spacesize, exhaustive_search
from tqdm import tqdm

from recbole_poem.core.errors import InputError
from recbole_poem.training.search_space import Space, only_choices, plain_values
from recbole_poem.tune.trials import Record, TrialStore, is_better

#: From a configuration to RecBole's result; see `recbole_poem.objective_function`.
Objective = Callable[[Dict[str, Any]], Dict[str, Any]]

#: Errors that are no configuration's own: a full disk, memory that ran out, a missing package.
_CIRCUMSTANCES = (OSError, MemoryError, ImportError)


class Proposal(NamedTuple):
    """What the algorithm wants to try: its document in hyperopt's history, and the values."""

    document: Dict[str, Any]
    params: Dict[str, Any]


class Tuning(HyperTuning):
    """A search that remembers.

    Parameters
    ----------
    objective : callable
        From the tuned keys to RecBole's result, of which ``best_valid_score``,
        ``best_valid_result`` and ``valid_score_bigger`` are read.
    space : dict
        What `recbole_poem.training.search_space.read_space` returns.
    store : TrialStore
        Where the trials are kept; those it holds already are not run again, but for those that
        failed and were not to blame.
    algo : str
        ``bayes`` (hyperopt's TPE), ``random`` or ``exhaustive``.
    trials : int, optional
        Proposals at most; default: 30, exhaustive: the size of the space.
    seed : int
        Of the proposals.
    early_stop : int, optional
        End after so many trials in a row without a better score.
    on_best : callable, optional
        Called with the record of each trial that is better than all before.

    Raises
    ------
    InputError
        If an exhaustive search is asked for and a key is no choice.
    """

    def __init__(
        self,
        objective: Objective,
        space: Space,
        store: TrialStore,
        algo: str = "bayes",
        trials: Optional[int] = None,
        seed: int = 2020,
        early_stop: Optional[int] = None,
        on_best: Callable[[Record], Any] = lambda record: None,
    ) -> None:
        from hyperopt import Trials
        from hyperopt.base import Domain

        if algo == "exhaustive" and not only_choices(space):
            keys = [key for key in space if not only_choices({key: space[key]})]
            raise InputError(
                f"algo: an exhaustive search needs a choice for every key, and {', '.join(keys)} "
                "is none; take random or bayes"
            )
        super().__init__(objective, space=space, algo=algo, max_evals=trials or 30)
        if algo == "exhaustive":
            size = int(_spacesize(space))
            self.max_evals = min(trials or size, size)
            # RecBole gives up after 1000 draws without a new point: in large grids, too early
            self.algo = partial(exhaustive_search, nbMaxSucessiveFailures=100 * size + 1000)
        #: whether a proposal depends on the scores before it
        self.learns = algo == "bayes"
        self.store, self._on_best, self._early_stop = store, on_best, early_stop
        self._rng = np.random.RandomState(seed)
        self._history, self._domain = Trials(), Domain(None, space)
        self._best: Optional[Record] = None
        self._bar: Optional[tqdm] = None
        self._asked = self._without_progress = 0

    @property
    def records(self) -> List[Record]:
        """Return the trials of the folder, in the order in which they ended."""
        return self.store.records

    def run(self) -> None:
        """Run the trials one after the other in this process."""
        with self.progress() as bar:
            self._bar = bar
            proposal = self.ask()
            while proposal is not None:
                record = self.store.find(proposal.params)
                if record is None:
                    try:
                        self.store.begin(proposal.params)
                        record = attempt(self.objective_function, proposal.params)
                    finally:  # Ctrl-C is an end as well
                        self.store.end(proposal.params)
                self.take(record, bar)
                self.learn(proposal, record)
                proposal = self.ask()

    def ask(self) -> Optional[Proposal]:
        """Return the next proposal, or None when the search is over."""
        from hyperopt import space_eval

        stalled = self._early_stop is not None and self._without_progress >= self._early_stop
        if self._asked >= self.max_evals or stalled:
            return None
        ids = self._history.new_trial_ids(1)
        seed = self._rng.randint(2**31 - 1)
        documents = self.algo(ids, self._domain, self._history, seed)
        if not documents:
            return None
        self._asked += 1
        self._history.insert_trial_docs(documents)
        self._history.refresh()
        document = self._history.trials[-1]
        drawn = {key: value[0] for key, value in document["misc"]["vals"].items()}
        return Proposal(document, plain_values(self.space, space_eval(self.space, drawn)))

    def take(self, record: Record, bar: tqdm) -> None:
        """Keep the record of a trial that is over, and show it."""
        if self.store.find(record["params"]) is None:
            self.store.add(record)
        self._without_progress += 1
        if is_better(record, self._best):
            self._best, self._without_progress = record, 0
            self.best_score, self.best_params = record["score"], record["params"]
            self._on_best(record)
        bar.set_postfix_str(self._best_score(), refresh=False)
        bar.update()

    def watch(self, epoch: int, score: float) -> None:
        """Show the validation score after an epoch of the trial that `run` runs now."""
        if self._bar is not None:
            parts = [self._best_score(), f"this one {score:.4f} after epoch {epoch}"]
            self._bar.set_postfix_str(", ".join(filter(None, parts)))

    def _best_score(self) -> str:
        return "" if self._best is None else f"best {self._best['score']:.4f}"

    def learn(self, proposal: Proposal, record: Record) -> None:
        """Let the algorithm know how a proposal did."""
        import hyperopt

        result: Dict[str, Any] = {"status": hyperopt.STATUS_FAIL}
        if record["score"] is not None:
            loss = -record["score"] if record["bigger"] else record["score"]
            result = {"status": hyperopt.STATUS_OK, "loss": loss}
        proposal.document.update(state=hyperopt.JOB_STATE_DONE, result=result)
        self._history.refresh()

    def progress(self) -> tqdm:
        """Return a bar over the trials."""
        return tqdm(total=int(self.max_evals), desc="trials", unit="trial")


def attempt(objective: Objective, params: Dict[str, Any]) -> Record:
    """Run a trial and return its record, whatever becomes of it; only Ctrl-C passes through."""
    begin = time.monotonic()
    record: Record = {"params": params, "status": "failed", "score": None, "bigger": True}
    try:
        result = objective(dict(params))
        score = float(result["best_valid_score"])
        if not math.isfinite(score):
            raise InputError(f"the validation score is {score}")
    # one bad configuration is no reason to lose the others; the record says what happened
    except Exception as error:
        words = " ".join(str(error).split())
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        again = any(isinstance(one, _CIRCUMSTANCES) for one in (error, error.__cause__))
        record.update(reason=f"{kind}{words}", traceback=format_exc(), again=again)
    else:
        valid = result["best_valid_result"]
        record.update(
            status="finished",
            score=score,
            bigger=bool(result["valid_score_bigger"]),
            valid_result=None if valid is None else {k: float(v) for k, v in valid.items()},
            reason=None,
        )
    record["seconds"] = round(time.monotonic() - begin, 3)
    return record

"""A search from its arguments to its files: what is fixed, what is tuned, and where it runs."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from recbole.trainer import Trainer

from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.files import alone, writing
from recbole_poem.core.renamed import RENAMED
from recbole_poem.core.run_log import end_log
from recbole_poem.core.stage import NONE, Choice, Form
from recbole_poem.core.stages import STAGES
from recbole_poem.core.workers import environment, ray_session
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import begin, trainer_of
from recbole_poem.training.search_space import check_storable, describe, read_space, space_file
from recbole_poem.training.several_processes import PROCESS_KEYS
from recbole_poem.tune.plot import write_plot
from recbole_poem.tune.sharing import SharedPreparation
from recbole_poem.tune.trials import Record, TrialStore
from recbole_poem.tune.tuning import Tuning

_QUIET_TUNE = {
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}


class Best(NamedTuple):
    """What a search found."""

    score: float
    params: Dict[str, Any]
    file: Path
    plot: Path
    n_trials: int
    n_failed: int


class TrialObjective:
    """From tuned keys to RecBole's result; trials in one process share what they can.

    Parameters
    ----------
    keys : dict
        Fixed keys.
    files : list of str
        YAML files with more of them.

    Attributes
    ----------
    watch : callable or None
        Called with epoch and validation score after each epoch.
    """

    def __init__(self, keys: Dict[str, Any], files: List[str]) -> None:
        self._keys, self._files = keys, files
        self.watch: Optional[Callable[[int, float], Any]] = None
        self._preparation = SharedPreparation()

    def __call__(self, params: Dict[str, Any]) -> Dict[str, Any]:
        """Train with `params` and return the best validation score.

        No checkpoint is written, and the test rows are not looked at.
        """
        end_log()
        given = {"show_progress": False, "state": "ERROR", **laid(self._keys, params)}
        config = Config(config_file_list=self._files, config_dict=given)
        experiment = begin(config, self._preparation)
        data = experiment.train_data, experiment.valid_data
        if experiment.valid_data is None:
            raise InputError("eval_args: a search compares validation scores; split off such rows")
        trainer = trainer_of(experiment)
        # RecBole's trainers of decision trees have no epochs
        more = {"callback_fn": self.watch} if isinstance(trainer, Trainer) else {}
        score, result = trainer.fit(*data, saved=False, show_progress=False, **more)
        return {
            "best_valid_score": score,
            "best_valid_result": result,
            "valid_score_bigger": config["valid_metric_bigger"],
        }


class Search:
    """What is fixed and what is tuned.

    Parameters
    ----------
    keys : dict
        Fixed keys, strings read as literals; ``model`` and ``dataset`` are here or in a file.
    files : list of str
        YAML files with more of them; tuned keys replace theirs.
    params_file : str, optional
        RecBole's file of the keys to tune; default: the plugin's own for the model.

    Raises
    ------
    InputError
        For whatever is wrong with a file, a key or a value.
    """

    def __init__(
        self, keys: Dict[str, Any], files: List[str], params_file: Optional[str] = None
    ) -> None:
        self.keys, self.files = keys, files
        self.config = Config(config_file_list=files, config_dict=keys)
        if self.config["resume"] is not None:
            raise InputError("resume: a search continues by itself; leave this key out")
        for key in filter(self.config.is_given, PROCESS_KEYS):
            raise InputError(f"{key}: a trial runs in one process; leave this key out")
        path = params_file or str(space_file(self.config.model, self._reader()))
        self.space = read_space(path)
        single = {stage.key for stage in self.config.stages() if stage.form is Form.ONE}
        for key in self.space:
            if key in keys:
                raise InputError(
                    f"{key}: given for all trials, and tuned in {path}; leave one of them out"
                )
            part = key.rpartition(".")[0]
            is_stated = part.partition(".")[0] in STAGES and self.config.is_given(part)
            is_whole = part in single - set(self.space)
            if (is_stated or is_whole) and self.config.component(part) is None:
                raise InputError(
                    f"{key}: tuned in {path}, and {part} is left out for all trials; take the "
                    "line out of the file, or name another file as params_file"
                )
            self._check_setting(key, path)
        self.config.external_config_dict.update(dict.fromkeys(self.space))
        for key, near in self.config.unknown_keys():
            hint = f"; the nearest known key is '{near}'" if near else ""
            hint = f"; write {RENAMED[key]}" if key in RENAMED else hint
            where = f"params_file: {path}: " if key in self.space else ""
            raise InputError(f"{where}'{key}' is not a key of {self.config.model}{hint}")
        check_storable(self.config.given())

    def _reader(self) -> str:
        """Return the name of the ranking reader of all trials; ``none`` where there is none."""
        reader = self.config.component("ranking_reader")
        return NONE if reader is None else str(reader.name)

    def _check_setting(self, key: str, path: str) -> None:
        """Refuse to tune what a component has not that is chosen for all trials."""
        where, *parts = key.split(".")
        if where not in STAGES:
            return
        words = {"name", STAGES[where].word}
        found = self.config.component(where)
        for part in parts:
            is_tuned = not self.space.keys().isdisjoint({where, *(f"{where}.{w}" for w in words)})
            if is_tuned or not isinstance(found, (dict, Choice)):
                return
            if isinstance(found, Choice) and not hasattr(found.settings, part):
                raise InputError(
                    f"{key}: tuned in {path}, and the {where} {found.name} has no such setting; "
                    "take the line out of the file, or name another file as params_file"
                )
            where = f"{where}.{part}"
            found = self.config.component(where)

    def configuration(self, params: Dict[str, Any]) -> Dict[str, Any]:
        """Return fixed and tuned keys as a configuration file holds them."""
        config = Config(config_file_list=self.files, config_dict=laid(self.keys, params))
        given = config.given()
        return {"model": given.pop("model"), "dataset": given.pop("dataset"), **given}

    def folder(self, output: Optional[str] = None) -> Path:
        """Return the folder of the search: `output`, or ``tune/<model>-<dataset>``."""
        return Path(output or f"tune/{self.config.model}-{self.config.dataset}")

    def run(
        self,
        algo: str = "bayes",
        trials: Optional[int] = None,
        early_stop: Optional[int] = None,
        workers: Optional[int] = None,
        output: Optional[str] = None,
    ) -> Best:
        """Search, or continue the search that the folder holds.

        Parameters
        ----------
        algo, trials, early_stop
            See `Tuning`.
        workers : int, optional
            Run so many trials at once on Ray Tune; None: one after the other in this process.
        output : str, optional
            The folder; default: ``tune/<model>-<dataset>``.

        Raises
        ------
        InputError
            If the folder holds another search or cannot be written, another process searches there,
            Ray cannot be used, or every trial failed.
        """
        folder = self.folder(output)
        with alone(folder / ".lock", "another search is at work here"):
            return self._run(folder, algo, trials, early_stop, workers)

    def _run(
        self,
        folder: Path,
        algo: str,
        trials: Optional[int],
        early_stop: Optional[int],
        workers: Optional[int],
    ) -> Best:
        store = TrialStore(folder, self._identity(algo, workers))

        def keep(best: Record) -> None:
            store.write_best(self.configuration(best["params"]))

        objective = TrialObjective(self.keys, self.files)
        tuning = Tuning(
            objective, self.space, store, algo, trials, self.config["seed"], early_stop, keep
        )
        plot = folder / "trials.html"

        def finish() -> None:
            best = store.best()
            if best is not None:
                keep(best)
            if store.records:
                title = f"{self.config.model}-{self.config.dataset}, {algo}"
                with writing(plot):
                    write_plot(plot, store.records, title)

        try:
            if workers is None:
                objective.watch = tuning.watch
                tuning.run()
            else:
                run_on_ray(tuning, workers)
        except BaseException:  # whatever ended it: what is there can be used
            with suppress(InputError):  # what ended it is what has to be told
                finish()
            raise
        finish()
        best = store.best()
        failed = [record for record in store.records if record["status"] == "failed"]
        if best is None:
            what = f"all {len(failed)} trials failed, the first"
            what = "the only trial failed" if len(failed) == 1 else what
            raise InputError(f"{what}: {failed[0]['reason']}")
        score, params = best["score"], best["params"]
        n_trials = len(store.records)
        return Best(score, params, folder / "best.yaml", plot, n_trials, len(failed))

    def _identity(self, algo: str, workers: Optional[int]) -> Dict[str, Any]:
        """Return what the proposals and the scores depend on."""
        fixed = {k: v for k, v in self.config.given().items() if k not in self.space}
        identity = {
            "model": fixed.pop("model"),
            "dataset": fixed.pop("dataset"),
            "algo": algo,
            "seed": self.config["seed"],
            "keys": fixed,
            "space": describe(self.space),
        }
        # what is proposed together is proposed without knowing each other's scores
        return {**identity, "workers": workers or 1} if algo == "bayes" else identity


def run_on_ray(tuning: Tuning, workers: int) -> None:
    """Run the trials of `tuning` on Ray Tune, so many at once, in processes of this machine.

    Raises
    ------
    InputError
        If Ray or what Ray Tune needs is missing.
    """
    with ray_session(workers), environment(_QUIET_TUNE):
        try:
            from recbole_poem.tune import on_ray
        except ImportError as error:
            raise InputError(
                f"backend: ray.tune cannot be loaded ({error}); install what it needs with "
                "pip install 'recbole_poem[tune]'"
            ) from error
        on_ray.run(tuning, workers)

"""Run, load, tune: the functions that a user calls, in the manner of ``recbole.quick_start``.

That module is never imported: it loads ray.
"""

from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import torch
from recbole.trainer import Trainer
from recbole.utils import EvaluatorType

from recbole_poem.core import recbole_warnings, waiting
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.processes import place_of
from recbole_poem.core.run_log import end_log, say, start_log
from recbole_poem.data.known_tokens import KnownTokens
from recbole_poem.models.idle_keys import idle_keys, idle_settings
from recbole_poem.training import checkpoint
from recbole_poem.training.asked import asked_keys
from recbole_poem.training.baselines import beside, judges_exposures
from recbole_poem.training.checks.new_names import new_names
from recbole_poem.training.config import Config, check_arguments
from recbole_poem.training.experiment import Experiment, Preparation, assemble, prepare
from recbole_poem.training.item_parts import check_goes_on, dense_keys
from recbole_poem.training.loaders import training_split
from recbole_poem.training.model_card import write_card
from recbole_poem.training.progress import EpochLines
from recbole_poem.training.registry import get_trainer
from recbole_poem.training.restoring import check_same_data, check_same_model, load_weights
from recbole_poem.training.several_processes import launched, repeats_in_words, run_on_several
from recbole_poem.training.trainer import TrainingMixin
from recbole_poem.training.words import model_words, protocol_words


class Finished(NamedTuple):
    """A training that has come to its end.

    Attributes
    ----------
    result : dict
        What `run_recbole_poem` returns.
    experiment : Experiment or None
        With the weights that were tested; None where several processes trained.
    trainer : Trainer or None
        Likewise.
    """

    result: Dict[str, Any]
    experiment: Optional[Experiment] = None
    trainer: Optional[Trainer] = None


def run_recbole_poem(
    model: Optional[str] = None,
    dataset: Optional[str] = None,
    config_file_list: Optional[List[str]] = None,
    config_dict: Optional[Dict[str, Any]] = None,
    saved: bool = True,
    callback_fn: Optional[Callable[[int, float], Any]] = None,
) -> Dict[str, Any]:
    """Train a model of the plugin or of RecBole to early stopping, and test it.

    Parameters
    ----------
    model, dataset : str, optional
        Names; default: the keys of the files or the dictionary.
    config_file_list : list of str, optional
        YAML files.
    config_dict : dict, optional
        Keys and values; ``resume`` continues a checkpoint (``latest``: the youngest one of
        ``checkpoint_dir``), whose keys then hold where none is given, and ``nproc`` trains on
        several processes.
    saved : bool
        Whether to write a checkpoint. Without one the model of the last epoch is tested.
    callback_fn : callable, optional
        Called after every evaluated epoch with its number, from 0, and its validation score, when
        the checkpoint has been written. On several processes it is not called.

    Returns
    -------
    dict
        ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result``, ``test_result`` as
        RecBole's, and ``model_file``, the checkpoint (None without one).

    Raises
    ------
    InputError
        For whatever is wrong with a file, a column, a key or a value.
    """
    try:
        finished = train(model, dataset, config_file_list, config_dict, saved, callback_fn)
        result = finished.result
        if finished.trainer is not None:
            say("test", ", ".join(f"{k} {v}" for k, v in (result["test_result"] or {}).items()))
            say("saved", str(result["model_file"]))
    finally:
        end_log()
    return result


def train(
    model: Optional[str] = None,
    dataset: Optional[str] = None,
    config_file_list: Optional[List[str]] = None,
    config_dict: Optional[Dict[str, Any]] = None,
    saved: bool = True,
    callback_fn: Optional[Callable[[int, float], Any]] = None,
) -> Finished:
    """Train and test as `run_recbole_poem` does, and return what it was done with as well.

    The log of the run stays open for what is still to be said; `end_log` closes it.

    Raises
    ------
    InputError
        For whatever is wrong with a file, a column, a key or a value.
    """
    check_arguments(model, config_file_list, config_dict)
    given = asked_keys(config_file_list or [], config_dict or {}, dataset)
    model = given.pop("model", None) if model is None else model
    dataset = given.pop("dataset", None) if dataset is None else dataset
    if launched(given)["world_size"] > 1:
        run = partial(_result, model, dataset, config_file_list, saved)
        return Finished(run_on_several(run, given))
    return _run(model, dataset, config_file_list, given, saved, callback_fn)


def tested_beside(finished: Finished) -> Dict[str, Dict[str, float]]:
    """Test what needs no training as the model of a run was tested; its model card says it too.

    See `recbole_poem.training.baselines.beside`. Nothing where several processes trained.
    """
    result, experiment, trainer = finished
    if experiment is None or trainer is None:
        return {}
    found = beside(trainer, experiment)
    if result["model_file"] is not None:
        write_card(experiment, trainer, result, found)
    return found


@recbole_warnings.ignored()
def _run(
    model: Optional[str],
    dataset: Optional[str],
    config_file_list: Optional[List[str]],
    config_dict: Dict[str, Any],
    saved: bool,
    callback_fn: Optional[Callable[[int, float], Any]] = None,
) -> Finished:
    config = Config(model, dataset, config_file_list, config_dict)
    experiment = begin(config)
    trainer = trainer_of(experiment)
    if isinstance(trainer, TrainingMixin):
        trainer.progress = EpochLines(config)
    best_valid_score, best_valid_result = trainer.fit(
        experiment.train_data,
        experiment.valid_data,
        saved=saved,
        callback_fn=callback_fn,
    )
    test_result = trainer.evaluate(experiment.test_data, load_best_model=saved)
    result = {
        "best_valid_score": best_valid_score,
        "valid_score_bigger": config["valid_metric_bigger"],
        "best_valid_result": best_valid_result,
        "test_result": test_result,
        "model_file": trainer.saved_model_file if saved else None,
    }
    if saved and place_of(config) == 0:
        write_card(experiment, trainer, result)
    getLogger().info(f"best valid : {best_valid_result}")
    getLogger().info(f"test result: {test_result}")
    getLogger().info(f"checkpoint : {result['model_file']}")
    return Finished(result, experiment, trainer)


def _result(
    model: Optional[str],
    dataset: Optional[str],
    config_file_list: Optional[List[str]],
    saved: bool,
    config_dict: Dict[str, Any],
) -> Dict[str, Any]:
    """Return the result of a run, which another process can be sent."""
    return _run(model, dataset, config_file_list, config_dict, saved).result


def begin(config: Config, preparation: Preparation = prepare) -> Experiment:
    """Start the log of a run, and `assemble` what it needs; say what it is."""
    folder = Path(config["checkpoint_dir"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: this folder cannot be made: {error.strerror}") from error
    logger = getLogger()
    path = start_log(config)
    logger.info(config)
    say("log", f"{path} (all keys are there; --verbose shows them here)")
    for key, near in config.unknown_keys():
        hint = f"; the nearest known key is '{near}'" if near else ""
        logger.warning(f"'{key}' is not a key of {config.model} or RecBole, and does nothing{hint}")
    for key, why in [*idle_keys(config), *idle_settings(config)]:
        logger.warning(f"'{key}' does nothing: {why}")
    for key, near in new_names(config):
        logger.warning(f"'{key}' is a new name; the nearest that there was already is '{near}'")
    experiment = assemble(config, preparation)
    by_value = config["eval_type"] == EvaluatorType.VALUE and not judges_exposures(experiment)
    if by_value and not config["single_spec"]:
        for phase, data in (("valid", experiment.valid_data), ("test", experiment.test_data)):
            for words in repeats_in_words(data, phase, config["world_size"]):
                logger.warning(words)
    late = waiting.warning(torch.get_num_threads())
    if late:
        logger.warning(late)
    say("model", model_words(config, experiment.model))
    say("protocol", protocol_words(config))
    logger.info(experiment.dataset)
    logger.info(experiment.model)
    return experiment


def trainer_of(experiment: Experiment) -> Trainer:
    """Return the trainer of an experiment; with ``resume``, where its checkpoint left off."""
    config = experiment.config
    trainer = get_trainer(config)(config, experiment.model)
    if config["resume"] is not None:
        state = checkpoint.read(config["resume"])
        check_same_model(state, config.model, config["resume"])
        check_same_data(state, training_split(experiment.train_data), config["resume"])
        _check_same_evaluation(state["keys"], config)
        check_goes_on(experiment.model, state, config["resume"])
        trainer.resume_checkpoint(config["resume"])
    return trainer


def _check_same_evaluation(keys: Dict[str, Any], config: Config) -> None:
    """Refuse to validate a resumed run in another way: its best score would be another thing."""
    given = dict(keys)
    then = Config(given.pop("model"), given.pop("dataset"), config_dict=given)
    judged = ["eval_args", "valid_metric", "mask_seen", "rerankers", "logit_terms"]
    judged += ["hide_target", "shuffle_scores", "shuffle_rankings"]
    for key in judged + (["targets"] if config.model == "MultiTaskRanker" else []):
        if str(config[key]).lower() != str(then[key]).lower():
            raise InputError(
                f"{key}: the run that is resumed was validated with {then[key]!r}, not "
                f"{config[key]!r}, and its best score stands; leave the key out, or train anew"
            )


@recbole_warnings.ignored()
def load(path: str, config_dict: Optional[Dict[str, Any]] = None) -> Experiment:
    """Return the experiment whose best epoch a checkpoint holds.

    Its data set may have changed since: the rows may come in another order, and users may be new,
    unless the model has weights for each, or missing. The items have to be those of the training.
    Rows of equal time are taken in the order of the file.

    Parameters
    ----------
    path : str
        The checkpoint; ``latest``: the youngest one of ``checkpoint_dir``.
    config_dict : dict, optional
        Keys to change, such as ``data_path``, ``gpu_id`` or ``mask_seen``.

    Raises
    ------
    InputError
        If the file is missing, cut short or foreign, or does not fit its data set any more.
    """
    check_arguments(None, None, config_dict)
    path = checkpoint.located(path, config_dict or {})
    state = checkpoint.read(path)
    given = laid(state["keys"], config_dict or {}, dense_keys(state))
    model, dataset = given.pop("model"), given.pop("dataset")
    given.pop("nproc", None)
    known = KnownTokens(str(path), state["tokens"])
    config = Config(model, dataset, config_dict=given)
    experiment = assemble(config, partial(prepare, known=known))
    load_weights(experiment.model, state, path, experiment.dataset)
    return experiment


def objective_function(
    config_dict: Optional[Dict[str, Any]] = None,
    config_file_list: Optional[List[str]] = None,
    saved: bool = True,
) -> Dict[str, Any]:
    """Train and test one configuration: the function that RecBole's `HyperTuning` calls."""
    end_log()
    given = {"show_progress": False, "state": "ERROR", **(config_dict or {})}
    result = run_recbole_poem(config_file_list=config_file_list, config_dict=given, saved=saved)
    return {"model": given.get("model"), **result}

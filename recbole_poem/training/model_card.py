"""A model card: what a checkpoint was trained on, how it was judged, and what it cannot do.

It lies beside the checkpoint, ``<checkpoint>.md``, in Markdown and plain words. A training writes
it once the test is done, and a training that is resumed writes it anew. All of it comes from the
run itself; keys that say where things lie on a machine are left out.
"""

from logging import getLogger
from pathlib import Path
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from recbole.utils import ModelType

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file
from recbole_poem.core.plurals import counted
from recbole_poem.core.stack import installed
from recbole_poem.core.times import span_in_words
from recbole_poem.data.split_sizes import predicted_words, split_words
from recbole_poem.training.baselines import counted_targets
from recbole_poem.training.checks.known_keys import OF_MACHINE
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment
from recbole_poem.training.loaders import training_split
from recbole_poem.training.words import n_parameters, protocol_words

_PACKAGES = ("recbole_poem", "recbole", "torch")

Metrics = Mapping[str, float]


class Measured(NamedTuple):
    """What came of a training.

    Attributes
    ----------
    valid, test : mapping
        Metrics; None where there were no such rows.
    beside : mapping
        Names of what needs no training to its metrics of the test rows.
    best_epoch : int, optional
        From 0, of the weights that are kept.
    """

    valid: Optional[Metrics]
    test: Optional[Metrics]
    beside: Mapping[str, Metrics]
    best_epoch: Optional[int]


def path_of(checkpoint: str) -> Path:
    """Return where the card of a checkpoint lies."""
    return Path(f"{checkpoint}.md")


def write_card(
    experiment: Experiment,
    trainer: Any,
    result: Mapping[str, Any],
    beside: Optional[Mapping[str, Metrics]] = None,
) -> None:
    """Write the card beside the checkpoint of a finished training, in place of an earlier one.

    The checkpoint is there already. Whatever goes wrong with the card is warned of, and the
    training ends as it would have; a card that was there stays.

    Parameters
    ----------
    experiment : Experiment
    trainer : Trainer
    result : mapping
        Of the training; see `recbole_poem.training.quick_start.run_recbole_poem`.
    beside : mapping, optional
        See `Measured`.
    """
    path = path_of(result["model_file"])
    measured = Measured(
        result["best_valid_result"],
        result["test_result"],
        beside or {},
        getattr(trainer, "best_epoch", None),
    )
    try:
        words = card(experiment, path.stem, measured)
        with whole_file(path) as file:
            file.write(words.encode("utf-8"))
    except Exception as error:  # no card is worth a training
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        getLogger().warning(f"{path}: no model card is written, the checkpoint is whole: {reason}")


def card(experiment: Experiment, name: str, measured: Measured) -> str:
    """Return the card of a model as Markdown.

    Parameters
    ----------
    experiment : Experiment
        With the weights that were tested.
    name : str
        Of the file of the checkpoint.
    measured : Measured
    """
    config = experiment.config
    versions = ", ".join(f"{package} {installed(package)}" for package in _PACKAGES)
    size = n_parameters(experiment.model)
    epoch = "" if measured.best_epoch is None else f" of epoch {measured.best_epoch + 1}"
    parts = [
        f"# {config['model']} on {config['dataset']}",
        f"`{name}` holds {counted(size, 'weight')}{epoch}. It was trained with the seed "
        f"{config['seed']}, by {versions}.",
        "## Data",
        _lines(_data(experiment)),
        "## Protocol",
        _lines(protocol_words(config).split("; ")),
        "## Keys that differ from the defaults",
        _keys(differing(config)),
        "## Metrics",
        _metrics(config["model"], measured),
        "## Limits",
        _lines(limits(experiment)),
    ]
    return "\n\n".join(parts) + "\n"


# -- data -----------------------------------------------------------------------------------------


def _data(experiment: Experiment) -> List[str]:
    dataset, config = experiment.dataset, experiment.config
    log, unit = getattr(dataset, "log", None), config["time_unit"]
    n_rows = len(dataset.inter_feat) if log is None else len(log)
    words = (
        f"{config['dataset']}: {counted(n_rows, 'row')} of {counted(dataset.user_num - 1, 'user')} "
        f"and {counted(dataset.item_num - 1, 'item')}"
    )
    if log is not None and n_rows:
        words += f", {span_in_words(log.time, unit)} UTC (`time_unit: {unit}`)"
    held_out = [experiment.valid_data, experiment.test_data]
    splits = [training_split(experiment.train_data)]
    splits += [loader._dataset for loader in held_out if loader is not None]
    told = [words, f"predicted: {predicted_words(config)}"]
    if len(splits) == 3:
        told.append(split_words(dataset, splits))
    targets = counted_targets(experiment.test_data._dataset)
    if targets is not None and targets.n_rows:
        share = targets.n_seen / targets.n_rows
        told.append(f"{share:.1%} of the test targets had been seen by their user before")
    return told


# -- keys -----------------------------------------------------------------------------------------


def differing(config: Any) -> List[Tuple[str, Any, Any]]:
    """List the keys that are not as they are by default, with both values; parts by dotted keys.

    Defaults are those of model and data set. Where these alone are no run, as where a data set
    needs a key, the keys that were given are listed, with None for the default.
    """
    given = config.given()
    kept = {key: given[key] for key in ("data_path",) if key in given}
    try:
        usual = Config(config["model"], config["dataset"], config_dict={**kept, "use_gpu": False})
    except InputError:
        found = [(key, given[key], None) for key in sorted(given)]
    else:
        found = _differences(config.final_config_dict, usual.final_config_dict)
    return [row for row in found if row[0].partition(".")[0] not in OF_MACHINE]


def _differences(
    here: Mapping[str, Any], usual: Mapping[str, Any], where: str = ""
) -> List[Tuple[str, Any, Any]]:
    """List in which parts two mappings differ; another component differs as a whole."""
    found: List[Tuple[str, Any, Any]] = []
    for name in sorted({*here, *usual}, key=str):
        own, other, key = here.get(name), usual.get(name), f"{where}{name}"
        if isinstance(own, Mapping) and isinstance(other, Mapping) and _are_alike(own, other):
            found += _differences(own, other, f"{key}.")
        elif own != other:
            found.append((key, own, other))
    return found


def _are_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two blocks are of one component, and neither is empty."""
    return bool(one and other) and one.get("name") == other.get("name")


def _keys(rows: Sequence[Tuple[str, Any, Any]]) -> str:
    if not rows:
        return "None: all keys are as they are by default."
    cells = [[f"`{key}`", _value(value), _value(default)] for key, value, default in rows]
    return _table(["key", "here", "by default"], cells)


def _value(value: Any) -> str:
    return "-" if value is None else f"`{value}`"


# -- metrics --------------------------------------------------------------------------------------


def _metrics(model: str, measured: Measured) -> str:
    columns = {f"{model}, validation": measured.valid, f"{model}, test": measured.test}
    columns.update({f"{name}, test": metrics for name, metrics in measured.beside.items()})
    there = {name: metrics for name, metrics in columns.items() if metrics}
    if not there:
        return "Nothing was measured."
    rows = list(dict.fromkeys(metric for metrics in there.values() for metric in metrics))
    cells = [[metric, *(_number(of.get(metric)) for of in there.values())] for metric in rows]
    return _table(["", *there], cells)


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.4f}"


# -- limits ---------------------------------------------------------------------------------------


def limits(experiment: Experiment) -> List[str]:
    """List what a reader has to know before the model is used."""
    config, n_items = experiment.config, experiment.dataset.item_num - 1
    found = [
        "The metrics are of one seed and one split, and have no interval. "
        "`recbole-poem benchmark` makes comparisons that have one.",
        f"It knows {counted(n_items, 'item')}. What came later is unknown to it until it is "
        "trained anew.",
    ]
    if config["MODEL_TYPE"] == ModelType.SEQUENTIAL:
        found.append(
            "It reads histories, and knows no user. Who has none is offered what is popular."
        )
    else:
        found.append("It knows its users by number, and nobody who came later.")
    if not config["mask_seen"] and config["MODEL_TYPE"] == ModelType.SEQUENTIAL:
        found.append(
            "Items that the user had before were candidates in its test, and `recommend` leaves "
            "them out unless it is told `--keep_seen`."
        )
    if getattr(experiment.model, "ranking_side", None) is not None:
        found.append(_of_rankings(config))
    for key in ("hide_target", "shuffle_scores", "shuffle_rankings"):
        if config[key]:
            found.append(f"**A control** (`{key}`): it is for comparisons, and never for use.")
    found.append("The licence of the data, and whether it may be used so, is not known here.")
    return found


def _of_rankings(config: Any) -> str:
    source = config.component("ranking_source").name
    made = {
        "logged": "the rankings of the log itself",
        "item_to_item": "rankings that item-to-item similarities made of the same log",
    }.get(source, f"rankings that `{source}` made of the same log")
    return f"It learned from {made}. Another ranking stage in its place is another model."


# -- Markdown -------------------------------------------------------------------------------------


def _lines(words: Sequence[str]) -> str:
    return "\n".join(f"- {each}" for each in words)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

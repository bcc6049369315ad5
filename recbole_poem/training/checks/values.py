"""Flat keys out of their ranges, and a metric that is none of those asked for."""

from typing import Any, Dict, Type

from recbole.evaluator.register import metric_types
from recbole.utils import EvaluatorType

from recbole_poem.core.errors import InputError
from recbole_poem.core.overall import RECBOLE_KEYS, OverallKeys
from recbole_poem.core.settings import Range, ranges_of


def own_ranges(model: Type[Any]) -> Dict[str, Range]:
    """Return the ranges of the flat keys that a model class of the plugin brings."""
    keys = getattr(model, "keys", None)
    return {} if keys is None else ranges_of(keys)


def ruled_keys(model: Type[Any]) -> Dict[str, Range]:
    """Return the ranges of all flat keys that have one."""
    return {**RECBOLE_KEYS, **ranges_of(OverallKeys), **own_ranges(model)}


def check_values(model: Type[Any], config: Dict[str, Any]) -> None:
    """Refuse the first flat key of a final configuration whose value is out of range.

    Raises
    ------
    InputError
        Naming the key.
    """
    for key, within in ruled_keys(model).items():
        if not within.holds(config.get(key)):
            raise InputError(f"{key}: expected {within.words}, not {config.get(key)!r}")
    name, _, k = str(config["valid_metric"]).partition("@")
    metric = name.lower()
    known = [str(name).lower() for name in config["metrics"]]
    if metric not in known or (k and k not in map(str, config["topk"])):
        hint = f"; give one that is, such as {name}@{config['topk'][0]}" if metric in known else ""
        raise InputError(
            f"valid_metric: {config['valid_metric']} is none of metrics {config['metrics']} at "
            f"topk {config['topk']}{hint}"
        )
    is_ranking = metric_types.get(metric) == EvaluatorType.RANKING
    if is_ranking and not k and metric != "gauc":
        at = f"{config['valid_metric']}@{config['topk'][0]}"
        raise InputError(f"valid_metric: {config['valid_metric']} is of a list; write {at}")

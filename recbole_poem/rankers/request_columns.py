"""Columns of the log that a ranker knows of a request before anything is shown.

A column has to be there, and be one number or one token a row. It has to stand when the request is
made: what came of the row is refused, and so is what tells the item that was shown.
"""

from typing import Any, Dict, List

import numpy as np
import torch
from recbole.utils import FeatureType

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.feature_fields import Field


def columns_read(config: Any) -> List[str]:
    """List the columns that the inputs of a configuration read of a request, each once."""
    chosen = (config.component("ranker_input") or {}).values()
    read = [name for choice in chosen for name in getattr(choice.settings, "columns", [])]
    return list(dict.fromkeys(read))


def request_fields(config: Any, log: RequestLog) -> List[Field]:
    """Return the columns that the inputs of a configuration read of a request.

    Parameters
    ----------
    config : Config
        Of a ranker, or of a run that trains some.
    log : RequestLog
        R rows.

    Returns
    -------
    C fields of R values.

    Raises
    ------
    InputError
        Naming the column, for one that is not there, says what came of a row, or tells its item.
    """
    fields = [_field(log, name) for name in columns_read(config)]
    if fields:
        _refuse_outcomes(config, [field.name for field in fields])
    for field in fields:
        _refuse_item(field, log)
    return fields


def context_of(config: Any, log: RequestLog) -> np.ndarray:
    """Return what is known of each row's request, (R, C) float64; see `request_fields`."""
    fields = request_fields(config, log)
    context = np.empty((len(log), len(fields)))
    for place, field in enumerate(fields):
        context[:, place] = field.values.numpy()
    return context


_WHERE = "ranker_input.request_context.columns"


def _field(log: RequestLog, name: str) -> Field:
    if name in log.tokens:
        return Field(name, FeatureType.TOKEN.value, torch.from_numpy(log.tokens[name]))
    if name in log.values:
        return Field(name, FeatureType.FLOAT.value, torch.from_numpy(log.values[name]))
    there = sorted([*log.tokens, *log.values])
    raise InputError(
        f"{_WHERE}: the .inter file has no token or float column '{name}' among those loaded "
        f"({', '.join(there)}){nearest(name, there)}; name it in load_col, or mend the key"
    )


def _refuse_outcomes(config: Any, names: List[str]) -> None:
    told = _outcomes(config)
    wrong = [name for name in names if name in told]
    if wrong:
        keys = ", ".join(dict.fromkeys(told[name] for name in wrong))
        raise InputError(
            f"{_WHERE}: {', '.join(wrong)} (see {keys}) says what came of a row, which no request "
            "knows; name what stands before anything is shown"
        )


def _outcomes(config: Any) -> Dict[str, str]:
    """Return the columns that say what came of a row, each with the key that names it."""
    conditions = [("positive_feedback", config["positive_feedback"])]
    for key in ("objectives", "targets"):
        for name, choice in (config.component(key) or {}).items():
            for setting_name in ("feedback", "other"):  # of some targets the answer gives way
                feedback = getattr(choice.settings, setting_name, None)
                listed = feedback if isinstance(feedback, list) else [feedback]
                conditions += [(f"{key}.{name}", condition) for condition in listed]
    columns = {column: key for key, condition in conditions for column in condition or {}}
    watch_time = config["watch_time"] or {}
    watched = [watch_time[name] for name in ("play", "duration") if name in watch_time]
    return {**columns, **dict.fromkeys(watched, "watch_time")}


def _refuse_item(field: Field, log: RequestLog) -> None:
    """Refuse a column that has one value an item: it tells which one was shown.

    Only where items come again and values differ can that be seen.
    """
    values = np.nan_to_num(field.values.numpy(), nan=np.inf)
    order = np.argsort(log.item, kind="stable")
    item, value = log.item[order], values[order]
    again = item[1:] == item[:-1]
    same = value[1:] == value[:-1]
    if again.any() and same[again].all() and not same.all():
        raise InputError(
            f"{_WHERE}: '{field.name}' has one value for all rows of an item, so it tells which "
            "item was shown; load it as a column of .item instead"
        )

"""The flat keys that hold for every model: the plugin's own, and the ranges of RecBole's."""

import re
from dataclasses import dataclass
from typing import Any, Dict, Optional

from recbole_poem.core.intervals import WORDS, is_interval
from recbole_poem.core.number_types import is_whole_number
from recbole_poem.core.settings import (
    ABOVE_0,
    ANY,
    FLAG,
    FROM_0,
    PROBABILITY,
    TEXT,
    Range,
    at_least,
    one_of,
    or_nothing,
    setting,
)

_OFFSET = Range(lambda v: is_whole_number(v) and abs(v) < 86400, "seconds of less than a day")
_COUNTED = {"users", "items", "interactions"}


def _are_counts(value: Any) -> bool:
    is_mapping = isinstance(value, dict) and set(value) <= _COUNTED
    return is_mapping and all(map(at_least(0).holds, value.values()))


_COUNTS = Range(_are_counts, "a mapping of users, items or interactions to whole numbers")


@dataclass(frozen=True)
class OverallKeys:
    """The plugin's keys for every model that the command runs, RecBole's models included."""

    mask_seen: bool = setting(
        False, FLAG, "rank seen items last in full evaluation of sequential models"
    )
    lazy_sequences: bool = setting(
        False, FLAG, "cut the windows of RecBole's models when a batch is made: less memory"
    )
    flat_store: str = setting(
        "auto",
        one_of("auto", "always", "never"),
        "map the log from <dataset>.flat: where it is and fits, in any case, or not at all",
    )
    positive_feedback: Any = setting(
        None, ANY, 'rows to predict, {rating: "[4,inf)"}; others stay context; ~ = every row'
    )
    time_unit: str = setting("s", one_of("s", "ms"), "unit of the time field, since 1970")
    utc_offset: int = setting(0, _OFFSET, "seconds that the users' clocks are ahead of UTC")
    watch_time: Any = setting(
        None, ANY, "columns of watch labels: {play: play_ms, duration: ms, unit: ms, buckets: 30}"
    )
    expected_counts: Any = setting(
        None, or_nothing(_COUNTS), "counts that must be left after the filters"
    )
    category_field: Optional[str] = setting(
        None, or_nothing(TEXT), "column of .item that holds an item's categories"
    )
    ema_decay: float = setting(
        0, PROBABILITY, "decay, per step, of the average of the weights that is evaluated; 0 = off"
    )
    threads: Optional[int] = setting(
        None, or_nothing(at_least(1)), "CPU threads of torch; ~ = torch's own choice"
    )
    ray: Optional[int] = setting(
        None, or_nothing(at_least(1)), "Ray workers that build cache and graph; ~ = threads here"
    )
    resume: Optional[str] = setting(None, ANY, "checkpoint of an interrupted run to continue")
    verbose: bool = setting(
        False, FLAG, "show the whole log in the terminal, all keys and RecBole's lines included"
    )


def _are_gpus(value: Any) -> bool:
    """Tell whether this names GPUs as CUDA does: numbers, or names such as GPU-8932f937."""
    names = value if isinstance(value, (list, tuple)) else str(value).split(",")
    return names == [""] or all(
        re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", str(name).strip()) for name in names
    )


def _any_case(*names: str) -> Range:
    words = "one of " + ", ".join(names)
    return Range(lambda v: isinstance(v, str) and v.lower() in names, words)


_INTERVAL = Range(lambda v: v is None or is_interval(v), f"{WORDS}; or ~")

#: RecBole's own keys -> the values that they take
RECBOLE_KEYS: Dict[str, Range] = {
    "user_inter_num_interval": _INTERVAL,
    "item_inter_num_interval": _INTERVAL,
    "entity_kg_num_interval": _INTERVAL,
    "relation_kg_num_interval": _INTERVAL,
    "rm_dup_inter": Range(lambda v: v in (None, "first", "last"), "first, last or ~"),
    "filter_inter_by_user_or_item": FLAG,
    "seed": Range(
        lambda v: is_whole_number(v) and 0 <= v < 2**31, "a whole number from 0, below 2^31"
    ),
    "epochs": at_least(0),
    "learning_rate": ABOVE_0,
    "weight_decay": FROM_0,
    "learner": _any_case("adam", "adamw", "sgd", "adagrad", "rmsprop"),
    "state": _any_case("debug", "info", "warning", "error", "critical"),
    "worker": at_least(0),
    "gpu_id": Range(_are_gpus, "numbers of GPUs such as 0 or 0,1, or nothing for the CPU"),
    "train_batch_size": at_least(1),
    "eval_batch_size": at_least(1),
    "eval_step": Range(is_whole_number, "a whole number"),
    "stopping_step": at_least(0),
}

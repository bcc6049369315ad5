"""The ranges of the plugin's keys, so that a wrong value is refused by name before any work."""

import re
from typing import Any, Callable, Dict, NamedTuple

from recbole.evaluator.register import metric_types
from recbole.utils import EvaluatorType

from recbole_poem.core.errors import InputError
from recbole_poem.core.intervals import WORDS, is_interval
from recbole_poem.core.number_types import is_number, is_whole_number


class _Rule(NamedTuple):
    holds: Callable[[Any], bool]
    words: str


def _are_windows(values: Any) -> bool:
    """Tell whether these are hours, or pairs of hours and a weight; and windows of every day."""
    if not isinstance(values, list) or not values:
        return False
    lately = [value for value in values if not _is_daily(value)]
    return all(map(_POSITIVE.holds, lately)) or all(map(_is_weighed, lately))


def _is_weighed(pair: Any) -> bool:
    is_pair = isinstance(pair, list) and len(pair) == 2
    return is_pair and _POSITIVE.holds(pair[0]) and _WEIGHT.holds(pair[1])


def _is_daily(triple: Any) -> bool:
    if not isinstance(triple, list) or len(triple) != 3:
        return False
    hours, weight, days = triple
    is_odd = is_whole_number(hours) and hours in range(1, 24, 2)
    return is_odd and _WEIGHT.holds(weight) and _POSITIVE.holds(days)


def _are_gpus(value: Any) -> bool:
    """Tell whether this names GPUs as CUDA does: numbers, or names such as GPU-8932f937."""
    names = value if isinstance(value, (list, tuple)) else str(value).split(",")
    return names == [""] or all(
        re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", str(name).strip()) for name in names
    )


_FLAG = _Rule(lambda v: isinstance(v, bool), "True or False")
_FROM_0 = _Rule(lambda v: is_whole_number(v) and v >= 0, "a whole number from 0")
_FROM_1 = _Rule(lambda v: is_whole_number(v) and v >= 1, "a whole number from 1")
_FROM_2 = _Rule(lambda v: is_whole_number(v) and v >= 2, "a whole number from 2")
_FROM_1_OR_NONE = _Rule(lambda v: v is None or _FROM_1.holds(v), "a whole number from 1, or ~")
_NAME_OR_NONE = _Rule(lambda v: v is None or isinstance(v, str), "a name, or ~")
_COUNTS = _Rule(
    lambda v: (
        v is None
        or (
            isinstance(v, dict)
            and set(v) <= {"users", "items", "interactions"}
            and all(map(_FROM_0.holds, v.values()))
        )
    ),
    "a mapping of users, items or interactions to whole numbers, or ~",
)
_CAP = _Rule(lambda v: v is None or _FROM_1.holds(v), "a whole number from 1, or ~ for all")
_WEIGHT = _Rule(lambda v: is_number(v) and v >= 0, "a number from 0")
_POSITIVE = _Rule(lambda v: is_number(v) and v > 0, "a number above 0")
_SHARE = _Rule(lambda v: is_number(v) and 0 <= v <= 1, "a number from 0 to 1")
_SIZES = _Rule(
    lambda v: isinstance(v, list) and all(map(_FROM_1.holds, v)), "a list of whole numbers from 1"
)
_LEARNERS = ("adam", "adamw", "sgd", "adagrad", "rmsprop")
_STATES = ("debug", "info", "warning", "error", "critical")
_PROBABILITY = _Rule(lambda v: is_number(v) and 0 <= v < 1, "a number from 0, below 1")
_INTERVAL = _Rule(lambda v: v is None or is_interval(v), f"{WORDS}; or ~")


def _one_of(*names: str) -> _Rule:
    return _Rule(lambda v: v in names, "one of " + ", ".join(names))


def _any_case(*names: str) -> _Rule:
    return _Rule(lambda v: isinstance(v, str) and v.lower() in names, "one of " + ", ".join(names))


#: of the keys that hold for every model
OVERALL_RULES: Dict[str, _Rule] = {
    "user_inter_num_interval": _INTERVAL,
    "item_inter_num_interval": _INTERVAL,
    "entity_kg_num_interval": _INTERVAL,
    "relation_kg_num_interval": _INTERVAL,
    "rm_dup_inter": _Rule(lambda v: v in (None, "first", "last"), "first, last or ~"),
    "filter_inter_by_user_or_item": _FLAG,
    "mask_seen": _FLAG,
    "lazy_sequences": _FLAG,
    "category_field": _NAME_OR_NONE,
    "time_unit": _one_of("s", "ms"),
    "utc_offset": _Rule(
        lambda v: is_whole_number(v) and abs(v) < 86400, "seconds of less than a day"
    ),
    "expected_counts": _COUNTS,
    "threads": _FROM_1_OR_NONE,
    "ray": _FROM_1_OR_NONE,
    "seed": _Rule(
        lambda v: is_whole_number(v) and 0 <= v < 2**31, "a whole number from 0, below 2^31"
    ),
    "epochs": _FROM_0,
    "learning_rate": _POSITIVE,
    "weight_decay": _WEIGHT,
    "learner": _any_case(*_LEARNERS),
    "state": _any_case(*_STATES),
    "worker": _FROM_0,
    "gpu_id": _Rule(_are_gpus, "numbers of GPUs such as 0 or 0,1, or nothing for the CPU"),
    "ema_decay": _PROBABILITY,
    "train_batch_size": _FROM_1,
    "eval_batch_size": _FROM_1,
    "eval_step": _Rule(is_whole_number, "a whole number"),
    "stopping_step": _FROM_0,
}

#: of the keys of POEM, and of the ranking stage alone
POEM_RULES: Dict[str, _Rule] = {
    "use_partial_order": _FLAG,
    "use_system_positives": _FLAG,
    "use_hard_negatives": _FLAG,
    "use_quintuple": _FLAG,
    "shuffle_entries": _FLAG,
    "shuffle_cache": _FLAG,
    "hide_target": _FLAG,
    "hard_negative_source": _one_of("graph", "uniform"),
    "cascade_head": _FLAG,
    "repeat_logit": _FLAG,
    "time_gaps": _FLAG,
    "gap_dropout": _SHARE,
    "trend_windows": _Rule(
        lambda v: v is None or _are_windows(v),
        "a list of hours above 0 or of pairs [hours, weight from 0], not both, and beside either "
        "or alone triples [odd hours below 24, weight from 0, days above 0]; or ~",
    ),
    "trend_step": _POSITIVE,
    "history_state": _one_of("transformer", "mixture"),
    "temperature": _POSITIVE,
    "item_dropout": _PROBABILITY,
    "fusion": _one_of("gate", "residual"),
    "entry_training": _one_of("joint", "stacked"),
    "request_weight": _POSITIVE,
    "n_layers": _FROM_1,
    "n_heads": _FROM_1,
    "hidden_size": _FROM_1,
    "inner_size": _FROM_1,
    "hidden_dropout_prob": _PROBABILITY,
    "attn_dropout_prob": _PROBABILITY,
    "initializer_range": _POSITIVE,
    "n_candidates": _FROM_1,
    "upstream_folds": _FROM_2,
    "upstream_neighbours": _FROM_1,
    "rank_kappa": _WEIGHT,
    "rank_power": _POSITIVE,
    "request_lag": _FROM_0,
    "n_groups": _FROM_1,
    "group_samples": _FROM_1,
    "partial_order_layers": _FROM_1,
    "partial_order_attention": _one_of("better", "all"),
    "requests_per_window": _FROM_1,
    "system_positives": _FROM_1,
    "system_weight": _WEIGHT,
    "hard_negatives": _FROM_1,
    "hard_negative_share": _SHARE,
    "hard_negative_context": _FROM_1,
    "hard_negative_epsilon": _POSITIVE,
    "hard_negative_hops": _FROM_1,
    "swing_alpha": _POSITIVE,
    "swing_neighbours": _FROM_1,
    "swing_max_users_per_item": _CAP,
    "swing_max_items_per_user": _CAP,
    "margin": _WEIGHT,
    "margin_weight": _WEIGHT,
    "full_softmax_limit": _FROM_0,
    "sampled_negatives": _FROM_1,
    "negative_distribution": _one_of("uniform", "popularity"),
    "ranker_blocks": _FROM_2,
    "ranker_epochs": _FROM_1,
    "ranker_unexposed": _FROM_0,
    "MAX_ITEM_LIST_LENGTH": _FROM_1,
}

#: of the keys of the multi-task ranker; its modules check the sizes of their layers
RANKER_RULES: Dict[str, _Rule] = {
    "MAX_ITEM_LIST_LENGTH": _FROM_1,
    "embedding_size": _FROM_1,
    "hidden_size": _FROM_1,
    "n_experts": _FROM_1,
    "unexposed_negatives": _FROM_0,
    "expert_sizes": _SIZES,
    "tower_sizes": _SIZES,
    "dropout_prob": _PROBABILITY,
    "valid_metric": _Rule(lambda v: str(v).lower() == "gauc", "GAUC, what its evaluation returns"),
}

#: model of the plugin -> the rules of its own keys
RULES = {"POEM": POEM_RULES, "Upstream": POEM_RULES, "MultiTaskRanker": RANKER_RULES}


def check_values(config: Dict[str, Any]) -> None:
    """Raise `InputError` for the first key of a final configuration whose value is out of range."""
    model = config["model"]
    for key, rule in {**OVERALL_RULES, **RULES.get(model, {})}.items():
        if not rule.holds(config.get(key)):
            raise InputError(f"{key}: expected {rule.words}, not {config.get(key)!r}")
    metric, _, k = str(config["valid_metric"]).partition("@")
    known = [str(name).lower() for name in config["metrics"]]
    if metric.lower() not in known or (k and k not in map(str, config["topk"])):
        raise InputError(
            f"valid_metric: {config['valid_metric']} is none of metrics {config['metrics']} at "
            f"topk {config['topk']}"
        )
    is_ranking = metric_types.get(metric.lower()) == EvaluatorType.RANKING
    if is_ranking and not k and metric.lower() != "gauc":
        at = f"{config['valid_metric']}@{config['topk'][0]}"
        raise InputError(f"valid_metric: {config['valid_metric']} is of a list; write {at}")
    if RULES.get(model) is not POEM_RULES:
        return
    if model == "Upstream" and not config["use_partial_order"]:
        raise InputError("use_partial_order: Upstream is the cache alone, it cannot be off")
    if config["entry_training"] == "stacked" and config["fusion"] == "gate":
        raise InputError(
            "entry_training: stacked needs fusion residual, as a gate has no part that is on top; "
            "set entry_training: joint"
        )
    if config["hidden_size"] % config["n_heads"]:
        raise InputError(
            f"hidden_size: {config['hidden_size']} is no multiple of n_heads, {config['n_heads']}"
        )

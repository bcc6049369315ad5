"""What is evaluated, and by which metrics: ``eval_args``, ``metrics``, ``topk``, the files."""

import math
import re
from difflib import get_close_matches
from logging import getLogger
from typing import Any, Dict, Iterable, List, Sequence

from recbole.evaluator.register import metric_types
from recbole.utils import EvaluatorType

from recbole_poem.core.errors import InputError
from recbole_poem.data.split_by_time import NAME as SPLIT_BY_TIME

_PARTS = ("split", "order", "group_by", "mode")
_MODE = re.compile(r"full|labeled|(?:uni|pop)[1-9]\d*")
#: keys that RecBole passes over where the files are split beforehand
_FILTERS = (
    "rm_dup_inter",
    "val_interval",
    "user_inter_num_interval",
    "item_inter_num_interval",
    "positive_feedback",
    "expected_counts",
)


def check_evaluation(keys: Dict[str, Any], given: Dict[str, Any]) -> None:
    """Refuse what cannot be evaluated, whatever the data.

    Parameters
    ----------
    keys : dict
        Of a configuration, before RecBole has filled in what is missing.
    given : dict
        Those that the user gave.

    Raises
    ------
    InputError
        For the first key that is wrong.
    """
    _check_metrics(keys["metrics"])
    _check_topk(keys["topk"])
    if not isinstance(keys["valid_metric"], str):
        raise InputError(
            f"valid_metric: expected a metric such as NDCG@10, not {keys['valid_metric']!r}"
        )
    benchmark = keys.get("benchmark_filename")
    if benchmark is not None:
        _check_files(benchmark, keys)
        _tell_unread(given)
    eval_args = keys["eval_args"]
    if eval_args is None:
        raise InputError("eval_args: expected a mapping of split, order, group_by and mode, not ~")
    check_names("eval_args", eval_args, _PARTS)
    _check_modes(eval_args.get("mode", "full"))
    if benchmark is None:
        _check_order(eval_args)
        _check_split(eval_args.get("split", {"RS": [0.8, 0.1, 0.1]}))


def check_names(key: str, given: Iterable[Any], known: Iterable[Any]) -> None:
    """Refuse a name under `key` that means nothing, and tell the nearest of the `known` ones."""
    known = list(known)
    for name in given:
        if name not in known:
            raise InputError(f"{key}: expected {one_of(known)}, not {name!r}{nearest(name, known)}")


def one_of(names: Iterable[Any]) -> str:
    """Return the `names` as words: ``a, b or c``."""
    *head, last = map(str, names)
    return f"{', '.join(head)} or {last}" if head else last


def nearest(name: Any, known: Iterable[Any]) -> str:
    """Return a hint at the known name that is nearest to `name`, or nothing."""
    by_letter = {str(each).lower(): each for each in known}
    near = get_close_matches(str(name).lower(), by_letter, n=1)
    return f"; the nearest is {by_letter[near[0]]}" if near else ""


def _check_metrics(metrics: Any) -> None:
    names = [metrics] if isinstance(metrics, str) else metrics
    if not isinstance(names, (list, tuple)) or not names:
        raise InputError(f"metrics: expected names such as [NDCG, Recall], not {metrics!r}")
    for name in names:
        if not isinstance(name, str) or name.lower() not in metric_types:
            known = [known.upper() for known in metric_types]
            raise InputError(
                f"metrics: there is no metric named {name!r}{nearest(name, known)}; known are "
                f"{', '.join(sorted(known))}"
            )
    by_labels = _by_labels(names)
    if by_labels and len(by_labels) < len(names):
        raise InputError(
            f"metrics: {', '.join(by_labels)} measure labels and the others ranks; name metrics of "
            "one kind"
        )


def _by_labels(names: Sequence[str]) -> List[str]:
    return [name for name in names if metric_types[name.lower()] == EvaluatorType.VALUE]


def _check_topk(topk: Any) -> None:
    numbers = topk if isinstance(topk, (list, tuple)) else [topk]
    whole = all(isinstance(k, int) and not isinstance(k, bool) and k > 0 for k in numbers)
    if not numbers or not whole:
        raise InputError(
            "topk: expected a whole number from 1, or a list of them such as [10, 20], not "
            f"{topk!r}"
        )


def _check_files(names: Any, keys: Dict[str, Any]) -> None:
    is_names = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    if not is_names or len(names) != 3:
        raise InputError(
            "benchmark_filename: expected the names of three files, for training, validation and "
            f"test, such as [train, valid, test], not {names!r}"
        )
    for key in _FILTERS:
        if keys.get(key) not in (None, "[0,inf)", "[1,inf)"):  # which take no row
            raise InputError(
                f"{key}: files that are split beforehand, as benchmark_filename names them, are "
                "not filtered; filter the files themselves, or leave the key out"
            )


def _tell_unread(given: Dict[str, Any]) -> None:
    """Warn of what the user asks of files that are split beforehand, and RecBole passes over."""
    asked = given.get("eval_args")
    eval_args = asked if isinstance(asked, dict) else {}
    parts = [part for part in ("split", "order") if eval_args.get(part) is not None]
    unread = [f"eval_args.{part}" for part in parts]
    if given.get("filter_inter_by_user_or_item") is True:
        unread.append("filter_inter_by_user_or_item")
    if unread:
        getLogger().warning(
            f"{', '.join(unread)}: does nothing, for the files of benchmark_filename are read as "
            "they stand"
        )


def _check_modes(mode: Any) -> None:
    if isinstance(mode, dict):
        check_names("eval_args.mode", mode, ("valid", "test"))
    for each in _modes(mode):
        if not isinstance(each, str) or not _MODE.fullmatch(each):
            raise InputError(
                "eval_args.mode: expected full, labeled, or uni or pop with a number of negatives "
                f"from 1, such as uni100, not {each!r}"
            )


def _modes(mode: Any) -> List[Any]:
    return list(mode.values()) if isinstance(mode, dict) else [mode]


def check_modes_fit(keys: Dict[str, Any]) -> None:
    """Refuse metrics of ranks where nothing is ranked, and metrics of labels where all items are.

    Parameters
    ----------
    keys : dict
        As for `check_evaluation`, which has passed.

    Raises
    ------
    InputError
        That names the mode and the metrics.
    """
    names = [keys["metrics"]] if isinstance(keys["metrics"], str) else keys["metrics"]
    modes, by_labels = _modes(keys["eval_args"].get("mode", "full")), _by_labels(names)
    listed = ", ".join(names)
    if by_labels and "full" in modes:
        raise InputError(
            f"eval_args.mode: full ranks all items, and metrics asks for {listed}, of labels; "
            "write mode: labeled or uni100, or metrics of ranks, such as NDCG"
        )
    if not by_labels and "labeled" in modes:
        raise InputError(
            f"eval_args.mode: labeled ranks nothing, and metrics asks for {listed}, of ranks; "
            "write mode: full or uni100, or metrics of labels, such as AUC and LogLoss"
        )


def _check_order(eval_args: Dict[str, Any]) -> None:
    check_names("eval_args.order", [eval_args.get("order", "RO")], ("RO", "TO"))
    group = eval_args.get("group_by", "user")
    if group is not None and str(group).lower() not in ("user", "none"):
        raise InputError(f"eval_args.group_by: expected user or none, not {group!r}")


def _check_split(split: Any) -> None:
    """Refuse a split of no kind that is known."""
    kinds = ("RS", "LS", "TS", SPLIT_BY_TIME)
    if not isinstance(split, dict) or not split:
        raise InputError(
            "eval_args.split: expected a mapping such as {RS: [0.8, 0.1, 0.1]} or "
            f"{{LS: valid_and_test}}, not {split!r}"
        )
    check_names("eval_args.split", split, kinds)
    if len(split) > 1 and SPLIT_BY_TIME not in split:
        raise InputError(f"eval_args.split: expected one kind of split, not {', '.join(split)}")
    (kind, value) = next(iter(split.items()))
    if kind == "LS":
        check_names("eval_args.split.LS", [value], ("valid_and_test", "valid_only", "test_only"))
    elif kind != SPLIT_BY_TIME:
        _check_shares(kind, value)


def _check_shares(kind: str, shares: Any) -> None:
    is_three = isinstance(shares, (list, tuple)) and len(shares) == 3
    if not is_three or not all(map(_is_share, shares)) or not sum(shares):
        raise InputError(
            f"eval_args.split.{kind}: expected three shares from 0, of training, validation and "
            f"test, such as [0.8, 0.1, 0.1], not {shares!r}"
        )


def _is_share(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0

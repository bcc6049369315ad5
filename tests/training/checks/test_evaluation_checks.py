"""Evaluation that cannot be."""

from typing import Any, Dict

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config

GOOD = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": "user", "mode": "full"}


def make(model: str = "BPR", **keys: Any) -> Config:
    return Config(model, "ml-100k", config_dict=keys)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "uni"}, "eval_args.mode: expected full, labeled, or uni or pop .*not 'uni'"),
        ({"mode": "unix"}, "eval_args.mode: .*not 'unix'"),
        ({"mode": "pop0"}, "eval_args.mode: .*not 'pop0'"),
        ({"mode": "full100"}, "eval_args.mode: .*not 'full100'"),
        ({"mode": None}, "eval_args.mode: .*not None"),
        ({"mode": {"valid": "uni5", "tset": "full"}}, "not 'tset'; the nearest is test"),
        ({"mode": "labeled"}, "eval_args.mode: labeled ranks nothing, and metrics asks for Recall"),
        ({"mode": {"test": "labeled"}}, "eval_args.mode: labeled ranks nothing"),
        ({"order": "T0"}, "eval_args.order: expected RO or TO, not 'T0'"),
        ({"group_by": "users"}, "eval_args.group_by: expected user or none, not 'users'"),
        ({"ordre": "TO"}, "eval_args: expected split, .*not 'ordre'; the nearest is order"),
        ({"split": {"RSS": [1, 1, 1]}}, "eval_args.split: expected RS, LS, TS or split_by_time"),
        ({"split": {"LS": "test_olny"}}, "eval_args.split.LS: .*the nearest is test_only"),
        ({"split": {"LS": 2}}, "eval_args.split.LS: .*not 2"),
        ({"split": {}}, "eval_args.split: expected a mapping such as"),
        ({"split": None}, "eval_args.split: expected a mapping such as"),
        ({"split": {"RS": [8, 1, 1], "LS": "test_only"}}, "expected one kind of split, not RS, LS"),
        (
            {"split": {"RS": [0.8, 0.2]}},
            r"eval_args.split.RS: expected three shares .*\[0.8, 0.2\]",
        ),
        ({"split": {"RS": [-1, 1, 1]}}, "eval_args.split.RS: expected three shares from 0"),
        ({"split": {"RS": [0, 0, 0]}}, "eval_args.split.RS: expected three shares from 0"),
        ({"split": {"TS": ["a", 1, 1]}}, "eval_args.split.TS: expected three shares from 0"),
    ],
)
def test_eval_args_that_mean_nothing_are_refused(change: Dict[str, Any], words: str) -> None:
    make(eval_args=GOOD)
    with pytest.raises(InputError, match=words):
        make(eval_args={**GOOD, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "uni100"},
        {"mode": {"valid": "pop5"}},
        {"group_by": None},
        {"group_by": "none"},
        {"split": {"RS": [8, 1, 1]}},
        {"split": {"LS": "test_only"}},
        {"split": {"split_by_time": {"valid": "1 day", "test": "1 day"}}},
    ],
)
def test_eval_args_pass(change: Dict[str, Any]) -> None:
    make(eval_args={**GOOD, **change})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"eval_args": None}, "eval_args: expected a mapping"),
        ({"eval_args": "full"}, "eval_args: expected a mapping such as .*not 'full'"),
        ({"metrics": ["NDGC"]}, "metrics: there is no metric named 'NDGC'; the nearest is NDCG"),
        ({"metrics": [3]}, "metrics: there is no metric named 3"),
        ({"metrics": []}, "metrics: expected names such as"),
        ({"metrics": None}, "metrics: expected names such as"),
        ({"metrics": ["NDCG", "AUC"]}, "metrics: AUC measure labels and the others ranks"),
        ({"metrics": ["AUC"]}, "eval_args.mode: full ranks all items, and metrics asks for AUC"),
        ({"topk": []}, "topk: expected a whole number from 1, or a list"),
        ({"topk": 5.5}, "topk: .*not 5.5"),
        ({"topk": [5, "x"]}, "topk: .*not .5, 'x'."),
        ({"valid_metric": None}, "valid_metric: expected a metric such as NDCG@10, not None"),
        ({"benchmark_filename": "train"}, "benchmark_filename: expected the names of three files"),
        ({"benchmark_filename": ["train", "test"]}, "benchmark_filename: expected the names"),
        (
            {"benchmark_filename": ["a", "b", "c"], "val_interval": {"rating": "[4,inf)"}},
            "val_interval: files that are split beforehand.*are not filtered",
        ),
        (
            {"benchmark_filename": ["a", "b", "c"], "item_inter_num_interval": "[5,inf)"},
            "item_inter_num_interval: files that are split beforehand",
        ),
    ],
)
def test_metrics_and_files_that_mean_nothing_are_refused(keys: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(**keys)


def test_files_split_beforehand_need_no_split() -> None:
    make(benchmark_filename=["a", "b", "c"], eval_args={"split": None, "mode": "full"})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"positive_feedback": {"rating": "[4,inf)"}}, r"positive_feedback: .* not filtered"),
        ({"expected_counts": {"users": 3}}, r"expected_counts: files that are split beforehand"),
    ],
)
def test_what_files_split_beforehand_cannot_obey_is_refused(more: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        make(benchmark_filename=["a", "b", "c"], **more)


def test_what_files_split_beforehand_pass_over_is_told(caplog: pytest.LogCaptureFixture) -> None:
    more = {"eval_args": {"split": {"RS": [8, 1, 1]}, "order": "RO", "mode": "full"}}
    make("BPR", benchmark_filename=["a", "b", "c"], filter_inter_by_user_or_item=True, **more)
    words = "eval_args.split, eval_args.order, filter_inter_by_user_or_item: does nothing, for the"
    assert words in caplog.text

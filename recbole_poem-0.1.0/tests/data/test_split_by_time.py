"""Splits at two moments: their words, the rows of each part, and the same rows for every model."""

from datetime import date
from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log, successor_log
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.dataset import FlatSequentialDataset, POEMDataset
from recbole_poem.data.preparation import data_preparation
from recbole_poem.data.split_by_time import Cuts, cuts_in_time
from recbole_poem.log.feedback import feedback_column
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble, create_dataset
from recbole_poem.training.quick_start import load, run_recbole_poem

DAY = 86400.0
MAY_1 = 1651363200.0  # 2022-05-01 00:00 UTC
LOG = (MAY_1, MAY_1 + 8 * DAY)


def by_time(**settings: Any) -> Dict[str, Any]:
    return {"eval_args": {"split": {"split_by_time": settings}, "order": "TO", "mode": "full"}}


@pytest.mark.parametrize(
    ("valid", "test", "days"),
    [
        ("24 hours", "last 24 hours", (6, 7)),
        ("Last 1 day", "1 day", (6, 7)),
        ("1.5 days", "last 90 minutes", (6.4375, 7.9375)),
        ("1 week", "last 43200 seconds", (0.5, 7.5)),
        ("2022-05-05", "after 2022-05-07 00:00", (4, 6)),
        ("after 2022-05-05", "2022-05-07 08:00+08:00", (4, 6)),
        ("24 hours", "After  2022-05-07T12:00:00", (5.5, 6.5)),
        ("after 2022-05-05", "last 24 hours", (4, 7)),
    ],
)
@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_dates_and_windows(
    valid: Any, test: Any, days: Tuple[float, float], unit: str, factor: int
) -> None:
    settings = {"valid": valid, "test": test}
    cuts = cuts_in_time(settings, LOG[0] * factor, LOG[1] * factor, unit)
    assert cuts == Cuts(*(factor * (MAY_1 + day * DAY) for day in days))


@pytest.mark.parametrize("unit", ["s", "ms"])
@pytest.mark.parametrize("cuts", [(20, 30.5), ("20", "after 30.5")])
def test_numbers_are_in_the_unit_of_the_time_field(unit: str, cuts: Tuple[Any, Any]) -> None:
    assert cuts_in_time(dict(zip(("valid", "test"), cuts)), 0, 40, unit) == Cuts(20, 30.5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("last 24 hours", "by_time: expected {valid: 24 hours, .*not 'last 24 hours'"),
        ({"test": "last 24 hours"}, "by_time: expected {valid: 24 hours"),
        ({"valid": 1, "test": 2, "train": 0}, "by_time: expected {valid: 24 hours"),
        (
            {"valid": "24 hours", "test": "last 24 parsecs"},
            r"time\.test: 'last 24 parsecs' is no date such as '2022-05-07 00:00', no number and",
        ),
        ({"valid": "7 May", "test": "last 1 day"}, r"time\.valid: '7 May' is no date"),
        ({"valid": None, "test": "last 1 day"}, r"time\.valid: 'None' is no date"),
        ({"valid": True, "test": "last 1 day"}, r"time\.valid: 'True' is no date"),
        ({"valid": "inf", "test": "last 1 day"}, r"time\.valid: 'inf' is no date"),
        (
            {"valid": date(2022, 5, 5), "test": "last 1 day"},
            r"time\.valid: put quotes or the word 'after' before the date 2022-05-05",
        ),
        (
            {"valid": "7 days", "test": "last 1 day"},
            "validation from 2022-05-01 00:00:00 and test from 2022-05-08 00:00:00 leave training, "
            "validation or test no row of a log from 2022-05-01 00:00:00 to 2022-05-09 00:00:00 "
            r"\(time_unit: s\)",
        ),
        ({"valid": "1 day", "test": "after 2022-05-10"}, "leave training, validation or test no"),
        ({"valid": "2022-05-07", "test": "2022-05-06"}, "leave training, validation or test no"),
        ({"valid": "2022-05-07", "test": "2022-05-07"}, "leave training, validation or test no"),
    ],
)
def test_what_cannot_be_a_split_is_said_in_one_sentence(settings: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        cuts_in_time(settings, *LOG, "s")
    assert str(caught.value).startswith("eval_args.split.split_by_time")
    assert "\n" not in str(caught.value)


def test_milliseconds_that_are_taken_for_seconds_show_in_the_dates() -> None:
    settings = {"valid": "2022-05-05", "test": "2022-05-07"}
    with pytest.raises(InputError, match=r"from 1651363200000 to .* \(time_unit: s\)"):
        cuts_in_time(settings, LOG[0] * 1000, LOG[1] * 1000, "s")


def parts_of(config_dict: Dict[str, Any]) -> List[Any]:
    return list(create_dataset(Config(config_dict=config_dict)).build())


def rows_of(part: Any) -> List[Tuple[str, str, float]]:
    rows = part.inter_feat
    user = part.id2token("user_id", rows["user_id"].numpy())
    item = part.id2token("item_id", rows["item_id"].numpy())
    return sorted(zip(user, item, rows["rating"].tolist()))


def expected_rows(log: pd.DataFrame, cuts: Tuple[float, float]) -> List[Any]:
    """The parts by a loop: rows of each, without the held-out rows that are first of their user."""
    parts: List[Any] = [[], [], []]
    seen = set()
    for row in log.sort_values("timestamp", kind="stable").itertuples():
        part = sum(row.timestamp >= cut for cut in cuts)
        parts[part].append((row.user_id, row.item_id, row.rating, row.user_id in seen))
        seen.add(row.user_id)
    return parts


MODELS: List[Dict[str, Any]] = [
    {"model": "POEM"},
    {"model": "Upstream"},
    {"model": "SASRec"},
    {"model": "SASRec", "lazy_sequences": True},
    {"model": "DIN", "metrics": ["AUC"], "valid_metric": "AUC"},
    {"model": "BPR"},
    {"model": "Pop"},
]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_model_gets_the_rows_of_a_loop(
    write_dataset: Any, model: Dict[str, Any], normalize: bool
) -> None:
    log = random_log(3, n_users=40)  # with ties, 1 s apart, which float32 merges
    # ratings that tell all rows apart
    log["rating"] = np.arange(len(log), dtype=float)
    end = log["timestamp"].max()
    keys = {**write_dataset(log), **model, **by_time(valid="8 seconds", test="last 7 seconds")}
    if model["model"] == "DIN":
        keys["eval_args"]["mode"] = "uni20"
    keys.update(normalize_all=False, normalize_field=["timestamp"] if normalize else None)
    parts = expected_rows(log, (end - 15, end - 7))
    is_general = model["model"] in ("BPR", "Pop")
    for number, part in enumerate(parts_of(keys)):
        kept = [row[:3] for row in parts[number] if row[3] or (is_general and number == 0)]
        assert rows_of(part) == sorted(kept)
    several = pd.Series([row[0] for row in parts[2]]).value_counts()
    assert several.max() > 3  # rows of one user


def test_windows_hold_the_earlier_rows_of_the_user_held_out_ones_too(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(3, n_users=40)), "model": "POEM", "MAX_ITEM_LIST_LENGTH": 20}
    parts = parts_of({**keys, **by_time(valid="8 seconds", test="last 7 seconds")})
    test = parts[2]
    log, among_earlier = test.log, 0
    for index, request in enumerate(test.inter_feat[REQUEST_ID].tolist()):
        row = test[index]
        earlier = log.item[log.first[request] : request]
        assert row["item_id_list"][: row["item_length"]].tolist() == earlier.tolist()
        among_earlier += int((log.time[log.first[request] : request] >= log.time.max() - 7).sum())
    assert among_earlier > 20


def test_lazy_and_stored_windows_are_the_same(write_dataset: Any) -> None:
    keys = {**write_dataset(random_log(5, n_users=40)), "model": "SASRec"}
    keys.update(by_time(valid="8 seconds", test="last 7 seconds"))
    lazy, stored = (parts_of({**keys, "lazy_sequences": on}) for on in (True, False))
    for one, two in zip(lazy, stored):
        assert isinstance(one, FlatSequentialDataset)
        assert not isinstance(two, FlatSequentialDataset)
        one, two = one[torch.arange(len(one))], two[torch.arange(len(two))]
        for field in two.columns:
            assert torch.equal(one[field], two[field]), field


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    valid=st.integers(1, 12),
    test=st.integers(1, 12),
    rating=st.booleans(),
)
def test_training_part_of_the_log_is_all_that_came_before_validation(
    tmp_path_factory: Any, seed: int, valid: int, test: int, rating: bool
) -> None:
    log = random_log(seed, n_users=20)
    folder = tmp_path_factory.mktemp("split")
    (folder / "toy").mkdir()
    head = ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
    log.to_csv(folder / "toy" / "toy.inter", sep="\t", index=False, header=head)
    keys: Dict[str, Any] = {
        "model": "POEM",
        "dataset": "toy",
        "data_path": str(folder),
        "state": "WARNING",
        "use_gpu": False,
        "positive_feedback": {"rating": "[3,inf)"} if rating else None,
        **by_time(valid=f"{valid} seconds", test=f"last {test} seconds"),
    }
    try:
        train, *held_out = parts_of(keys)
    except InputError as error:
        assert "row to predict" in str(error)
        return
    assert isinstance(train, POEMDataset)
    end = log["timestamp"].max()
    assert np.array_equal(train.log.training, train.log.time < end - test - valid)
    assert train.log.training[train.inter_feat[REQUEST_ID]].all()
    for part in held_out:
        assert part.log is train.log
        assert not train.log.training[part.inter_feat[REQUEST_ID]].any()


def cold_log() -> pd.DataFrame:
    """Nine users with a row an hour for eight hours, and one who comes in the seventh hour."""
    log = pd.DataFrame(
        [(f"u{u}", f"i{(u + h) % 12}", 3600.0 * h + u) for h in range(8) for u in range(9)]
        + [("late", f"i{k}", 3600.0 * 7 + 60 * k + 10) for k in range(4)],
        columns=["user_id", "item_id", "timestamp"],
    )
    return log.assign(rating=3.0)


@pytest.mark.parametrize("model", ["POEM", "SASRec", "BPR"])
def test_users_without_a_training_row_are_tested_from_their_second_row(
    write_dataset: Any, model: str
) -> None:
    keys = {**write_dataset(cold_log()), "model": model, "topk": [3], "valid_metric": "NDCG@3"}
    keys.update(by_time(valid="1 hour", test="last 10 minutes"))
    small = {"ranking_source.n_candidates": 4, "ranking_source.folds": 2} if model == "POEM" else {}
    experiment = assemble(Config(config_dict={**keys, **small}))
    late = [row[1] for row in rows_of(experiment.test_data._dataset) if row[0] == "late"]
    assert late == ["i1", "i2", "i3"]
    metrics = experiment.evaluate("test")
    assert all(0 <= value <= 1 for value in metrics.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"order": "RO"}, "eval_args: split_by_time needs order 'TO' and no other split"),
        ({"split": {"split_by_time": {}, "RS": [8, 1, 1]}}, "needs order 'TO' and no other split"),
        (
            {"split": {"split_by_time": {"valid": "30 minutes", "test": "last 5 minutes"}}},
            "validation from .* leave no validation row to predict",
        ),
    ],
)
@pytest.mark.parametrize("model", ["POEM", "SASRec", "BPR"])
def test_a_split_that_does_not_work_is_refused_for_every_model(
    write_dataset: Any, model: str, change: Dict[str, Any], words: str
) -> None:
    log = cold_log()
    log["timestamp"] = log["timestamp"].where(log["user_id"] != "late", 3600.0 * 7 + 9)
    keys = {**write_dataset(log), "model": model}
    args = {"split": {"split_by_time": {"valid": "1 hour", "test": "last 1 hour"}}, "order": "TO"}
    config = Config(config_dict={**keys, "eval_args": {**args, "mode": "full", **change}})
    with pytest.raises(InputError, match=words):
        data_preparation(config, create_dataset(config))


def test_positive_feedback_decides_what_is_held_out(write_dataset: Any) -> None:
    log = random_log(3, n_users=40)
    keys = {**write_dataset(log), "model": "POEM", "positive_feedback": {"rating": "[4,inf)"}}
    for part in parts_of({**keys, **by_time(valid="8 seconds", test="last 7 seconds")}):
        assert (part.log.values["rating"][part.inter_feat[REQUEST_ID]] >= 4).all()


def test_time_unit_is_s_or_ms() -> None:
    with pytest.raises(InputError, match="time_unit: expected one of s, ms, not 'min'"):
        Config("POEM", "ml-100k", config_dict={"time_unit": "min"})


def watched_log() -> pd.DataFrame:
    """The toy world of successors, an hour a row, in which every third video is skipped."""
    log = successor_log(n_users=80, n_items=12, length=20)
    step = (log["timestamp"] - log["timestamp"].min()) / 60
    log["timestamp"] = 1.6e12 + 3.6e6 * step  # milliseconds
    log["duration_ms"] = 10_000.0 + 1000 * (np.arange(len(log)) % 37)
    item = log["item_id"].str[1:].astype(int)
    log["play_time_ms"] = np.where(item % 3 == 0, 500.0, 0.8 * log["duration_ms"])
    return log


def test_poem_trains_on_watch_time_and_is_tested_on_the_last_hours(write_dataset: Any) -> None:
    keys = {
        **write_dataset(watched_log()),
        **by_time(valid="2 hours", test="last 3 hours"),
        "model": "POEM",
        "time_unit": "ms",
        "watch_time": {"play": "play_time_ms", "duration": "duration_ms", "unit": "ms"},
        "positive_feedback": {"watch_gain": "[0,inf)"},
        "objectives": {
            "click": {"similarity": "transition"},
            "watched": {"similarity": "cosine", "feedback": {"duration_quantile": "[0.3,1]"}},
        },
        "ranking_source.n_candidates": 5,
        "grouping.n_groups": 2,
        "ranking_reader.group_samples": 2,
        "hidden_size": 16,
        "inner_size": 16,
        "hidden_dropout_prob": 0.0,
        "attn_dropout_prob": 0.0,
        "MAX_ITEM_LIST_LENGTH": 8,
        "train_batch_size": 128,
        "learning_rate": 0.01,
        "epochs": 10,
        "topk": [1],
        "valid_metric": "Hit@1",
    }
    result = run_recbole_poem(config_dict=keys)
    experiment = load(result["model_file"])
    test = experiment.test_data._dataset
    hours = (test.log.time - test.log.time.max()) / 3.6e6
    requests = test.inter_feat[REQUEST_ID].numpy()
    assert sorted(set(hours[requests])) == [-3, -2, -1, 0]
    items = test.id2token("item_id", test.log.item[requests])
    assert not {int(item[1:]) % 3 for item in items} - {1, 2}  # no skipped video is a target
    assert experiment.evaluate("test") == result["test_result"]
    assert result["test_result"]["hit@1"] > 0.9  # the successor, which training rows tell


def test_estimated_labels_need_a_split_that_does_not_depend_on_them(write_dataset: Any) -> None:
    keys = {**write_dataset(watched_log()), "model": "POEM"}
    keys["watch_time"] = {"play": "play_time_ms", "duration": "duration_ms", "unit": "ms"}
    with pytest.raises(InputError, match=r"^positive_feedback: watch_gain is estimated from train"):
        parts_of({**keys, "positive_feedback": {"watch_gain": "[0,inf)"}})
    train = parts_of({**keys, "positive_feedback": {"watch_ratio": "[0.5,inf)"}})[0]
    assert np.isfinite(feedback_column(train.log, "watch_gain", "key")).all()
